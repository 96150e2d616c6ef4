// The place Train: drop texts, choose a recipe, watch trainings, stop them and go on.

import { keep, onAddress, read } from "./address.js";
import { ask, askJson, field, h, notify, place } from "./dom.js";
import { makeForm } from "./training_form.js";
import { makeTable } from "./runs_table.js";
import { language, word } from "./words.js";

const REDRAW = 1000; // milliseconds from one drawing of the curves to the next
const MOST = 12; // curves over one another

export async function create(root) {
  const known = await askJson("/api/train/form");
  const form = makeForm(known, begun);
  const table = makeTable(known.columns, chosen);
  const y = select(known.quantities, "quantity", "loss", (value) => keep({ y: value }));
  const x = select(known.across, "across", "steps", (value) => keep({ x: value }));
  const chart = h("figure", { class: "figure" });
  const about = h("div");
  const problems = h("div", { role: "status", "aria-live": "polite" });
  const others = h("select", { on: { change: () => { keep({ entry: others.value }); report(); } } });
  const outcome = h("article", { class: "report" });
  const outcomes = h("section", { hidden: true }, h("h3", { word: "studies and comparisons" }),
    field("entry", others), outcome);
  let runs = new Map();
  let entries = new Map();
  let selected = [];
  let source = null;
  let drawn = 0; // when the curves were asked for
  let waiting = 0;

  root.append(
    h("h2", { word: "train" }), problems, table.element,
    h("div", { class: "two" },
      h("div", { class: "column" }, form.element),
      h("div", { class: "column" },
        h("div", { class: "row" }, field("quantity", y), field("across", x)), chart, about)),
    outcomes);

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
    entries = new Map();
    source = new EventSource("/api/train/events");
    source.addEventListener("changes", (event) => take(JSON.parse(event.data)));
  }

  function take(changes) {
    for (const [id, run] of Object.entries(changes.runs)) runs.set(id, run);
    for (const [id, entry] of Object.entries(changes.others)) entries.set(id, entry);
    for (const id of changes.gone) {
      runs.delete(id);
      entries.delete(id);
    }
    if (changes.failed || changes.beginning) tell(changes);
    table.show(runs, selected);
    if (Object.keys(changes.others).length || changes.gone.length) list();
    if (selected.some((id) => id in changes.runs)) draw();
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

  function chosen(ids) {
    selected = ids.slice(-MOST);
    keep({ run: selected.map(encodeURIComponent).join(",") });
    table.show(runs, selected);
    draw(true);
  }

  function begun(run) {
    notify(word("begun", { run }));
    chosen([run]);
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
    if (!there.length) {
      chart.replaceChildren();
      about.replaceChildren();
      return;
    }
    const query = new URLSearchParams({ x: x.value, y: y.value, language: language() });
    for (const id of there) query.append("run", id);
    place(chart, await (await ask(`/api/train/chart?${query}`)).text());
    if (!chart.firstChild) chart.replaceChildren(h("p", { class: "soft", word: "no records yet" }));
    await showRun(there.at(-1));
  }

  async function showRun(id) {
    const run = runs.get(id);
    const told = await askJson(`/api/train/run?${new URLSearchParams({ run: id })}`);
    const focus = document.activeElement?.dataset?.act;
    const longer = about.querySelector("input");
    const samples = told.samples.toReversed();
    about.replaceChildren(...[
      h("h3", {}, run.label),
      h("p", {}, h("span", { word: `state ${run.state}` }), ...why(run)),
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

  function why(run) {
    if (run.message) return [": ", run.message];
    return run.reason && run.state === "done" ? [": ", h("span", { word: `reason ${run.reason}` })] : [];
  }

  function progress(run) {
    if (run.state !== "running" || run.fraction === null) return null;
    const bar = h("progress", { max: 1, value: run.fraction, label: "done so far" });
    const left = run.seconds_left === null ? "" : word("time left", { time: time(run.seconds_left) });
    return h("p", {}, bar, ` ${Math.floor(100 * run.fraction)} % `, left);
  }

  function actions(id, run, typed) {
    if (run.state === "running") return [act("pause", () => ask("/api/train/stop", { run: id }))];
    const kinds = known.budgets.map((name) => h("option", { value: name, word: `budget ${name}` }));
    const kind = h("select", { "data-act": "kind" }, ...kinds);
    const number = h("input", { type: "number", min: 0, step: "any", value: typed ?? "",
      "data-act": "number" });
    const longer = () => ask("/api/train/resume",
      { run: id, budget: { [kind.value]: Number(number.value) } });
    const resume = act("resume", () => ask("/api/train/resume", { run: id }));
    return [
      run.state === "stopped" || run.state === "killed" ? resume : null,
      field("go on until", number), field("of", kind), act("go on", longer),
    ];
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

  // -- studies and comparisons

  function list() {
    outcomes.hidden = entries.size === 0;
    others.replaceChildren(h("option", { value: "", word: "choose" }),
      ...[...entries].map(([id, { label }]) => h("option", { value: id }, label)));
    const wanted = read().parameters.get("entry") ?? "";
    const changed = wanted !== outcome.dataset.entry;
    others.value = entries.has(wanted) ? wanted : "";
    if (changed && others.value) report();
  }

  async function report() {
    const entry = others.value;
    outcome.dataset.entry = entry;
    if (!entry) return outcome.replaceChildren();
    outcome.replaceChildren(h("p", { class: "soft", word: "computing" }));
    const query = new URLSearchParams({ entry, language: language() });
    try {
      const found = await (await ask(`/api/train/report?${query}`)).text();
      if (outcome.dataset.entry === entry) place(outcome, found);
    } catch (error) {
      outcome.replaceChildren(h("div", { class: "error" }, h("p", {}, error.message)));
    }
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
      listen();
      table.show(runs, selected);
      draw(true);
    },
    translate() {
      table.show(runs, selected);
      form.translate();
      draw(true);
      report();
    },
  };
}

function time(seconds) {
  const whole = Math.round(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
