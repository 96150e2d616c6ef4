// The place Train: begin trainings, searches and comparisons, watch them, stop them and go on.

import { keep, onAddress, read } from "./address.js";
import { ask, askJson, field, h, notify, place } from "./dom.js";
import { makeForm, time } from "./job_form.js";
import { makeOutcomes } from "./outcomes.js";
import { makeTable } from "./runs_table.js";
import { language, word } from "./words.js";

const REDRAW = 1000; // milliseconds from one drawing of the curves to the next
const AGAIN = 3000; // milliseconds until a server that refused is asked again
const MOST = 12; // curves over one another

export async function create(root) {
  const known = await askJson("/api/jobs/form");
  const form = makeForm(known, begun);
  const table = makeTable(known.columns, chosen);
  const y = select(known.quantities, "quantity", "loss", (value) => keep({ y: value }));
  const x = select(known.across, "across", "steps", (value) => keep({ x: value }));
  const axes = h("div", { class: "row", hidden: true }, field("quantity", y), field("across", x));
  const chart = h("figure", { class: "figure" });
  const about = h("div");
  const curves = h("div", { class: "column" }, axes, chart, about);
  const problems = h("div", { role: "status", "aria-live": "polite" });
  const outcomes = makeOutcomes();
  let runs = new Map();
  let heard = false; // whether the server has told of them
  let entries = new Map();
  let selected = [];
  let reveal = false; // the next drawing is to be in sight
  let source = null;
  let drawn = 0; // when the curves were asked for
  let waiting = 0;

  root.append(
    h("h2", { word: "train" }), problems, table.element,
    h("div", { class: "two" },
      h("div", { class: "column" }, form.element), curves),
    outcomes.element);

  function select(names, prefix, first, kept) {
    const element = h("select", { on: { change: () => { kept(element.value); draw(); } } },
      ...names.map((name) => h("option", { value: name, word: `${prefix} ${name}` })));
    element.value = first;
    return element;
  }

  // -- what the server tells

  function listen() {
    const wanted = read().place === "train" && !document.hidden;
    if (wanted === Boolean(source)) return;
    if (!wanted) {
      source.close();
      source = null;
      return;
    }
    runs = new Map();
    heard = false;
    entries = new Map();
    source = new EventSource("/api/train/events");
    source.addEventListener("changes", (event) => take(JSON.parse(event.data)));
    source.addEventListener("error", lost);
  }

  function lost() {
    notify(word("no server"));
    if (source?.readyState !== EventSource.CLOSED) return; // it asks again by itself
    source = null;
    setTimeout(listen, AGAIN);
  }

  function showTable() {
    table.show(heard ? runs : null, selected);
  }

  function take(changes) {
    heard = true;
    for (const [id, run] of Object.entries(changes.runs)) runs.set(id, run);
    for (const [id, entry] of Object.entries(changes.others)) entries.set(id, entry);
    for (const id of changes.gone) {
      runs.delete(id);
      entries.delete(id);
    }
    if (changes.failed || changes.beginning) tell(changes);
    showTable();
    outcomes.show(entries, new Set(Object.keys(changes.others)));
    if (selected.some((id) => id in changes.runs) || !chart.firstElementChild) draw();
  }

  let begins = [];
  let failures = [];
  function tell(changes) {
    begins = changes.beginning ?? begins;
    failures = changes.failed ?? failures;
    problems.replaceChildren(
      ...begins.map((run) => h("p", { class: "soft", word: "run begins", values: { run } })),
      ...failures.map(({ run, message }) => h("div", { class: "error" },
        h("p", {}, `${run}: ${message}`))));
  }

  // -- what is chosen

  // `looked`: one was clicked on, to be seen.
  function chosen(ids, looked = false) {
    reveal = looked;
    selected = ids.slice(-MOST);
    keep({ run: selected.map(encodeURIComponent).join(",") });
    showTable();
    draw(true);
  }

  function begun(entry) {
    if (entry.startsWith("runs/")) chosen([entry], true);
    else {
      keep({ entry });
      outcomes.element.scrollIntoView();
    }
  }

  // The curves at most once in a while, and once more after the last change.
  function draw(now = false) {
    clearTimeout(waiting);
    const left = drawn + REDRAW - performance.now();
    if (!now && left > 0) {
      waiting = setTimeout(draw, left);
      return;
    }
    drawn = performance.now();
    drawNow().catch((error) => notify(error.message));
  }

  async function drawNow() {
    const there = selected.filter((id) => runs.has(id) && runs.get(id).state !== "damaged");
    axes.hidden = !there.length;
    curves.classList.toggle("first", there.length > 0);
    if (!there.length) {
      chart.replaceChildren(runs.size ? h("p", { class: "soft", word: "choose a run" }) : "");
      about.replaceChildren();
      return;
    }
    const query = new URLSearchParams({ x: x.value, y: y.value, language: language() });
    for (const id of there) query.append("run", id);
    // seconds for the first look at a run with a hundred thousand records
    if (!chart.querySelector("svg")) chart.replaceChildren(h("p", { class: "soft", word: "computing" }));
    place(chart, await (await ask(`/api/train/chart?${query}`)).text());
    if (!chart.firstChild) chart.replaceChildren(h("p", { class: "soft", word: "no records yet" }));
    await showRun(there.at(-1));
    if (reveal) chart.scrollIntoView({ block: "nearest" });
    reveal = false;
  }

  async function showRun(id) {
    const run = runs.get(id);
    const told = await askJson(`/api/train/run?${new URLSearchParams({ run: id })}`);
    const focus = document.activeElement?.dataset?.act;
    const longer = about.querySelector("input");
    const samples = told.samples.toReversed();
    about.replaceChildren(...[
      selected.length > 1 ? act("compare chosen", compareChosen) : null,
      h("h3", {}, run.label),
      h("p", {}, h("span", { word: `state ${run.state}` }), because(run)),
      progress(run),
      h("div", { class: "row" }, ...actions(id, run, longer?.value)),
      ...samples.slice(0, 1).map(sample),
      samples.length > 1
        ? h("details", {}, h("summary", { word: "earlier samples" }), ...samples.slice(1).map(sample))
        : null,
      h("details", {}, h("summary", { word: "in a terminal" }),
        h("pre", {}, told.commands.join("\n"))),
    ].filter(Boolean));
    if (focus) about.querySelector(`[data-act="${focus}"]`)?.focus();
  }

  function because(run) {
    const why = run.message || (run.reason && run.state === "done" && word(`reason ${run.reason}`));
    return why ? word("because", { why }) : "";
  }

  function progress(run) {
    if (run.state !== "running" || run.fraction === null) return null;
    const bar = h("progress", { max: 1, value: run.fraction, label: "done so far" });
    const left = run.seconds_left === null ? "" : word("time left", { time: time(run.seconds_left) });
    return h("p", {}, bar, ` ${Math.floor(100 * run.fraction)} % `, left);
  }

  function actions(id, run, typed) {
    if (run.state === "running") return [act("pause", () => ask("/api/jobs/stop", { entry: id }))];
    const kinds = known.budgets.map((name) => h("option", { value: name, word: `budget ${name}` }));
    const kind = h("select", { "data-act": "kind" }, ...kinds);
    const number = h("input", { type: "number", min: 0, step: "any", value: typed ?? "",
      "data-act": "number" });
    const longer = () => ask("/api/jobs/resume",
      { entry: id, budget: { [kind.value]: Number(number.value) } });
    const resume = act("resume", () => ask("/api/jobs/resume", { entry: id }));
    return [
      run.state === "stopped" || run.state === "killed" ? resume : null,
      field("go on until", number), field("of", kind), act("go on", longer),
    ];
  }

  async function compareChosen() {
    begun((await askJson("/api/jobs/compare/start", { runs: selected })).entry);
  }

  function act(key, does) {
    const button = h("button", { type: "button", word: key, "data-act": key, on: { click: async () => {
      button.disabled = true;
      await does().catch((error) => notify(error.message));
      button.disabled = false;
    } } });
    return button;
  }

  function sample({ step, text }) {
    return h("section", {}, h("h4", { word: "sample after", values: { step: step.toLocaleString() } }),
      h("p", { class: "sample" }, text));
  }

  document.addEventListener("visibilitychange", listen);
  onAddress(listen);

  return {
    show(parameters) {
      const ids = (parameters.get("run") ?? "").split(",").filter(Boolean).map(decodeURIComponent);
      if (known.quantities.includes(parameters.get("y"))) y.value = parameters.get("y");
      if (known.across.includes(parameters.get("x"))) x.value = parameters.get("x");
      if (ids.join() !== selected.join()) selected = ids.slice(-MOST);
      table.restore(parameters);
      form.show(parameters);
      listen();
      outcomes.show(entries, new Set());
      showTable();
      draw(true);
    },
    translate() {
      showTable();
      form.translate();
      draw(true);
      outcomes.redraw();
    },
  };
}
