// A recipe with all its fields; of those only what was changed is asked for.

import { field, h } from "./dom.js";
import { labelled, makeInput, typed } from "./fields.js";
import { language, word } from "./words.js";

const FIRST = ["hidden", "minutes", "seed"]; // the fields that most people want to change

// `known` is what the server knows of recipes.
export function makeRecipeForm(known) {
  const recipe = h("select", { on: { change: fill } },
    ...known.recipes.map((name) => h("option", { value: name }, name)));
  const inputs = new Map(known.fields.map((one) => [one.name, makeInput(one)]));
  const helps = new Map(known.fields.map(({ name }) => [name, h("small", { class: "soft" })]));
  const boxes = new Map(known.fields.map(({ name }) =>
    [name, labelled(name, inputs.get(name), helps.get(name))]));
  const own = h("div", {}, field("recipe", recipe));
  const rest = [...boxes.keys()].filter((name) => !FIRST.includes(name));
  const element = h("div", {}, own,
    h("div", { class: "row" }, ...FIRST.map((name) => boxes.get(name))),
    h("details", {}, h("summary", { word: "all settings" }),
      h("div", { class: "settings" }, ...rest.map((name) => boxes.get(name)))));
  let preset = false;

  // The fields of the recipe that is chosen; a preset has its own, and only takes what is typed.
  function fill() {
    own.hidden = preset;
    for (const one of known.fields) {
      const input = inputs.get(one.name);
      const value = one.values[recipe.value];
      if (one.kind === "bool") input.checked = Boolean(value);
      else if (input.tagName === "SELECT") input.value = value;
      else input.value = preset ? "" : shown(value);
    }
    translate();
  }

  // What stands where nothing is typed, and what the fields mean.
  function translate() {
    for (const one of known.fields) {
      const input = inputs.get(one.name);
      const empty = preset ? word("by the preset") : one.optional ? word("none") : "";
      if (input.type === "text") input.placeholder = empty;
      helps.get(one.name).textContent = one.help[language()];
    }
  }

  function shown(value) {
    if (value === null) return "";
    if (typeof value !== "object") return String(value);
    return Object.entries(value).map(([name, size]) => `${name}=${size}`).join(",");
  }

  function settings() {
    const found = {};
    for (const one of known.fields) {
      if (boxes.get(one.name).hidden) continue;
      const input = inputs.get(one.name);
      const before = one.values[recipe.value];
      if (one.kind === "bool") {
        if (input.checked !== before) found[one.name] = input.checked;
      } else if (input.tagName === "SELECT") {
        if (input.value !== before) found[one.name] = input.value;
      } else if (preset ? input.value.trim() : input.value.trim() !== shown(before)) {
        found[one.name] = typed(one, input.value.trim());
      }
    }
    return found;
  }

  fill();
  return {
    element,
    translate,
    // Whether a preset brings the recipe, and which fields are asked for elsewhere.
    set(byPreset, elsewhere) {
      for (const [name, box] of boxes) box.hidden = elsewhere.includes(name);
      if (preset !== byPreset) {
        preset = byPreset;
        fill();
      }
    },
    get name() { return preset ? null : recipe.value; },
    settings,
  };
}
