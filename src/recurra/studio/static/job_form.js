// What to begin: a training, a search or a comparison; on which texts, and how.

import { keep } from "./address.js";
import { askJson, field, h, notify } from "./dom.js";
import { labelled, makeInput, typed } from "./fields.js";
import { makeRecipeForm } from "./recipe_form.js";
import { makeTexts } from "./texts.js";
import { translate } from "./words.js";

const SPACE = "lr = [0.003, 0.01]\nhidden = [64, 128]\n";

// `known` is what the server knows; `begun(entry)` is called when something has begun.
export function makeForm(known, begun) {
  const verbs = Object.keys(known.own);
  const kinds = Object.fromEntries(verbs.map((verb) => [verb, h("button", { type: "button",
    word: `kind ${verb}`, on: { click: () => choose(verb, true) } })]));
  const texts = makeTexts(known.texts);
  const network = h("select");
  const preset = h("select", { on: { change: () => choose(now) } },
    h("option", { value: "", word: "own recipe" }),
    ...known.presets.map((name) => h("option", { value: name, word: `preset ${name}` })));
  const presetBox = field("preset", preset);
  const networkBox = field("network", network);
  const several = h("div", { class: "choices" });
  const severalBox = h("fieldset", {}, h("legend", { word: "networks compared" }), several);
  const space = h("textarea", { rows: 4, spellcheck: "false", class: "code", value: SPACE });
  const spaceBox = h("label", { class: "field" }, h("span", { word: "space" }), space,
    h("small", { class: "soft", word: "space text" }));
  const recipe = makeRecipeForm(known);
  const inputs = Object.fromEntries(verbs.map((verb) => [verb, new Map(known.own[verb].map((one) =>
    [one, makeInput(one, true)]))]));
  const own = Object.fromEntries(verbs.map((verb) => [verb, h("details", { open: verb !== "train" },
    h("summary", { word: `own ${verb}` }),
    h("div", { class: "settings" }, ...[...inputs[verb]].map(([one, input]) => labelled(one.name,
      input, h("small", { class: "soft", word: `help ${verb} ${one.name}` })))))]));
  const start = h("button", { type: "submit", class: "main" });
  const estimate = h("button", { type: "button", word: "estimate", on: { click: expect } });
  const expected = h("p", { role: "status" });
  const wrong = h("div", { class: "error", role: "alert", hidden: true });
  const element = h("form", { on: { submit } },
    h("h3", { word: "begin" }),
    h("div", { class: "row kinds", role: "group", label: "begin" }, ...Object.values(kinds)),
    texts.element, h("div", { class: "row" }, networkBox, presetBox), severalBox, spaceBox,
    ...Object.values(own), recipe.element, wrong, h("div", { class: "row" }, start, estimate), expected);
  let now = verbs[0];

  function choose(verb, tell = false) {
    now = verbs.includes(verb) ? verb : verbs[0];
    for (const [name, button] of Object.entries(kinds)) {
      button.setAttribute("aria-pressed", String(name === now));
      own[name].hidden = name !== now;
    }
    networkBox.hidden = now === "compare";
    severalBox.hidden = now !== "compare";
    presetBox.hidden = now !== "train";
    spaceBox.hidden = now !== "tune";
    start.dataset.word = `start ${now}`;
    translate(start);
    recipe.set(now === "train" && Boolean(preset.value), known.own[now].map(({ name }) => name));
    expected.replaceChildren();
    if (tell) keep({ begin: now === verbs[0] ? "" : now });
  }

  function request() {
    const asked = { texts: texts.chosen, settings: recipe.settings() };
    for (const [one, input] of inputs[now]) {
      const value = typed(one, input.value.trim());
      if (value !== null) asked[one.name] = value;
    }
    if (now === "compare") {
      asked.networks = [...several.querySelectorAll(":checked")].map((box) => box.value);
    } else asked.network = network.value || null;
    if (now === "tune") asked.space = space.value;
    if (now === "train" && preset.value) asked.preset = preset.value;
    else asked.recipe = recipe.name;
    return asked;
  }

  // Asks; a refusal is shown in the form.
  async function send(what, button) {
    wrong.hidden = true;
    button.disabled = true;
    try {
      return await askJson(`/api/jobs/${now}/${what}`, request());
    } catch (error) {
      wrong.hidden = false;
      wrong.replaceChildren(h("p", {}, error.message));
      return null;
    } finally {
      button.disabled = false;
    }
  }

  async function submit(event) {
    event.preventDefault();
    const answer = await send("start", start);
    if (!answer) return;
    expected.replaceChildren(h("span", { word: "begun", values: { run: answer.entry } }));
    begun(answer.entry);
  }

  async function expect() {
    expected.replaceChildren(h("span", { class: "soft", word: "measuring" }));
    const found = await send("estimate", estimate);
    expected.replaceChildren(found ? h("span", estimated(found)) : "");
  }

  function estimated({ runs, trials, seconds, at_most }) {
    if (runs) {
      const known = runs.filter((one) => one.seconds !== null);
      const whole = known.reduce((sum, one) => sum + one.runs * one.seconds, 0);
      const count = runs.reduce((sum, one) => sum + one.runs, 0);
      const side = Number(request().workers ?? 1);
      return { word: "expected runs", values: { count, time: time(whole / side) } };
    }
    if (seconds === null) return { word: "expected open" };
    if (trials) return { word: at_most ? "expected at most" : "expected trials",
      values: { count: trials.toLocaleString(), time: time(seconds) } };
    return { word: "expected time", values: { time: time(seconds) } };
  }

  async function loadNetworks() {
    const found = await askJson("/api/network/gallery");
    const named = [...found.networks.map(({ name, label }) => [name, label]),
      ...found.files.map(({ name, label }) => [`${name}.eq`, `${label}.eq`])];
    network.replaceChildren(h("option", { value: "", word: "usual network" }),
      ...named.map(([name, label]) => h("option", { value: name }, label)));
    several.replaceChildren(...named.map(([name, label]) => h("label", { class: "field check" },
      h("input", { type: "checkbox", value: name }), h("span", {}, label))));
  }

  choose(now);
  loadNetworks().catch((error) => notify(error.message));
  return {
    element,
    show(parameters) { choose(parameters.get("begin")); },
    translate: recipe.translate,
  };
}

// Seconds for people: 1:05, 2:03:00.
export function time(seconds) {
  const whole = Math.round(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
