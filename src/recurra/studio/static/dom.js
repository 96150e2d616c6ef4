// Elements, requests and small habits that all places share.

import { translate, word } from "./words.js";

// An element: `h("p", { class: "note", word: "no runs" }, child, ...)`. Strings become text, so
// nothing that a file or a user holds is ever markup. `on` holds listeners; `word`, `label`,
// `title` and `placeholder` are keys of words and change with the language.
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    } else if (name === "word") element.dataset.word = value;
    else if (name === "values") element.dataset.wordValues = JSON.stringify(value);
    else if (name === "label") element.dataset.wordLabel = value;
    else if (name === "title") element.dataset.wordTitle = value;
    else if (name === "placeholder") element.dataset.wordPlaceholder = value;
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  if (Object.keys(element.dataset).length) translate(element);
  return element;
}

// Asks the server. Throws an Error with its sentence, and its other fields, where it refuses.
export async function ask(path, body, options = {}) {
  const sent = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(path, { ...sent, ...options }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Error(word("no server"));
  });
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    throw Object.assign(new Error(told.error?.message ?? answer.statusText), told.error);
  }
  return answer;
}

export async function askJson(path, body, options) {
  return (await ask(path, body, options)).json();
}

// Lines of JSON, one object each, as they arrive.
export async function* askLines(path, body, options) {
  const answer = await ask(path, body, options);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  while (true) {
    const { done, value } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line) yield JSON.parse(line);
    if (done) break;
  }
}

// A fragment of HTML that our own server has written.
export function place(element, html) {
  element.innerHTML = html;
}

// A sentence at the foot of the page, read aloud; it leaves by itself, or when it is clicked on.
let leaving = 0;
export function notify(text) {
  const notice = document.querySelector("#notice");
  const leave = () => (notice.textContent = "");
  notice.textContent = text;
  notice.onclick = leave;
  clearTimeout(leaving);
  leaving = setTimeout(leave, 12000);
}

// The same function, called once where calls follow each other within some milliseconds.
export function debounced(milliseconds, act) {
  let waiting = 0;
  return (...values) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => act(...values), milliseconds);
  };
}

// A labelled field: the label's words, then the field.
export function field(key, input, properties = {}) {
  return h("label", { class: "field", ...properties }, h("span", { word: key }), input);
}

// A list of tabs with panels: arrow keys move, as the ARIA practices say. `chosen(name)` is told.
export function tabs(key, panels, chosen) {
  const names = Object.keys(panels);
  const id = (name) => name.replaceAll(" ", "-");
  const buttons = names.map((name) =>
    h("button", { type: "button", role: "tab", id: `tab-${id(name)}`, word: name,
      "aria-controls": `panel-${id(name)}`, on: { click: () => select(name, true) } }));
  const list = h("div", { role: "tablist", label: key, on: { keydown: move } }, ...buttons);
  for (const name of names) {
    const panel = panels[name];
    Object.assign(panel, { id: `panel-${id(name)}`, role: "tabpanel", tabIndex: 0 });
    panel.setAttribute("aria-labelledby", `tab-${id(name)}`);
  }

  function select(name, tell = false) {
    const known = names.includes(name) ? name : names[0];
    names.forEach((other, i) => {
      buttons[i].setAttribute("aria-selected", String(other === known));
      buttons[i].tabIndex = other === known ? 0 : -1;
      panels[other].hidden = other !== known;
    });
    if (tell) chosen(known);
  }

  function move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = names.findIndex((_, i) => buttons[i] === document.activeElement);
    const next = (at + step + names.length) % names.length;
    buttons[next].focus();
    select(names[next], true);
    event.preventDefault();
  }

  select(names[0]);
  return { element: h("div", { class: "tabs" }, list, ...Object.values(panels)), select };
}
