// Values that this browser keeps between visits: open sections, the tab, fade seconds. A browser may refuse to store
// them; then nothing is kept and everything works. `data-prefix` of the page's body separates two pages of one origin.

const PREFIX = document.body?.dataset.prefix ?? "multiverse.";

export function recall(name, otherwise) {
  try {
    const kept = localStorage.getItem(PREFIX + name);
    return kept === null ? otherwise : JSON.parse(kept);
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
