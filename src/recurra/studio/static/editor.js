// An editor for equations: a plain text field above a layer that shows the same text in colours.

import { h } from "./dom.js";

const TOKENS = [
  ["comment", /#.*/y],
  ["function", /[\p{L}_][\p{L}\p{N}_]*(?='*\s*\()/uy],
  ["vector", /[\p{L}_][\p{L}\p{N}_]*(?=\[)/uy],
  ["name", /[\p{L}_][\p{L}\p{N}_]*/uy],
  ["number", /\d+(\.\d*)?([eE][-+]?\d+)?/y],
  ["sign", /[@*+\-/=.]/y],
  ["plain", /[^\p{L}_#\d@*+\-/=.]+/uy],
];

const LONGEST = 20000; // characters that are coloured; equations are a page at most

function coloured(text) {
  const spans = [];
  for (let at = 0; at < text.length; ) {
    const kind = TOKENS.find(([, pattern]) => {
      pattern.lastIndex = at;
      return pattern.test(text);
    });
    const end = kind ? kind[1].lastIndex : at + 1;
    const piece = text.slice(at, end);
    const special = kind?.[0] === "function" && piece === "softmax" ? "output" : kind?.[0];
    spans.push(special && special !== "plain" ? h("span", { class: `t-${special}` }, piece) : piece);
    at = end;
  }
  return spans;
}

// `changed(text)` is called after every change of the user.
export function makeEditor(key, changed) {
  const layer = h("pre", { "aria-hidden": "true" });
  const input = h("textarea", {
    label: key, spellcheck: "false", autocapitalize: "off", autocomplete: "off", wrap: "off",
    rows: 9, on: { input: typed, scroll: follow },
  });
  let drawing = 0;

  // Some ways of putting in a text fire an event a line: they are drawn once.
  function typed() {
    cancelAnimationFrame(drawing);
    drawing = requestAnimationFrame(() => draw(null));
    changed(input.value);
  }

  function follow() {
    layer.scrollTop = input.scrollTop;
    layer.scrollLeft = input.scrollLeft;
  }

  // The text in colours, with a wavy line where it is wrong: line from 1, column from 0.
  function draw(error) {
    const lines = input.value.split("\n");
    if (input.value.length > LONGEST) layer.replaceChildren(`${input.value}\n`);
    else layer.replaceChildren(...lines.flatMap((line, i) => {
      const wrong = error && i === error.line - 1;
      if (!wrong) return [...coloured(line), "\n"];
      const at = Math.min([...line].slice(0, error.column).join("").length, line.length);
      const rest = line.slice(at).match(/^([\p{L}\p{N}_]+|\S)?/u)[0] || " ";
      return [...coloured(line.slice(0, at)), h("span", { class: "wrong" }, rest),
        ...coloured(line.slice(at + rest.length)), "\n"];
    }));
    input.setAttribute("aria-invalid", String(Boolean(error)));
    input.rows = Math.max(8, Math.min(24, lines.length + 1));
    follow();
  }

  return {
    element: h("div", { class: "editor" }, layer, input),
    input,
    draw,
    get text() { return input.value; },
    set text(value) { input.value = value; draw(null); },
    goTo(line, column) {
      const lines = input.value.split("\n");
      const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
      input.focus();
      const at = before + [...(lines[line - 1] ?? "")].slice(0, column).join("").length;
      input.setSelectionRange(at, at);
    },
  };
}
