// The place Network: type equations, see at once what is wrong, and what follows from them.

import { keep } from "./address.js";
import { askJson, debounced, field, h, notify, place, tabs } from "./dom.js";
import { makeEditor } from "./editor.js";
import { keepForLater, recall } from "./memory.js";
import { language, word } from "./words.js";

const KEPT = "recurra equations";

const WINDOW = 640; // pixels of height; a diagram that is taller is not enlarged

// The style scales a diagram to its column, between bounds that depend on its own size.
function placeDiagrams(element, html) {
  place(element, html);
  for (const { style, width, height } of element.querySelectorAll("svg")) {
    const own = width.baseVal.value;
    const larger = Math.max(1, Math.min(1.4, WINDOW / height.baseVal.value));
    style.setProperty("--least", `${0.65 * own}px`);
    style.setProperty("--most", `${larger * own}px`);
  }
}

export async function create(root) {
  const gallery = h("select", { on: { change: choose } });
  const editor = makeEditor("equations", debounced(250, check));
  const error = h("div", { class: "error", role: "status", "aria-live": "polite", hidden: true });
  const about = h("p", { class: "about" });
  const hidden = h("input", { type: "number", min: 1, max: 100000, value: 64, on: { input: sized } });
  const vocabulary = h("input",
    { type: "number", min: 1, max: 100000, value: 65, on: { input: sized } });
  const shapes = h("div", { class: "table" });
  const name = h("input", { type: "text", value: "my", maxlength: 60, spellcheck: "false" });
  const saved = h("p", { class: "soft", role: "status" });
  const steps = h("select", { on: { change: stepped } },
    h("option", { value: 3, word: "three steps" }), h("option", { value: 1, word: "one step" }));
  const drawing = h("div", { class: "diagram", tabindex: 0 });
  const panels = {
    diagram: h("div", {}, h("div", { class: "row" }, field("diagram steps", steps)), drawing),
    derivation: h("article", { class: "explanation" }),
    "gradient check": h("div"),
    "my derivation": h("div"),
    "step by step": h("div"),
  };
  const shown = tabs("views", panels, (view) => { keep({ view }); fill(); });
  let current = null; // the answer of the server to what is typed now; null: it is wrong
  let asked = null;
  let networks = [];
  const names = new Map(); // the text of a network of the library, in any language -> its name

  root.append(
    h("h2", { word: "network" }),
    h("div", { class: "two" },
      h("div", { class: "column" },
        h("div", { class: "row" }, field("gallery", gallery)),
        editor.element, error, about,
        h("div", { class: "row" }, field("hidden", hidden), field("vocabulary", vocabulary)),
        shapes,
        h("form", { class: "row", on: { submit: save } }, field("file name", name),
          h("button", { type: "submit", word: "save" }), saved)),
      shown.element));
  buildCheck();
  const student = buildStudent();
  const walk = buildWalk();

  async function loadGallery() {
    const found = await askJson(`/api/network/gallery?language=${language()}`);
    networks = [...found.networks, ...found.files];
    for (const { name, text } of found.networks) names.set(text, name);
    const options = (list) => list.map(({ name, label }) => h("option", { value: name }, label));
    const groups = [h("option", { value: "", word: "choose" }),
      h("optgroup", {}, ...options(found.networks))];
    groups[1].label = word("library");
    if (found.files.length) {
      const own = h("optgroup", {}, ...options(found.files));
      own.label = word("own files");
      groups.push(own);
    }
    const chosen = gallery.value;
    gallery.replaceChildren(...groups);
    gallery.value = chosen;
  }

  function choose() {
    const network = networks.find((one) => one.name === gallery.value);
    if (!network) return;
    editor.text = network.text;
    name.value = network.name;
    keep({ network: network.name });
    check();
  }

  function sized() {
    keep({ hidden: hidden.value, vocabulary: vocabulary.value });
    check();
  }

  function stepped() {
    keep({ steps: steps.value });
    check();
  }

  function body(more = {}) {
    return { text: editor.text, name: name.value.trim() || "network", hidden: Number(hidden.value) || 1,
      vocabulary: Number(vocabulary.value) || 1, steps: Number(steps.value), language: language(),
      ...more };
  }

  // The one request that follows the typing; an older one is given up.
  async function check() {
    keepForLater(KEPT, editor.text);
    asked?.abort();
    asked = new AbortController();
    let found;
    try {
      found = await askJson("/api/network/check", body(), { signal: asked.signal });
    } catch (fault) {
      if (fault.name !== "AbortError") tell({ message: fault.message });
      return;
    }
    tell(found.error);
    current = found.error ? null : found;
    shown.element.classList.toggle("stale", !current);
    if (!current) return;
    about.textContent = current.about;
    showShapes();
    student.lines();
    fill();
  }

  function tell(wrong) {
    error.hidden = !wrong;
    editor.draw(wrong?.line ? wrong : null);
    if (!wrong) return;
    const parts = [h("p", {}, wrong.message)];
    if (wrong.line) {
      // a window around the place: hostile lines have a million characters
      const start = Math.max(0, wrong.column - 60);
      const line = [...(editor.text.split("\n")[wrong.line - 1] ?? "")].slice(start, start + 100).join("");
      const caret = `${" ".repeat(wrong.column - start)}^`;
      parts.unshift(h("button", { type: "button", class: "plain",
        on: { click: () => editor.goTo(wrong.line, wrong.column) }, word: "at place",
        values: { line: wrong.line, column: wrong.column + 1 } }));
      parts.splice(1, 0, h("pre", { "aria-hidden": "true" }, `${line}\n${caret}`));
    }
    error.replaceChildren(...parts);
  }

  function showShapes() {
    const head = h("tr", {}, ...["parameter", "shape", "numbers"].map((key, i) =>
      h("th", { scope: "col", word: key, class: i === 2 ? "n" : null })));
    const rows = current.parameters.map(({ name, shape, count }) => h("tr", {},
      h("td", {}, h("code", {}, name)), h("td", {}, shape.join(" × ")),
      h("td", { class: "n" }, count.toLocaleString("en"))));
    const sum = h("tr", { class: "sum" }, h("td", { word: "all" }), h("td"),
      h("td", { class: "n" }, current.count.toLocaleString("en")));
    shapes.replaceChildren(h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows, sum)));
  }

  // What the chosen tab shows, for the equations of now.
  async function fill() {
    if (!current) return;
    placeDiagrams(drawing, current.diagram);
    if (!panels.derivation.hidden && panels.derivation.dataset.of !== stamp()) {
      panels.derivation.dataset.of = stamp();
      const found = await askJson("/api/network/explain", body());
      if (found.html) placeDiagrams(panels.derivation, found.html);
    }
    if (!panels["step by step"].hidden) walk.load();
  }

  function stamp() {
    return `${language()} ${editor.text}`;
  }

  function buildCheck() {
    const result = h("div", { role: "status", "aria-live": "polite" });
    const button = h("button", { type: "button", class: "main", word: "check gradient",
      on: { click: run } });
    panels["gradient check"].append(h("p", { word: "gradient check text" }), button, result);
    async function run() {
      button.disabled = true;
      result.replaceChildren(h("p", { word: "computing" }));
      try {
        const found = await askJson("/api/network/gradients", body());
        if (found.error) return result.replaceChildren(h("p", { class: "wrong" }, found.error.message));
        const kind = found.passed ? "exact" : "not exact";
        place(result, found.html);
        result.prepend(h("p", { class: `verdict ${found.passed ? "right" : "wrong"}`, word: kind }));
      } catch (fault) {
        result.replaceChildren(h("p", { class: "wrong" }, fault.message));
      } finally {
        button.disabled = false;
      }
    }
  }

  function buildStudent() {
    const line = h("select", { on: { change: asking } });
    const question = h("p", { class: "question" });
    const formula = h("textarea", { rows: 3, spellcheck: "false", label: "your formula",
      placeholder: "formula example" });
    const values = h("textarea", { rows: 4, spellcheck: "false", label: "your numbers" });
    const numbers = h("pre", { tabindex: 0, hidden: true });
    const result = h("div", { role: "status", "aria-live": "polite" });
    const send = (what) => async (event) => {
      event.preventDefault();
      if (!current || !what().trim()) return;
      const more = what === typed ? { formula: formula.value } : { values: values.value };
      try {
        const found = await askJson("/api/network/answer", body({ line: line.value, ...more }));
        if (found.html) return place(result, found.html);
        const text = found.error.line
          ? `${found.error.message} (${word("at place",
            { line: found.error.line, column: found.error.column + 1 })})` : found.error.message;
        result.replaceChildren(h("p", { class: "verdict wrong" }, text));
      } catch (fault) {
        result.replaceChildren(h("p", { class: "verdict wrong" }, fault.message));
      }
    };
    const typed = () => formula.value;
    const pasted = () => values.value;
    panels["my derivation"].append(
      h("p", { word: "my derivation text" }),
      h("div", { class: "row" }, field("line", line)), question,
      h("form", { on: { submit: send(typed) } }, field("your formula", formula),
        h("button", { type: "submit", class: "main", word: "check" })),
      result,
      h("details", {}, h("summary", { word: "notation" }), h("p", { class: "pre", word: "notation text" })),
      h("details", {}, h("summary", { word: "with numbers" }), h("p", { word: "with numbers text" }),
        h("button", { type: "button", word: "show numbers", on: { click: example } }), numbers,
        h("form", { on: { submit: send(pasted) } }, field("your numbers", values),
          h("button", { type: "submit", word: "check" }))));

    async function example() {
      const found = await askJson("/api/network/example", body({ line: line.value }));
      numbers.hidden = false;
      numbers.textContent = found.numpy ?? found.error.message;
    }

    function asking() {
      const chosen = current?.lines.find((one) => one.name === line.value);
      if (chosen) place(question, `${chosen.math} <span>= ?</span>`);
      result.replaceChildren();
    }

    return {
      lines() {
        const before = line.value;
        line.replaceChildren(...current.lines.map((one) => h("option", { value: one.name }, one.typed)));
        line.value = current.lines.some((one) => one.name === before)
          ? before : current.lines.at(1)?.name ?? current.lines[0].name;
        if (line.value !== before) asking();
      },
    };
  }

  function buildWalk() {
    const given = h("div", { class: "given" });
    const list = h("ol", { class: "walk" });
    const bar = h("div", { class: "row" },
      h("button", { type: "button", word: "first", on: { click: () => go(1) } }),
      h("button", { type: "button", word: "back", on: { click: () => go(at - 1) } }),
      h("button", { type: "button", class: "main", word: "next", on: { click: () => go(at + 1) } }),
      h("button", { type: "button", word: "last", on: { click: () => go(Infinity) } }),
      h("output", { class: "count" }));
    let at = 1;
    let of = "";
    panels["step by step"].append(h("p", { word: "step by step text" }), bar, list,
      h("details", {}, h("summary", { word: "the numbers" }), given));
    panels["step by step"].addEventListener("keydown", (event) => {
      if (event.target !== panels["step by step"]) return;
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) { go(at + step); event.preventDefault(); }
    });

    function go(number) {
      const lines = [...list.children];
      at = Math.max(1, Math.min(lines.length, number));
      lines.forEach((line, i) => {
        line.hidden = i >= at;
        line.classList.toggle("now", i === at - 1);
      });
      bar.querySelector(".count").textContent = lines.length ? `${at} / ${lines.length}` : "";
      lines[at - 1]?.scrollIntoView({ block: "nearest" });
    }

    return {
      async load() {
        if (of === stamp()) return;
        of = stamp();
        const found = await askJson("/api/network/steps", body());
        if (found.error) return;
        list.replaceChildren(...found.lines.map((one) => {
          const line = h("li", {}, h("span", { class: "where" }, one.where));
          line.insertAdjacentHTML("beforeend", `<span>${one.formula}</span><span class="equals">=</span>${one.value}`);
          return line;
        }));
        place(given, found.given.map((one) => `<div>${one.name}<span class="equals">=</span>${one.value}</div>`).join(""));
        go(1);
      },
    };
  }

  async function save(event) {
    event.preventDefault();
    const request = { name: name.value.trim(), text: editor.text };
    saved.replaceChildren();
    try {
      let found = await askJson("/api/network/save", request);
      if (found.exists && confirm(word("replace file", { name: found.exists }))) {
        found = await askJson("/api/network/save", { ...request, replace: true });
      }
      if (found.saved) {
        saved.replaceChildren(h("span", { word: "saved", values: { name: found.saved } }));
        await loadGallery();
      }
    } catch (fault) {
      notify(fault.message);
    }
  }

  await loadGallery();
  return {
    async show(parameters) {
      shown.select(parameters.get("view") ?? "diagram");
      hidden.value = parameters.get("hidden") ?? hidden.value;
      vocabulary.value = parameters.get("vocabulary") ?? vocabulary.value;
      const few = matchMedia("(max-width: 40rem)").matches; // three would be too small to read
      steps.value = (parameters.get("steps") ?? (few ? "1" : "3")) === "1" ? "1" : "3";
      const wanted = parameters.get("network");
      if (!editor.text || (wanted && wanted !== gallery.value)) {
        const known = networks.find((one) => one.name === (wanted ?? "wrnn"));
        editor.text = (wanted ? known?.text : recall(KEPT) ?? known?.text) ?? networks[0].text;
        gallery.value = wanted ?? "";
        if (wanted) name.value = wanted;
      }
      await check();
    },
    async translate() {
      await loadGallery();
      const unchanged = names.get(editor.text);
      editor.text = networks.find((one) => one.name === unchanged)?.text ?? editor.text;
      await check();
    },
  };
}
