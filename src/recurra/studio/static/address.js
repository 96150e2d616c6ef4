// The address says what is shown: `#place?name=value&...`, so that a view can be bookmarked.

// The place and its parameters (a URLSearchParams).
export function read() {
  const [place, query] = location.hash.slice(1).split(/\?(.*)/s);
  return { place: place ?? "", parameters: new URLSearchParams(query ?? "") };
}

// Changes parameters of the present place; null or "" removes one. No step in the history.
export function keep(changes) {
  const { place, parameters } = read();
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") parameters.delete(name);
    else parameters.set(name, String(value));
  }
  const query = parameters.toString();
  const hash = `#${place || "network"}${query ? `?${query}` : ""}`;
  if (hash !== location.hash) history.replaceState(null, "", hash);
}

// Calls a function whenever the reader goes to another address.
export function onAddress(act) {
  addEventListener("hashchange", act);
}
