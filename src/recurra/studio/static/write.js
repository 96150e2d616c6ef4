// The place Write: type anywhere, continue from there, see what surprised, branch, take it back.

import { keep } from "./address.js";
import { askLines, debounced, field, h, notify } from "./dom.js";
import { keepForLater, recall } from "./memory.js";
import { offerRuns } from "./runs_choice.js";
import { makeSheet, mark, visible } from "./coloured_text.js";
import { word } from "./words.js";

const KEPT = "recurra text";
const BESIDE = ["beside", "third"]; // keys of the words and of the address
const LEVELS = 8; // of surprise: a level a bit, from 2 bits on
const FIELDS = { temperature: "0.8", top_k: "", top_p: "", seed: "", characters: "200" };

export async function create(root) {
  const run = h("select", { on: { change: () => { keep({ run: run.value }); pair(); reread(); } } });
  const inputs = {
    temperature: number({ min: 0, max: 10, step: 0.05 }), top_k: number({ min: 1, max: 1000000, step: 1 }),
    top_p: number({ min: 0.01, max: 1, step: 0.01 }), seed: number({ min: 0, max: 9007199254740991, step: 1 }),
    characters: number({ min: 1, max: 20000, step: 1 }),
  };
  const line = h("input", { type: "checkbox", on: { change: () => keep({ line: line.checked ? 1 : "" }) } });
  const adapt = h("input", { type: "checkbox", on: { change: () => {
    keep({ adapt: adapt.checked ? 1 : "" });
    reread();
  } } });
  const after = h("select", { on: { change: () => { keep({ shown: after.value }); showLikeliest(); } } },
    h("option", { value: "", word: "after temperature" }),
    h("option", { value: "before", word: "before temperature" }));
  const who = h("h3", { class: "who" });
  const paper = makeSheet("your text", edited, (i) => look(main, i));
  const buttons = {
    go: button("continue", () => proceed(), "main"), stop: button("stop", stop),
    undo: button("undo", () => travel(-1)), redo: button("redo", () => travel(1)),
    save: button("export", save),
  };
  const status = h("p", { class: "soft", role: "status", "aria-live": "polite" });
  const unknown = h("p", { class: "unknown-list", hidden: true });
  const likeliest = h("div", { class: "likeliest" });

  // A text with its cells: [character, nats, likeliest, before, after], one for each character.
  const main = { run, cells: [], next: null, reading: null };
  const others = BESIDE.map(makeOther);
  const history = { texts: [recall(KEPT) ?? ""], at: 0 };
  let looking = { side: main, at: null };
  let working = null; // the AbortController of what is being written
  let written = 0; // where the last continuation begins

  root.append(
    h("h2", { word: "write" }),
    h("div", { class: "row" }, field("run", run), ...others.map((side) => field(side.key, side.run)),
      field("temperature", inputs.temperature), field("top k", inputs.top_k),
      field("top p", inputs.top_p), field("seed", inputs.seed),
      field("length", inputs.characters),
      h("label", { class: "field check" }, line, h("span", { word: "stop at a line" })),
      h("label", { class: "field check" }, adapt, h("span", { word: "learn from the text" }))),
    h("div", { class: "row" }, ...Object.values(buttons)),
    h("div", { class: "writing" },
      h("div", { class: "column" }, who, paper.element, unknown, status, legend(),
        h("p", { class: "soft", word: "keys" })),
      ...others.map((side) => side.box),
      h("aside", { label: "likeliest" }, h("h3", { word: "likeliest" }), field("probabilities", after),
        likeliest)));
  root.addEventListener("keydown", (event) => {
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key === "Enter") { proceed(); event.preventDefault(); }
    else if (event.key === "Escape" && working) stop();
    else if (command && event.key.toLowerCase() === "z") {
      travel(event.shiftKey ? 1 : -1);
      event.preventDefault();
    } else if (command && event.key.toLowerCase() === "y") { travel(1); event.preventDefault(); }
  });

  // Another run beside the text: it is only read.
  function makeOther(key) {
    const side = { key, cells: [], next: null, reading: null };
    side.run = h("select", { on: { change: () => { keep({ [key]: side.run.value }); pair(); readSide(side); } } });
    side.paper = h("pre", { class: "paper still", tabindex: 0, label: "the other text", on: {
      mousemove: (event) => {
        const at = event.target.dataset?.i;
        if (at !== undefined) look(side, Number(at));
      } } });
    side.box = h("div", { class: "column", hidden: true }, h("h3"), side.paper,
      h("button", { type: "button", word: "take this", on: { click: () => takeOther(side) } }));
    return side;
  }

  function number(properties) {
    return h("input", { type: "number", ...properties, on: { change: changed } });
  }

  function button(key, act, kind) {
    return h("button", { type: "button", word: key, class: kind, on: { click: act } });
  }

  function legend() {
    const steps = Array.from({ length: LEVELS }, (_, i) => h("span", { class: `s${i}` },
      i === 0 ? "< 2" : i === LEVELS - 1 ? `≥ ${i + 1}` : String(i + 1)));
    return h("p", { class: "legend" }, h("span", { word: "surprise in bits" }), ...steps);
  }

  function changed() {
    keep(Object.fromEntries(Object.entries(inputs).map(([name, input]) =>
      [name, input.value === FIELDS[name] ? "" : input.value])));
    reread();
  }

  function request(side) {
    const value = (name) => {
      const { value: typed, min, max } = inputs[name];
      if (typed === "") return null;
      return Math.min(max === "" ? Infinity : Number(max), Math.max(Number(min), Number(typed)));
    };
    return { run: side.run.value, text: paper.text, temperature: value("temperature") ?? 0.8,
      top_k: value("top_k"), top_p: value("top_p"), seed: value("seed"),
      characters: value("characters") ?? 200, line: line.checked, adapt: adapt.checked };
  }

  function drawMain() {
    paper.draw(spans(main.cells, written));
  }

  // -- the text and its history

  function remember(text) {
    if (history.texts[history.at] === text) return;
    history.texts.splice(history.at + 1, Infinity, text);
    if (history.texts.length > 200) history.texts.shift();
    history.at = history.texts.length - 1;
    update();
    keepForLater(KEPT, text);
  }

  function travel(step) {
    stop();
    remember(paper.text);
    const to = history.at + step;
    if (to < 0 || to >= history.texts.length) return;
    history.at = to;
    setText(history.texts[to]);
    reread();
    update();
  }

  function setText(text) {
    paper.text = text;
    main.cells = [];
    main.next = null;
    written = [...text].length;
    drawMain();
  }

  function update() {
    buttons.undo.disabled = history.at === 0;
    buttons.redo.disabled = history.at >= history.texts.length - 1;
    buttons.stop.disabled = !working;
    buttons.go.disabled = !run.value || Boolean(working);
  }

  const typed = debounced(350, () => { remember(paper.text); reread(); });

  function edited() {
    if (working) stop();
    // cells before the change stay; those behind it are read again
    const characters = [...paper.text];
    const same = main.cells.findIndex((cell, i) => cell[0] !== characters[i]);
    main.cells.length = same < 0 ? Math.min(main.cells.length, characters.length) : same;
    main.next = null;
    written = characters.length;
    drawMain();
    typed();
  }

  // -- reading

  async function reread() {
    update();
    for (const side of [main, ...others]) await readSide(side);
  }

  async function readSide(side) {
    side.reading?.abort();
    if (!side.run.value) return;
    side.reading = new AbortController();
    const { signal } = side.reading;
    const text = paper.text;
    const cells = [];
    if (side === main) status.textContent = word("computing");
    try {
      for await (const found of askLines("/api/write/read", request(side), { signal })) {
        cells.push(...found.flatMap(cellsOf));
      }
    } catch (fault) {
      if (fault.name !== "AbortError") status.textContent = fault.message;
      return;
    }
    if (text !== paper.text || working) return;
    side.next = cells.pop() ?? null;
    // only the end of a long text is told
    const missing = [...text].length - cells.length;
    side.cells = [...[...text].slice(0, missing).map(unread), ...cells];
    if (side === main) {
      drawMain();
      tellUnknown(cells);
      status.textContent = mean(cells);
    } else drawOther(side);
    showLikeliest();
  }

  function mean(cells) {
    const nats = cells.map((cell) => cell[1]).filter((one) => one !== null);
    if (!nats.length) return "";
    const bits = nats.reduce((sum, one) => sum + one, 0) / nats.length / Math.LN2;
    return word("mean surprise", { bits: bits.toFixed(2), count: nats.length.toLocaleString("en") });
  }

  function tellUnknown(cells) {
    const found = [...new Set(cells.filter(isUnknown).map((cell) => cell[0]))];
    unknown.hidden = !found.length;
    unknown.textContent = word("unknown characters", { list: found.slice(0, 20).map(visible).join(" ") });
  }

  // -- writing

  async function proceed(kept = true) {
    paper.flush(); // or an edit would be told while the text is continued, and end that
    if (!run.value || working) return;
    if (kept) remember(paper.text);
    for (const side of [main, ...others]) side.reading?.abort();
    const begun = [...paper.text];
    if (main.cells.length !== begun.length) {
      main.cells = begun.map((one, i) => main.cells[i] ?? unread(one));
    }
    written = begun.length;
    working = new AbortController();
    update();
    status.textContent = word("writing");
    drawMain();
    const sides = [proceedSide(main, (cells) => {
      const from = main.cells.push(...cells) - cells.length;
      paper.add(cells.map((cell) => cell[0]).join(""), spans(main.cells, written, from));
      paper.toEnd();
    })];
    for (const side of others.filter((one) => one.run.value)) {
      side.cells = main.cells.slice(0, written).map(([character]) => unread(character));
      drawOther(side);
      sides.push(proceedSide(side, (cells) => {
        const from = side.cells.push(...cells) - cells.length;
        side.paper.append(...spans(side.cells, written, from));
      }));
    }
    try {
      await Promise.all(sides);
    } catch (fault) {
      if (fault.name !== "AbortError") notify(fault.message);
    }
    working = null;
    status.textContent = "";
    remember(paper.text);
    looking = { side: main, at: null };
    await reread();
  }

  // Shows what has come; the longer that takes, the rarer it is done.
  async function proceedSide(side, take) {
    const { signal } = working;
    let waiting = [];
    let next = 0;
    const flush = () => {
      const begun = performance.now();
      if (waiting.length) take(waiting);
      waiting = [];
      next = performance.now() + 3 * (performance.now() - begun);
    };
    try {
      for await (const cells of askLines("/api/write/continue", request(side), { signal })) {
        waiting.push(...cells.flatMap(cellsOf));
        if (performance.now() > next) flush();
      }
    } finally {
      flush();
    }
  }

  function stop() {
    paper.flush();
    working?.abort();
    working = null;
    update();
  }

  // Takes another character at a place, and writes on from there.
  async function branch(at, character) {
    stop();
    remember(paper.text);
    const before = [...paper.text].slice(0, at).join("");
    const cells = main.cells.slice(0, at);
    paper.text = before + character;
    main.cells = [...cells, unread(character)];
    await proceed(false);
  }

  // -- side by side

  function pair() {
    for (const side of others) {
      side.box.hidden = !side.run.value;
      side.box.querySelector("h3").textContent = side.run.value;
    }
    who.textContent = run.value;
    const count = others.filter((side) => side.run.value).length;
    root.querySelector(".writing").className = `writing ${["", "pair", "three"][count]}`;
  }

  function drawOther(side) {
    side.paper.replaceChildren(...spans(side.cells, written));
  }

  function takeOther(side) {
    remember(paper.text);
    paper.text = side.cells.map((cell) => cell[0]).join("");
    main.cells = [];
    remember(paper.text);
    reread();
  }

  // -- what was likely

  function look(side, at) {
    looking = { side, at };
    showLikeliest();
  }

  function showLikeliest() {
    const { side } = looking;
    const at = Math.min(looking.at ?? side.cells.length, side.cells.length);
    const cell = at < side.cells.length ? side.cells[at] : side.next;
    if (!cell) return likeliest.replaceChildren(h("p", { class: "soft", word: "likeliest text" }));
    const [character, nats, top, before, afterwards] = cell;
    const shares = after.value === "before" ? before : afterwards;
    const head = character === "" ? h("p", { word: "what may follow" })
      : nats === null ? h("p", { word: isUnknown(cell) ? "not known" : "first character" })
        : h("p", { word: "at character", values: { character: visible(character),
          bits: (nats / Math.LN2).toFixed(2) } });
    const order = [...(top ?? "")].map((one, i) => [one, shares[i]]);
    const items = order.map(([one, share]) => {
      const bar = h("span", { class: "bar" });
      bar.style.width = `${Math.max(0.5, share * 100)}%`;
      const percent = `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;
      const pick = h("button", { type: "button", class: one === character ? "here" : null,
        on: { click: () => branch(at, one) } }, h("kbd", {}, visible(one)),
        h("span", { class: "track" }, bar), h("span", { class: "n" }, percent));
      pick.setAttribute("aria-label", word("branch to", { character: visible(one), percent }));
      return h("li", {}, pick);
    });
    likeliest.replaceChildren(head, h("ol", {}, ...items));
  }

  function save() {
    const link = h("a", { download: "recurra.txt",
      href: URL.createObjectURL(new Blob([paper.text], { type: "text/plain;charset=utf-8" })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  setText(history.texts[0]);
  return {
    async show(parameters) {
      await offerRuns(run, others.map((side) => side.run), parameters.get("run"),
        BESIDE.map((key) => parameters.get(key)));
      for (const [name, input] of Object.entries(inputs)) {
        input.value = parameters.get(name) ?? FIELDS[name];
      }
      line.checked = parameters.has("line");
      adapt.checked = parameters.has("adapt");
      after.value = parameters.get("shown") ?? "";
      pair();
      await reread();
    },
    translate() {
      showLikeliest();
      tellUnknown(main.cells);
      status.textContent = mean(main.cells);
    },
  };
}

// A cell for each character of a piece of an answer: what it is, its surprise in nats, the likeliest
// in its place, and their probabilities before temperature and after.
function cellsOf([text, thousandths, likeliest, before, after]) {
  const characters = [...text];
  const top = [...(likeliest ?? "")];
  const count = top.length / thousandths.length;
  const shares = (all, i) => all.slice(i * count, (i + 1) * count).map((one) => one / 10000);
  return thousandths.map((one, i) => [characters[i] ?? "", one === null ? null : one / 1000,
    likeliest === null ? null : top.slice(i * count, (i + 1) * count), shares(before, i), shares(after, i)]);
}

// The cell of a character whose surprise is not known, or not yet.
function unread(character) {
  return [character, null, "", [], []];
}

function isUnknown(cell) {
  return cell[2] === null;
}

// One span for each character, by its surprise; those from `written` on are new.
function spans(cells, written, from = 0) {
  return cells.slice(from).map((cell, n) => {
    const i = from + n;
    const [character, nats] = cell;
    const bits = nats === null ? null : nats / Math.LN2;
    const level = bits === null ? null : Math.max(0, Math.min(LEVELS - 1, Math.floor(bits) - 1));
    const kind = [level === null ? "" : `s${level}`, i >= written ? "new" : "",
      isUnknown(cell) ? "unknown" : ""].join(" ").trim();
    return mark(character, i, kind);
  });
}
