// Searches and comparisons: one is chosen and shown as it goes; it is stopped, and goes on.

import { keep, read } from "./address.js";
import { ask, field, h, notify, place } from "./dom.js";
import { language } from "./words.js";

const PAUSE = 3000; // milliseconds from one look at one that is at work to the next

export function makeOutcomes() {
  const choice = h("select", { on: { change: () => { keep({ entry: choice.value }); draw(); } } });
  const state = h("span", { class: "state" });
  const stop = act("stop work", "stop");
  const resume = act("resume", "resume");
  const report = h("article", { class: "report" });
  const element = h("section", { hidden: true }, h("h3", { word: "studies and comparisons" }),
    h("div", { class: "row" }, field("entry", choice), state, stop, resume), report);
  let entries = new Map();
  let shown = ""; // the entry of the report
  let drawn = 0;
  let waiting = 0;
  // an address that names an entry, and no run, leads to it: the place begins with a long form
  let sought = read().parameters.has("entry") && !read().parameters.has("run");

  function act(key, what) {
    const button = h("button", { type: "button", word: key, on: { click: async () => {
      button.disabled = true;
      await ask(`/api/jobs/${what}`, { entry: choice.value }).catch((error) => notify(error.message));
      button.disabled = false;
    } } });
    return button;
  }

  function tell() {
    const entry = entries.get(choice.value);
    state.replaceChildren(entry ? h("span", { word: `work ${entry.state}` }) : "");
    state.className = `state ${entry?.state ?? ""}`;
    stop.hidden = entry?.state !== "running";
    resume.hidden = entry?.state !== "stopped";
  }

  // At once, or some time after the last look.
  function draw(now = true) {
    tell();
    clearTimeout(waiting);
    const left = drawn + PAUSE - performance.now();
    if (!now && left > 0) waiting = setTimeout(() => drawNow(), left);
    else drawNow();
  }

  async function drawNow() {
    const entry = choice.value;
    if (entry !== shown) report.replaceChildren(entry ? h("p", { class: "soft", word: "computing" }) : "");
    shown = entry;
    drawn = performance.now();
    if (!entry) return;
    const query = new URLSearchParams({ entry, language: language() });
    try {
      const found = await (await ask(`/api/outcomes/report?${query}`)).text();
      if (shown !== entry) return;
      place(report, found);
      if (sought) element.scrollIntoView();
      sought = false;
    } catch (error) {
      report.replaceChildren(h("div", { class: "error" }, h("p", {}, error.message)));
    }
  }

  tell();
  return {
    element,
    // All entries, and the ids of those that are new or have changed.
    show(all, changed) {
      entries = all;
      element.hidden = entries.size === 0;
      const wanted = read().parameters.get("entry") ?? "";
      if (choice.options.length !== entries.size + 1 || choice.value !== wanted) {
        choice.replaceChildren(h("option", { value: "", word: "choose" }),
          ...[...entries].map(([id, { label }]) => h("option", { value: id }, label)));
        choice.value = entries.has(wanted) ? wanted : "";
      }
      if (choice.value !== shown) draw();
      else if (changed.has(choice.value)) draw(false);
    },
    redraw: draw,
  };
}
