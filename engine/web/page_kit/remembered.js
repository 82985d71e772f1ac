// Values stored in this browser between visits: open sections, the tab, fade seconds. If the browser refuses to store
// them, everything still works. `data-prefix` of the page's body separates two pages of one origin.

const PREFIX = document.body?.dataset.prefix ?? "multiverse.";

export function recall(name, otherwise) {
  try {
    const stored = localStorage.getItem(PREFIX + name);
    return stored === null ? otherwise : JSON.parse(stored);
  } catch {
    return otherwise;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // A private window stores nothing.
  }
}

export function forget(name) {
  try {
    localStorage.removeItem(PREFIX + name);
  } catch {
    // Nothing was stored.
  }
}
