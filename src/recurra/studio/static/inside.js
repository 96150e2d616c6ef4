// The place Look inside: a text coloured by one unit, the units ranked, the state as a map.

import { keep } from "./address.js";
import { askJson, debounced, field, h, notify, place } from "./dom.js";
import { offerRuns } from "./runs_choice.js";
import { makeSheet, mark, visible } from "./coloured_text.js";
import { language, word } from "./words.js";

const STEPS = 4; // colours on each side of zero
const CELL = 4; // pixels of a character in the map

export async function create(root) {
  const run = h("select", { on: { change: () => { keep({ run: run.value, vector: "", unit: "" }); load(); } } });
  const vector = h("select", { on: { change: () => { keep({ vector: vector.value, unit: "" }); load(); } } });
  const unit = h("input", { type: "number", min: 0, value: 0, on: { input: () => choose(Number(unit.value)) } });
  const told = h("p", { class: "soft", role: "status", "aria-live": "polite" });
  const skipped = h("p", { class: "unknown-list", hidden: true });
  const sheet = makeSheet("text", debounced(500, () => load(true)), look, select);
  const ranking = h("div", { class: "ranking" });
  const canvas = h("canvas", { role: "img", label: "state map", tabindex: 0, on: { click: pick, keydown: step } });
  const find = h("button", { type: "button", class: "main", word: "find passages", disabled: true, on: { click: passages } });
  const selection = h("p", { class: "soft" }, h("span", { word: "select text" }));
  const foundUnits = h("p", { class: "units" });
  const foundPassages = h("ol", { class: "passages" });
  const other = h("select", { on: { change: () => { keep({ other: other.value }); reach(); } } });
  const reachFigure = h("div", { class: "diagram figure" });
  const reachTable = h("ul");
  let seen = null; // the server's answer, with `values` as bytes
  let chosen = 0;
  let span = null; // the selection
  let asked = null;

  root.append(
    h("h2", { word: "inside" }),
    h("div", { class: "row" }, field("run looked at", run), field("vector", vector), field("unit", unit)),
    h("div", { class: "writing" },
      h("div", { class: "column" }, sheet.element, skipped, told, legend()),
      h("aside", { label: "ranking" }, h("h3", { word: "ranking" }), h("p", { class: "soft", word: "ranking text" }), ranking)),
    h("h3", { word: "state map" }), h("p", { class: "soft", word: "state map text" }),
    h("div", { class: "map" }, canvas),
    h("h3", { word: "passages" }), selection, find, foundUnits, foundPassages,
    h("h3", { word: "reach" }), h("p", { word: "reach text" }),
    h("div", { class: "row" }, field("beside", other)), reachFigure, reachTable);

  function legend() {
    const marks = [...Array(2 * STEPS + 1)].map((_, i) => h("span", { class: `v${i}` },
      i === 0 ? "−" : i === STEPS ? "0" : i === 2 * STEPS ? "+" : " "));
    return h("p", { class: "legend" }, h("span", { word: "value" }), ...marks);
  }

  async function load(typed = false) {
    if (!run.value) return;
    asked?.abort();
    asked = new AbortController();
    const form = { run: run.value, vector: vector.value, text: sheet.text };
    let found;
    told.textContent = word("computing");
    try {
      found = await askJson("/api/inside/read", form, { signal: asked.signal });
    } catch (fault) {
      if (fault.name !== "AbortError") told.textContent = fault.message;
      return;
    }
    const bytes = atob(found.values);
    found.values = Int8Array.from(bytes, (one) => one.charCodeAt(0));
    found.characters = [...found.text];
    seen = found;
    vector.replaceChildren(...Object.entries(found.vectors).map(([name, size]) =>
      h("option", { value: name }, `${name} (${size})`)));
    vector.value = found.vector;
    if (!typed || found.skipped.length) sheet.text = found.text;
    skipped.hidden = !found.skipped.length;
    skipped.textContent = word("unknown characters", { list: found.skipped.map(visible).join(" ") });
    unit.max = found.vectors[found.vector] - 1;
    rank();
    choose(Math.min(Number(unit.value) || 0, Number(unit.max)));
  }

  const size = () => seen.vectors[seen.vector];
  const valueAt = (i, n) => seen.values[i * size() + n] / 127;
  const level = (value) => STEPS + Math.max(-STEPS, Math.min(STEPS, Math.round(value * STEPS * 1.2)));

  function choose(number) {
    if (!seen || !(number >= 0 && number < size())) return;
    chosen = number;
    unit.value = number;
    keep({ unit: number || "" });
    sheet.draw(seen.characters.map((character, i) =>
      mark(character, i, `v${level(valueAt(i, number))}`)));
    for (const button of ranking.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.unit) === number));
    }
    drawMap();
    look(0);
  }

  function look(i) {
    if (!seen || i >= seen.characters.length) return;
    told.textContent = word("unit value", { unit: chosen, character: visible(seen.characters[i]),
      value: (valueAt(i, chosen) * seen.scale).toFixed(2) });
  }

  function rank() {
    ranking.replaceChildren(...Object.entries(seen.follow).map(([feature, units]) => h("div", {},
      h("h4", { word: `follow ${feature}` }),
      units.length ? h("p", { class: "units" }, ...units.map(([number, r]) => unitButton(number, r)))
        : h("p", { class: "soft", word: "nothing to follow" }))));
  }

  function unitButton(number, r) {
    const text = r === undefined ? `${number}` : `${number}: ${r > 0 ? "+" : "−"}${Math.abs(r).toFixed(2)}`;
    const button = h("button", { type: "button", on: { click: () => choose(number) } }, text);
    button.dataset.unit = number;
    return button;
  }

  // -- the map: a column a character, a row a unit

  function drawMap() {
    const columns = seen.characters.length;
    const rows = size();
    canvas.width = columns;
    canvas.height = rows;
    canvas.style.width = `${columns * CELL}px`;
    canvas.style.height = `${Math.max(rows * CELL, 60)}px`;
    const context = canvas.getContext("2d");
    const image = context.createImageData(columns, rows);
    const palette = [...Array(2 * STEPS + 1)].map((_, i) => colourOf(`v${i}`));
    for (let n = 0; n < rows; n++) {
      for (let i = 0; i < columns; i++) {
        image.data.set(palette[level(valueAt(i, n))], 4 * (n * columns + i));
      }
    }
    context.putImageData(image, 0, 0);
    canvas.parentElement.style.setProperty("--row", `${(chosen + 0.5) * Math.max(CELL, 60 / rows)}px`);
  }

  function colourOf(name) {
    const probe = h("span", { class: name });
    root.append(probe);
    const [r, g, b, a] = getComputedStyle(probe).backgroundColor.match(/[\d.]+/g).map(Number);
    probe.remove();
    return [r, g, b, a === undefined ? 255 : a * 255];
  }

  function pick(event) {
    const box = canvas.getBoundingClientRect();
    const i = Math.floor(((event.clientX - box.left) / box.width) * seen.characters.length);
    choose(Math.floor(((event.clientY - box.top) / box.height) * size()));
    look(i);
  }

  function step(event) {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!move) return;
    choose(chosen + move);
    event.preventDefault();
  }

  // -- passages

  function select(start, end) {
    span = { start, end };
    find.disabled = false;
    const text = seen ? seen.characters.slice(start, Math.min(end, start + 40)).map(visible).join("") : "";
    selection.replaceChildren(h("span", { word: "selected", values: { count: end - start, text } }));
  }

  async function passages() {
    find.disabled = true;
    try {
      const form = { run: run.value, vector: vector.value, text: sheet.text, ...span };
      const found = await askJson("/api/inside/passages", form);
      foundUnits.replaceChildren(h("span", { word: found.units.length ? "units on" : "no units on" }),
        ...found.units.slice(0, 24).map((number) => unitButton(number)));
      const inLine = (text) => text.replaceAll("\n", "↵");
      foundPassages.replaceChildren(...found.passages.map((one) => h("li", {},
        h("span", { class: "soft" }, inLine(one.before)), h("mark", {}, inLine(one.inside)),
        h("span", { class: "soft" }, inLine(one.after)), h("span", { class: "n" }, ` ${Math.round(one.share * 100)} %`))));
    } catch (fault) {
      notify(fault.message);
    } finally {
      find.disabled = false;
    }
  }

  // -- the reach of the gradient

  async function reach() {
    if (!run.value) return;
    reachFigure.replaceChildren(h("p", { class: "soft", word: "computing" }));
    reachTable.replaceChildren();
    try {
      const found = await askJson("/api/inside/reach", { run: run.value, other: other.value, language: language() });
      place(reachFigure, found.figure);
      reachTable.replaceChildren(...found.runs.map((one) => h("li", { word: one.steps ? "reach of" : "reach far",
        values: { label: one.label, steps: one.steps } })));
    } catch (fault) {
      reachFigure.replaceChildren(h("p", { class: "soft" }, fault.message));
    }
  }

  return {
    async show(parameters) {
      await offerRuns(run, [other], parameters.get("run"), [parameters.get("other")]);
      if (parameters.get("vector")) {
        vector.replaceChildren(h("option", { value: parameters.get("vector") }));
        vector.value = parameters.get("vector");
      }
      unit.value = parameters.get("unit") ?? 0;
      await load();
      await reach();
    },
    async translate() {
      look(0);
      if (seen) rank();
      choose(chosen);
      await reach();
    },
  };
}
