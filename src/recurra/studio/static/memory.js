// What the browser keeps from one visit to the next; some keep nothing.

export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function keepForLater(key, text) {
  try {
    localStorage.setItem(key, text);
  } catch {
    // for this visit only
  }
}
