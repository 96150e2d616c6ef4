// The shell of the page: one place at a time, by the address; the language, switched in place.
//
// A place is a module `NAME.js` that exports `create(root)`, which fills its section once and
// returns `{ show(parameters), translate() }`, both optional: `show` whenever the address changes,
// `translate` after the language has.

import { onAddress, read } from "./address.js";
import { notify } from "./dom.js";
import { language, onLanguage, setLanguage, translate, word } from "./words.js";

const PLACES = ["network", "train", "write", "inside"];
const open = new Map();

async function placeOf(name) {
  if (!open.has(name)) {
    const root = document.querySelector(`#place-${name}`);
    const made = import(`./${name}.js`).then(async (module) => (await module.create(root)) ?? {});
    open.set(name, made);
    made.catch((error) => {
      open.delete(name);
      notify(error.message);
    });
  }
  return open.get(name);
}

function placeNow() {
  const { place } = read();
  return PLACES.includes(place) ? place : PLACES[0];
}

function entitle() {
  document.title = `${word(placeNow())} – Recurra Studio`;
}

async function show() {
  const { parameters } = read();
  const name = placeNow();
  for (const link of document.querySelectorAll("header nav a")) {
    const here = link.hash === `#${name}`;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const other of PLACES) {
    document.querySelector(`#place-${other}`).hidden = other !== name;
  }
  entitle();
  const made = await placeOf(name);
  if (placeNow() === name) await made.show?.(parameters);
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => setLanguage(button.dataset.language));
}
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.querySelector("#main").focus();
});
onLanguage(async () => {
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language()));
  }
  translate(document.body);
  entitle();
  for (const made of open.values()) {
    made.then((one) => one.translate?.()).catch((error) => notify(error.message));
  }
});
onAddress(() => show().catch((error) => notify(error.message)));
await setLanguage(language());
await show();
