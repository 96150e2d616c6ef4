// The texts to work on: dropped, told about, chosen.

import { ask, askJson, h, notify } from "./dom.js";

// `named` are corpora that have a name.
export function makeTexts(named) {
  const list = h("ul", { class: "texts" });
  const files = h("input", { type: "file", multiple: true, accept: ".txt,text/plain",
    on: { change: () => { drop(files.files); files.value = ""; } } });
  const zone = h("label", { class: "drop" }, h("span", { word: "drop texts" }), files);
  const chosen = new Set();
  const told = new Map();
  let kept = [];

  async function drop(dropped) {
    for (const file of dropped) {
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
    await load();
  }

  async function load() {
    kept = (await askJson("/api/texts")).texts.map((text) => text.name);
    list.replaceChildren(...[...kept, ...named].map(item));
  }

  function item(name) {
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

  load().catch((error) => notify(error.message));
  return { element: h("div", {}, zone, list), get chosen() { return [...chosen]; } };
}
