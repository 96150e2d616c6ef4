export async function create(root) { root.textContent = "…"; }
