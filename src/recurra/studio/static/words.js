// The words of the page in two languages: those of `view/words.*.toml` whose keys begin "studio".

import { keepForLater, recall } from "./memory.js";

const KEY = "recurra language";
const tables = new Map();
const listeners = [];
let now = recall(KEY) ?? (navigator.language.startsWith("zh") ? "zh" : "en");

export function language() {
  return now;
}

// The words for a key, with its {places} filled.
export function word(key, values = {}) {
  const text = tables.get(now)?.[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

export async function setLanguage(language) {
  if (!tables.has(language)) {
    const answer = await fetch(`/api/words/${language}`);
    tables.set(language, await answer.json());
  }
  now = language;
  document.documentElement.lang = language === "zh" ? "zh-Hans" : language;
  keepForLater(KEY, language);
  for (const act of listeners) await act();
}

export function onLanguage(act) {
  listeners.push(act);
}

const ATTRIBUTES = { wordLabel: "aria-label", wordTitle: "title", wordPlaceholder: "placeholder" };

// Fills in the words of every element that names one: `data-word`, `data-word-label`, ...
export function translate(root) {
  for (const element of [root, ...root.querySelectorAll("*")]) {
    const { word: key, wordValues } = element.dataset ?? {};
    if (key) element.textContent = word(key, wordValues ? JSON.parse(wordValues) : {});
    for (const [name, attribute] of Object.entries(ATTRIBUTES)) {
      if (element.dataset?.[name]) element.setAttribute(attribute, word(element.dataset[name]));
    }
  }
}
