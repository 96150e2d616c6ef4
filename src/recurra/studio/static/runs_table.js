// The table of runs: filtered by what one types, sorted by any column, several chosen at once.

import { keep } from "./address.js";
import { debounced, field, h } from "./dom.js";
import { word } from "./words.js";

const NUMBERS = new Set(["parameters", "steps", "train", "held_out", "seconds", "speed"]);

// `columns` are those of a run's cells; `chosen(ids, looked)` is called with the runs that are to be
// shown, the latest last, and whether one was clicked on.
export function makeTable(columns, chosen) {
  const filter = h("input", { type: "search", on: { input: debounced(150, filtered) } });
  const count = h("p", { class: "soft", role: "status" });
  const head = h("tr");
  const body = h("tbody");
  const all = h("button", { type: "button", word: "choose shown", on: { click: () => chosen(shown) } });
  const none = h("button", { type: "button", word: "choose none", on: { click: () => chosen([]) } });
  const element = h("div", {},
    h("div", { class: "row" }, field("filter", filter), all, none), count,
    h("div", { class: "table runs" }, h("table", {}, h("thead", {}, head), body)));
  let runs = null; // not told yet
  let selected = [];
  let shown = [];
  let sort = { column: "changed", down: true };

  function filtered() {
    keep({ filter: filter.value });
    draw();
  }

  function sortBy(column) {
    const down = sort.column === column ? !sort.down : NUMBERS.has(column);
    sort = { column, down };
    keep({ sort: `${down ? "-" : ""}${column}` });
    draw();
    head.querySelector(`[data-column="${column}"]`)?.focus();
  }

  function order(one, other) {
    const [a, b] = [runs.get(one)[sort.column], runs.get(other)[sort.column]];
    if (a === b) return 0;
    if (a === null || a === undefined) return 1; // what is not known comes last
    if (b === null || b === undefined) return -1;
    const less = typeof a === "string" ? a.localeCompare(b) : a - b;
    return sort.down ? -less : less;
  }

  // Every word that is typed has to stand somewhere in the row.
  function matches(run) {
    const text = [...run.cells, word(`state ${run.state}`)].join(" ").toLowerCase();
    return filter.value.toLowerCase().split(/\s+/).every((part) => text.includes(part));
  }

  function heading(column) {
    const sorted = sort.column === column;
    const direction = sort.down ? "descending" : "ascending";
    return h("th", { scope: "col", class: NUMBERS.has(column) ? "n" : null,
      "aria-sort": sorted ? direction : null },
      h("button", { type: "button", class: "sort", "data-column": column,
        on: { click: () => sortBy(column) } },
        h("span", { word: `column ${column}` }), sorted ? (sort.down ? " ↓" : " ↑") : ""));
  }

  function row(id) {
    const run = runs.get(id);
    const box = h("input", { type: "checkbox", "data-id": id, checked: selected.includes(id),
      on: { change: () => chosen(box.checked ? [...selected, id] : selected.filter((one) => one !== id)) } });
    box.setAttribute("aria-label", run.label);
    const cells = run.cells.map((text, i) => {
      if (columns[i] === "label") {
        return h("th", { scope: "row" }, h("button", { type: "button", class: "link",
          on: { click: () => chosen([id], true) } }, text));
      }
      if (columns[i] === "state") {
        return h("td", { class: `state ${run.state}` }, h("span", { word: `state ${run.state}` }));
      }
      return h("td", { class: NUMBERS.has(columns[i]) ? "n" : null }, text);
    });
    return h("tr", { "aria-selected": String(selected.includes(id)) }, h("td", {}, box), ...cells);
  }

  function draw() {
    const focused = document.activeElement?.dataset?.id;
    shown = [...(runs?.keys() ?? [])].filter((id) => matches(runs.get(id))).sort(order);
    head.replaceChildren(h("td"), ...columns.map(heading));
    body.replaceChildren(...shown.map(row));
    count.textContent = !runs ? word("reading folder") : runs.size
      ? word("runs shown", { shown: shown.length, all: runs.size }) : word("no runs");
    if (focused) body.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
  }

  return {
    element,
    show(allRuns, ids) {
      runs = allRuns;
      selected = ids;
      draw();
    },
    restore(parameters) {
      filter.value = parameters.get("filter") ?? "";
      const [, minus, column] = /^(-?)(.*)$/.exec(parameters.get("sort") ?? "");
      if (columns.includes(column)) sort = { column, down: minus === "-" };
    },
  };
}
