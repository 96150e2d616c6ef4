// Sorts the table of the gallery: every heading becomes a button. Without scripts it is a plain
// table, in the order of the alphabet.
"use strict";

const table = document.getElementById("networks");
const headings = [...table.tHead.rows[0].cells];
const order = (one, other) => (isNaN(one) ? one.localeCompare(other) : one - other);

function sort(column) {
  const heading = headings[column];
  const sign = heading.ariaSort === "ascending" ? -1 : 1;
  for (const other of headings) other.ariaSort = null;
  heading.ariaSort = sign > 0 ? "ascending" : "descending";
  const value = (row) => row.cells[column].dataset.value;
  const compare = (one, other) =>
    // what was not measured stands last, whatever the direction
    (value(one) === "") - (value(other) === "") || sign * order(value(one), value(other));
  table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
}

headings.forEach((heading, column) => {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...heading.childNodes);
  button.addEventListener("click", () => sort(column));
  heading.append(button);
});
