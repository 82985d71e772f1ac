// What this browser keeps between visits. It may refuse; then nothing is kept and everything works.

const PREFIX = "multiverse.live.";

export function recall(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Private windows have no room for it.
  }
}
