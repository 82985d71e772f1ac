// Builds a control for each description from the server; nothing here is specific to one control.

import { byId, make, write } from "./dom.js";

const SENT_AFTER_MS = 50; // a dragged slider is sent twenty times per second
const SETTLED_AFTER_MS = 400; // for controls that are expensive for the server
const MAX_SLIDER = 100_000; // steps; more are too fine to hit

export class Controls {
  #root;
  #send;
  #follow;
  #rows = new Map(); // name -> {control, element, show, isHeld}
  #values = {};
  #asked = {};
  #timer = 0;
  #settling = {}; // name -> timer

  /** `send(values)` requests changes; `follow(file)` receives a picture for the IP-Adapter. */
  constructor(root, send, follow) {
    this.#root = root;
    this.#send = send;
    this.#follow = follow;
  }

  get values() {
    return this.#values;
  }

  /** Rebuilds everything. */
  build(controls) {
    this.#rows.clear();
    const groups = new Map();
    for (const control of controls) {
      if (!groups.has(control.group)) groups.set(control.group, []);
      groups.get(control.group).push(this.#row(control));
    }
    const sections = [...groups].map(([name, rows]) => make("fieldset", {}, make("legend", {}, name), ...rows));
    this.#root.replaceChildren(...sections);
  }

  /** Shows the current values, except of controls that are being changed. */
  show(values) {
    this.#values = values;
    for (const [name, value] of Object.entries(values)) {
      const row = this.#rows.get(name);
      if (!row || name in this.#asked || name in this.#settling || row.isHeld()) continue;
      row.show(value);
      this.#mark(row, value !== row.control.default);
    }
  }

  /** The `values` that differ from the server's initial ones. */
  changed(values) {
    return Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== this.#rows.get(name)?.control.default));
  }

  /** Resets everything to the server's initial values. */
  reset() {
    clearTimeout(this.#timer); // cancels pending changes
    for (const timer of Object.values(this.#settling)) clearTimeout(timer);
    [this.#timer, this.#asked, this.#settling] = [0, {}, {}];
    const values = {};
    for (const [name, { control }] of this.#rows) values[name] = control.default;
    this.#send(values);
  }

  #mark(row, isChanged) {
    const { control, element } = row;
    element.classList.toggle("is-changed", isChanged);
    const began = control.default === "" ? "nothing" : control.default;
    const title = isChanged ? `${control.about} Changed (blue); initial value: ${began}.` : control.about;
    for (const part of element.querySelectorAll("label, textarea")) part.title = title;
  }

  #askSettled(name, value) {
    clearTimeout(this.#settling[name]);
    this.#settling[name] = setTimeout(() => {
      delete this.#settling[name];
      this.#ask(name, value);
    }, SETTLED_AFTER_MS);
  }

  #ask(name, value) {
    this.#asked[name] = value;
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      const asked = this.#asked;
      this.#asked = {};
      this.#send(asked);
    }, SENT_AFTER_MS);
  }

  #row(control) {
    const ask = (value) => (control.is_costly ? this.#askSettled(control.name, value) : this.#ask(control.name, value));
    const makers = { text, choice, whole: number, number };
    const id = `control-${control.name}`;
    const { parts, show, isHeld } = makers[control.kind](control, id, ask, () => this.#values[control.name]);
    const about = make("p", { class: "about", id: `${id}-about` }, control.about);
    const label = make("label", { for: id, title: control.about }, control.label);
    const extra = control.name === "ip_image" ? this.#chooser() : null;
    const element = make("div", { class: `control ${control.kind}`, "data-name": control.name }, label, ...parts, extra, about);
    element.querySelector(`#${CSS.escape(id)}`).setAttribute("aria-describedby", `${id}-about`);
    this.#rows.set(control.name, { control, element, show, isHeld });
    return element;
  }

  #chooser() {
    const input = make("input", { type: "file", accept: "image/*", hidden: true });
    input.addEventListener("change", () => {
      if (input.files[0]) this.#follow(input.files[0]);
      input.value = "";
    });
    const button = make("button", { type: "button", onclick: () => input.click() }, "choose a picture");
    return make("span", { class: "chooser" }, button, input);
  }
}

function text(control, id, ask) {
  const field = make("textarea", { id, rows: control.name === "prompt" ? 3 : 1, maxlength: control.most_characters, placeholder: control.about, spellcheck: "false", autocomplete: "off" });
  const hint = make("p", { class: "hint", hidden: true }, control.empty);
  const look = () => (hint.hidden = !control.empty || field.value.trim() !== "");
  field.addEventListener("input", () => {
    look();
    ask(field.value);
  });
  const show = (value) => {
    field.value = value;
    look();
  };
  return { parts: [field, hint], show, isHeld: () => document.activeElement === field };
}

function choice(control, id, ask) {
  const options = control.choices.map((value) => make("option", { value }, value));
  const list = make("select", { id }, ...options);
  list.addEventListener("change", () => ask(list.value));
  return { parts: [list], show: (value) => (list.value = value), isHeld: () => false };
}

/** A slider and a number field; with too many steps a random button instead of the slider. An invalid number becomes
 *  the nearest valid one on blur; an empty field becomes `inForce()`. */
function number(control, id, ask, inForce) {
  const { low, high, step } = control;
  const box = make("input", { type: "number", id, min: low, max: high, step, inputmode: "decimal" });
  const unit = make("span", { class: "unit" }, control.unit);
  const isNumber = () => box.value !== "" && box.checkValidity();
  const hasSlider = (high - low) / step <= MAX_SLIDER;
  const slider = hasSlider && make("input", { type: "range", min: low, max: high, step, tabindex: -1, "aria-label": `${control.label}, slider` });
  const die = !hasSlider && make("button", { type: "button", "aria-label": `new ${control.label}` }, `new ${control.label}`);
  const take = (value) => {
    if (slider) slider.value = value;
    ask(value);
  };
  box.addEventListener("input", () => {
    box.classList.toggle("is-wrong", !isNumber());
    if (isNumber()) take(box.valueAsNumber);
  });
  box.addEventListener("change", () => {
    if (isNumber()) return;
    if (Number.isNaN(box.valueAsNumber)) show(inForce());
    else {
      show(nearest(box.valueAsNumber, control));
      take(box.valueAsNumber);
    }
  });
  if (slider)
    slider.addEventListener("input", () => {
      box.value = slider.value;
      box.classList.remove("is-wrong");
      ask(slider.valueAsNumber);
    });
  if (die)
    die.addEventListener("click", () => {
      box.value = Math.floor(Math.random() * high);
      take(box.valueAsNumber);
    });
  const show = (value) => {
    box.value = String(Number(value.toPrecision(10)));
    box.classList.remove("is-wrong");
    if (slider) slider.value = value;
  };
  return { parts: [slider, die, make("span", { class: "value" }, box, unit)], show, isHeld: () => document.activeElement === box };
}

function nearest(value, { low, high, step }) {
  const inside = Math.min(high, Math.max(low, value));
  return Math.min(high, low + Math.round((inside - low) / step) * step);
}

/** Shows a line at the bottom of the page; repetitions are counted. */
export function say(line) {
  const list = byId("lines");
  const same = [...list.children].find((item) => item.dataset.line === line);
  if (same) {
    same.count += 1;
    write(same.querySelector(".count"), `×${same.count}`);
    clearTimeout(same.timer);
    same.timer = setTimeout(() => same.remove(), 8000);
    return;
  }
  const item = make("li", { "data-line": line }, make("span", {}, line), make("span", { class: "count" }));
  item.count = 1;
  item.timer = setTimeout(() => item.remove(), 8000);
  list.append(item);
  while (list.children.length > 4) list.firstElementChild.remove();
}
