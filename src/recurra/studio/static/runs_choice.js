// The choice of a run that has a model, and of others or nobody beside it.

import { askJson, h } from "./dom.js";

// Fills selects and chooses; without a wish, the first stays as it is.
export async function offerRuns(first, others, wanted, besides) {
  const { runs } = await askJson("/api/write/runs");
  const nobody = (key) => h("option", { value: "", word: key });
  const options = () => runs.map((one) => h("option", { value: one.id }, one.label));
  const chosen = wanted || first.value;
  first.replaceChildren(...(runs.length ? options() : [nobody("no runs yet")]));
  first.value = chosen;
  if (!first.value) first.selectedIndex = 0;
  others.forEach((other, i) => {
    other.replaceChildren(nobody("nobody"), ...options());
    other.value = besides[i] ?? "";
  });
}
