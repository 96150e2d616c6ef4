// A sheet: a text field above a layer with the same text in colours; it grows with its text.

import { h } from "./dom.js";

// `changed()` is called when the user types; `look(i)` for the character at the pointer or cursor;
// `selected(start, end)` for a selection. Characters are code points. Spans have `data-i`.
export function makeSheet(key, changed, look, selected = () => {}) {
  const layer = h("pre", { class: "paper", "aria-hidden": "true" });
  const input = h("textarea", { class: "paper", label: key, spellcheck: "false",
    placeholder: "type here", on: { input: typed, mousemove: hover } });
  let waiting = 0;

  // Some ways of putting in a text fire an event a line: they are told once.
  function typed() {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(tell);
  }

  function tell() {
    waiting = 0;
    changed();
  }

  function hover(event) {
    if (event.buttons) return; // a selection is being made
    input.style.pointerEvents = "none";
    const at = document.elementFromPoint(event.clientX, event.clientY)?.dataset?.i;
    input.style.pointerEvents = "";
    if (at !== undefined) look(Number(at));
  }

  const count = (units) => [...input.value.slice(0, units)].length;
  document.addEventListener("selectionchange", () => {
    if (document.activeElement !== input) return;
    const start = count(input.selectionStart);
    if (input.selectionStart === input.selectionEnd) look(start);
    else selected(start, count(input.selectionEnd));
  });
  return {
    element: h("div", { class: "sheet" }, layer, input),
    get text() { return input.value; },
    set text(value) { input.value = value; },
    // Tells now what was put in and not told yet.
    flush() {
      if (!waiting) return;
      cancelAnimationFrame(waiting);
      tell();
    },
    // Shows spans, one for each character, and plainly what is behind them.
    draw(spans) {
      const rest = [...input.value].slice(spans.length).join("");
      layer.replaceChildren(...spans, `${rest}\n`);
    },
    // Takes in text that has come at the end.
    add(text, spans) {
      input.value += text;
      layer.lastChild.before(...spans);
    },
    toEnd() {
      input.setSelectionRange(input.value.length, input.value.length);
      const foot = layer.getBoundingClientRect().bottom;
      if (foot > innerHeight) scrollBy(0, foot - innerHeight + 24);
    },
  };
}

// A character of a sheet: its span.
export function mark(character, i, kind) {
  const span = document.createElement("span");
  if (kind) span.className = kind;
  span.dataset.i = i;
  span.textContent = character;
  return span;
}

// A character that has a shape: blanks have a sign of their own.
export function visible(character) {
  return { " ": "␣", "\n": "↵", "\t": "⇥", "\u3000": "□" }[character] ?? character;
}
