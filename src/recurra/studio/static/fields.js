// Fields of a form that the server describes: an input each, its name and its help.

import { h } from "./dom.js";

// `one` is { name, kind, choices }; an optional choice begins with one that is empty.
export function makeInput(one, optional = false) {
  if (one.kind === "bool") return h("input", { type: "checkbox" });
  if (one.choices.length) {
    const names = optional ? ["", ...one.choices] : one.choices;
    return h("select", {}, ...names.map((name) => h("option", { value: name }, name)));
  }
  return h("input", { type: "text", inputmode: one.kind === "str" ? "text" : "decimal",
    autocomplete: "off", spellcheck: "false" });
}

export function labelled(name, input, help) {
  return h("label", { class: "field setting" }, h("code", {}, name), input, help);
}

// What was typed, as JSON: the server checks it, and says what is wrong.
export function typed(one, text) {
  if (text === "") return null;
  if (one.name === "hidden" && one.kind !== "str" && text.includes("=")) {
    const pairs = text.split(",").map((pair) => pair.split("=").map((part) => part.trim()));
    return Object.fromEntries(pairs.map(([name, size]) => [name, Number(size)]));
  }
  return one.kind === "str" || Number.isNaN(Number(text)) ? text : Number(text);
}
