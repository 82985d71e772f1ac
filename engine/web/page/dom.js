// Elements from data. Text goes in as text nodes only: nothing the engine or a preset's name says becomes markup.

/** `make("button", {class: "go", onclick: f, "aria-label": "x"}, "Go")`; null, undefined and false leave out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Changes the text only where it differs: an untouched text node costs no layout and no screen reader's breath. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function byId(id) {
  return document.getElementById(id);
}

/** A button that does its work at the second press within 3 s; its label asks in between. */
export function makeSureButton(attributes, label, question, act) {
  let timer = 0;
  const button = make("button", { type: "button", ...attributes }, label);
  const relax = () => {
    clearTimeout(timer);
    timer = 0;
    write(button, label);
    button.classList.remove("is-asking");
  };
  button.addEventListener("click", () => {
    if (timer) {
      relax();
      act();
    } else {
      write(button, question);
      button.classList.add("is-asking");
      timer = setTimeout(relax, 3000);
    }
  });
  return button;
}

/** Shows a list anew. Rows whose entry is the same stay the elements they are, and the focus stays where it was: a
 *  list may be told again while somebody presses a button in it. */
export function showRows(root, entries, makeRow) {
  const standing = new Map([...root.children].map((row) => [row.dataset.entry, row]));
  const rows = entries.map((entry) => {
    const key = JSON.stringify(entry);
    const row = standing.get(key) ?? makeRow(entry);
    row.dataset.entry = key;
    return row;
  });
  const focused = root.contains(document.activeElement) ? document.activeElement : null;
  const shown = new Set(rows);
  // What is taken out and put back loses the focus: rows that stay are not touched.
  for (const row of [...root.children]) if (!shown.has(row)) row.remove();
  rows.forEach((row, index) => row !== root.children[index] && root.insertBefore(row, root.children[index] ?? null));
  if (!focused || focused === document.activeElement) return;
  const label = focused.getAttribute("aria-label");
  const again = root.contains(focused) ? focused : [...root.querySelectorAll("[aria-label]")].find((part) => part.getAttribute("aria-label") === label);
  again?.focus();
}
