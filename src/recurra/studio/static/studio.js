// The shell of the page: what the folder holds.

const answer = await fetch("/api/folder");
const folder = await answer.json();
document.querySelector("#entries").replaceChildren(
  ...folder.entries.map((entry) => {
    const item = document.createElement("li");
    item.textContent = `${entry.kind}: ${entry.label}`;
    return item;
  }),
);
