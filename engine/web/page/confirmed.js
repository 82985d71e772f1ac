// Numbers that are sent only when confirmed: picture size and frame rate. Each change causes a short stutter, and too
// large a value can overload the machine. Consists of a field, a list of common values that fills it, and a button.
//
// Width and height belong together: a common size fills both fields, and either button sends both.

import { make, write } from "./dom.js";

const SIZES = [
  ["720p", 1280, 720],
  ["1080p", 1920, 1080],
  ["1440p", 2560, 1440],
  ["4K", 3840, 2160],
  ["square", 1080, 1080],
  ["portrait", 1080, 1920],
];
const SMALL_SIZES = [
  ["square", 512, 512],
  ["wide", 768, 512],
  ["wider", 896, 512],
  ["portrait", 512, 768],
];
const USUAL = {
  "/engine/width": SIZES.map(([name, width, height]) => [`${name}, ${width} × ${height}`, width, height]),
  "/sd/width": SMALL_SIZES.map(([name, width, height]) => [`${name}, ${width} × ${height}`, width, height]),
  "/engine/fps": [24, 25, 30, 50, 60, 120].map((fps) => [String(fps), fps]),
};
const MUCH = 1.5; // the button warns above this many times the current pixels

const drafts = new Map(); // by address, for the existing controls

/** Returns a control like the other makers; `values` sends several values in one bundle. */
export function confirmed(param, values) {
  const draft = new Draft(param, values);
  drafts.set(param.address, draft);
  return { body: [draft.element], show: (value) => draft.show(value) };
}

class Draft {
  #param;
  #values;
  #now = 0;

  constructor(param, values) {
    this.#param = param;
    this.#values = values;
    const [least, most] = [param.low, param.high];
    const attributes = { type: "number", min: least, max: most, step: param.type === "int" ? param.step : "any" };
    this.field = make("input", { ...attributes, "aria-label": param.address, class: "draft", autocomplete: "off" });
    this.button = make("button", { type: "button", class: "apply", disabled: true, "aria-label": `apply ${param.address}` }, "apply");
    this.element = make("div", { class: "confirmed" }, this.field, make("span", { class: "unit" }, param.unit), this.#usual(), this.button);
    this.field.addEventListener("input", () => this.#follow());
    this.field.addEventListener("keydown", (event) => this.#pressKey(event));
    this.button.addEventListener("click", () => this.#apply());
  }

  show(value) {
    const wasOpen = this.isOpen;
    this.#now = value;
    if (!wasOpen) this.field.value = String(Number(value.toFixed(2)));
    this.#follow();
  }

  get isOpen() {
    return this.field.value !== "" && Number(this.field.value) !== Number(this.#now.toFixed(2));
  }

  /** The value that would be sent, or the current one. */
  get value() {
    const value = Number(this.field.value);
    return this.field.value === "" || !Number.isFinite(value) ? this.#now : Math.min(this.#param.high, Math.max(this.#param.low, value));
  }

  fill(value) {
    this.field.value = String(value);
    this.#follow();
  }

  get #other() {
    const { address } = this.#param;
    const other = address.endsWith("/width") ? address.replace(/width$/, "height") : address.replace(/height$/, "width");
    return other === address ? undefined : drafts.get(other);
  }

  #usual() {
    const usual = USUAL[this.#param.address];
    if (!usual) return null;
    const label = `common values of ${this.#param.address}`;
    const options = usual.map(([text], index) => make("option", { value: index }, text));
    const list = make("select", { "aria-label": label }, make("option", { value: "" }, "common …"), ...options);
    list.addEventListener("change", () => {
      const [, value, other] = usual[Number(list.value)];
      list.value = "";
      this.fill(value);
      if (other) this.#other?.fill(other);
    });
    return list;
  }

  #follow() {
    this.#say();
    this.#other?.#say();
  }

  #say() {
    this.button.disabled = !this.isOpen;
    const other = this.#other;
    const times = other ? (this.value * other.value) / (this.#now * other.#now) : 1;
    write(this.button, this.isOpen && times > MUCH ? `apply: ${Number(times.toPrecision(2))} × the pixels` : "apply");
  }

  #pressKey(event) {
    if (event.key === "Enter" && this.isOpen) this.#apply();
    if (event.key === "Escape") this.fill(Number(this.#now.toFixed(2)));
  }

  #apply() {
    const parts = [this, this.#other].filter((draft) => draft?.isOpen);
    const changes = parts.map((draft) => [draft.#param.address, draft.value]);
    this.#values.changeTogether(changes);
    for (const draft of parts) draft.fill(draft.value);
  }
}
