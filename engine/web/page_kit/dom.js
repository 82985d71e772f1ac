// Creates elements from data. Text becomes text nodes only, so that no name of a server, preset or file is parsed as
// markup.

/** `make("button", {class: "go", onclick: f, "aria-label": "x"}, "Go")`; null, undefined and false are skipped. */
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

/** Changes the text only if it differs: an untouched text node costs no layout, and screen readers stay silent. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function byId(id) {
  return document.getElementById(id);
}

/** A button that acts on the second press within 3 s; in between, its label asks for confirmation. */
export function makeConfirmButton(attributes, label, question, act) {
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

/** Updates a list. Rows with an unchanged entry keep their elements, and the focus stays: a list may be updated while
 *  somebody presses a button in it. */
export function showRows(root, entries, makeRow) {
  const standing = new Map([...root.children].map((row) => [row.dataset.entry, row]));
  const rows = entries.map((entry) => {
    const key = JSON.stringify(entry);
    const row = standing.get(key) ?? makeRow(entry);
    row.dataset.entry = key;
    return row;
  });
  const focused = root.contains(document.activeElement) ? document.activeElement : null;
  const current = new Set(rows);
  // An element that is removed and inserted again loses the focus, so unchanged rows are not touched.
  for (const row of [...root.children]) if (!current.has(row)) row.remove();
  rows.forEach((row, index) => row !== root.children[index] && root.insertBefore(row, root.children[index] ?? null));
  if (!focused || focused === document.activeElement) return;
  const label = focused.getAttribute("aria-label");
  const again = root.contains(focused) ? focused : [...root.querySelectorAll("[aria-label]")].find((part) => part.getAttribute("aria-label") === label);
  again?.focus();
}
