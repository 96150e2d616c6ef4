// What to train: texts that are dropped, a preset or a recipe with all its fields.

import { ask, askJson, field, h, notify } from "./dom.js";
import { language, word } from "./words.js";

const FIRST = ["hidden", "minutes", "seed"]; // the fields that most people want to change

// `known` is what the server knows of recipes; `begun(run)` is called when a training has begun.
export function makeForm(known, begun) {
  const texts = h("ul", { class: "texts" });
  const files = h("input", { type: "file", multiple: true, accept: ".txt,text/plain",
    on: { change: () => { drop(files.files); files.value = ""; } } });
  const zone = h("label", { class: "drop" }, h("span", { word: "drop texts" }), files);
  const network = h("select");
  const preset = h("select", { on: { change: changed } },
    h("option", { value: "", word: "own recipe" }),
    ...known.presets.map((name) => h("option", { value: name, word: `preset ${name}` })));
  const recipe = h("select", { on: { change: changed } },
    ...known.recipes.map((name) => h("option", { value: name }, name)));
  const inputs = new Map(known.fields.map((one) => [one.name, input(one)]));
  const helps = new Map(known.fields.map(({ name }) => [name, h("small", { class: "soft" })]));
  const own = h("div", {}, field("recipe", recipe));
  const first = h("div", { class: "row" }, ...FIRST.map(labelled));
  const rest = h("details", {}, h("summary", { word: "all settings" }),
    h("div", { class: "settings" }, ...known.fields.map(({ name }) => name)
      .filter((name) => !FIRST.includes(name)).map(labelled)));
  const start = h("button", { type: "submit", class: "main", word: "start training" });
  const wrong = h("div", { class: "error", role: "alert", hidden: true });
  const element = h("form", { on: { submit } },
    h("h3", { word: "new training" }), zone, texts,
    h("div", { class: "row" }, field("network", network), field("preset", preset)),
    own, first, rest, wrong, start);
  const chosen = new Set();
  let kept = [];
  const told = new Map();

  function input(one) {
    if (one.kind === "bool") return h("input", { type: "checkbox" });
    if (one.choices.length) {
      return h("select", {}, ...one.choices.map((name) => h("option", { value: name }, name)));
    }
    return h("input", { type: "text", inputmode: one.kind === "str" ? "text" : "decimal",
      autocomplete: "off", spellcheck: "false" });
  }

  function labelled(name) {
    return h("label", { class: "field setting" }, h("code", {}, name), inputs.get(name),
      helps.get(name));
  }

  // The fields of the recipe that is chosen; a preset has its own, and only takes what is typed.
  function changed() {
    own.hidden = Boolean(preset.value);
    for (const one of known.fields) {
      const box = inputs.get(one.name);
      const value = preset.value ? null : one.values[recipe.value];
      if (one.kind === "bool") box.checked = Boolean(one.values[recipe.value]);
      else if (box.tagName === "SELECT") box.value = one.values[recipe.value];
      else box.value = shown(value);
    }
    translate();
  }

  // What stands where nothing is typed, and what the fields mean.
  function translate() {
    for (const one of known.fields) {
      const box = inputs.get(one.name);
      const empty = preset.value ? word("by the preset") : one.optional ? word("none") : "";
      if (box.type === "text") box.placeholder = empty;
      helps.get(one.name).textContent = one.help[language()];
    }
  }

  function shown(value) {
    if (value === null) return "";
    if (typeof value !== "object") return String(value);
    return Object.entries(value).map(([name, size]) => `${name}=${size}`).join(",");
  }

  // The fields that differ from the recipe's own.
  function settings() {
    const found = {};
    for (const one of known.fields) {
      const box = inputs.get(one.name);
      const before = one.values[recipe.value];
      if (one.kind === "bool") {
        if (box.checked !== before) found[one.name] = box.checked;
      } else if (box.tagName === "SELECT") {
        if (box.value !== before) found[one.name] = box.value;
      } else if (preset.value ? box.value.trim() : box.value.trim() !== shown(before)) {
        found[one.name] = typed(one, box.value.trim());
      }
    }
    return found;
  }

  // What was typed, as JSON: the server checks it, and says what is wrong.
  function typed(one, text) {
    if (text === "") return null;
    if (one.name === "hidden" && text.includes("=")) {
      const pairs = text.split(",").map((pair) => pair.split("=").map((part) => part.trim()));
      return Object.fromEntries(pairs.map(([name, size]) => [name, Number(size)]));
    }
    return one.kind === "str" || Number.isNaN(Number(text)) ? text : Number(text);
  }

  async function submit(event) {
    event.preventDefault();
    wrong.hidden = true;
    start.disabled = true;
    const asked = { texts: [...chosen], network: network.value || null, settings: settings() };
    if (preset.value) asked.preset = preset.value;
    else asked.recipe = recipe.value;
    try {
      begun((await askJson("/api/train/start", asked)).run);
    } catch (error) {
      wrong.hidden = false;
      wrong.replaceChildren(h("p", {}, error.message));
    } finally {
      start.disabled = false;
    }
  }

  // -- texts

  async function drop(list) {
    for (const file of list) {
      try {
        const query = new URLSearchParams({ name: file.name });
        const answer = await ask(`/api/texts?${query}`, undefined, { method: "POST", body: file });
        const text = await answer.json();
        told.set(text.name, text);
        chosen.add(text.name);
      } catch (error) {
        notify(error.message);
      }
    }
    await loadTexts();
  }

  async function loadTexts() {
    kept = (await askJson("/api/texts")).texts.map((text) => text.name);
    drawTexts();
  }

  function drawTexts() {
    texts.replaceChildren(...[...kept, ...known.texts].map((name) => {
      const box = h("input", { type: "checkbox", checked: chosen.has(name), on: { change: () => {
        if (box.checked) chosen.add(name);
        else chosen.delete(name);
      } } });
      const text = told.get(name);
      const about = text && h("small", { class: "soft", word: "text told", values: {
        characters: text.characters.toLocaleString(), distinct: text.distinct.toLocaleString(),
        encoding: text.encoding } });
      const remarks = (text?.remarks ?? []).map((remark) => h("small", { class: "remark" }, remark));
      return h("li", {}, h("label", { class: "field check" }, box, h("span", {}, name)), about, ...remarks);
    }));
  }

  for (const event of ["dragenter", "dragover"]) {
    zone.addEventListener(event, (dragged) => {
      dragged.preventDefault();
      zone.classList.add("over");
    });
  }
  for (const event of ["dragleave", "drop"]) {
    zone.addEventListener(event, () => zone.classList.remove("over"));
  }
  zone.addEventListener("drop", (dropped) => {
    dropped.preventDefault();
    drop(dropped.dataTransfer.files);
  });

  async function loadNetworks() {
    const found = await askJson("/api/network/gallery");
    const names = [...found.networks.map(({ name }) => name),
      ...found.files.map(({ name }) => `${name}.eq`)];
    network.replaceChildren(h("option", { value: "", word: "usual network" }),
      ...names.map((name) => h("option", { value: name }, name)));
  }

  changed();
  loadTexts().catch((error) => notify(error.message));
  loadNetworks().catch((error) => notify(error.message));
  return { element, translate };
}
