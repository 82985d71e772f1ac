// A fader, for floats, integers and stops.
//
// It never jumps under a finger. A touch moves it relative to the current value, and so does the mouse on the handle; a
// click on the track jumps there. With Shift it moves at a tenth of the speed. While it is held, changes by others are
// not shown; they show on release.

import { make } from "./dom.js";
import { positionOf, spokenOf, textOf, valueAt, valueIn } from "./numbers.js";
import { toast } from "./toast.js";

const GRIP_PX = 14; // half the handle plus a margin: a press within this distance counts as on the handle
const SLACK_PX = 5; // movement ignored at first: a trembling finger, or a scroll that the browser has not detected yet
const FINE = 0.1;

export class Fader {
  #param;
  #change;
  #drag = null;
  #value;
  ghost = null;

  /** `change(value)` is called for every change by the user. */
  constructor(param, change) {
    this.#param = param;
    this.#change = change;
    this.handle = make("div", { class: "handle" });
    this.fill = make("div", { class: "fill" });
    this.track = make(
      "div",
      {
        class: "fader",
        role: "slider",
        tabindex: 0,
        "aria-label": param.address,
        "aria-valuemin": param.low,
        "aria-valuemax": param.high,
      },
      make("div", { class: "rail" }, this.fill, this.#homeMark()),
      this.handle,
    );
    const characters = Math.max(5, ...[param.low, param.high, param.default].map((value) => textOf(param, value).length));
    this.box = make("input", {
      class: "number",
      style: `--characters: ${characters}`,
      inputmode: "text",
      tabindex: -1,
      autocomplete: "off",
      spellcheck: "false",
      "aria-label": `${param.address}, number`,
    });
    this.#listen();
  }

  /** Shows the engine's value; deferred while the fader is held. */
  show(value) {
    this.#value = value;
    if (!this.#drag) this.#draw(value);
  }

  /** Shows the modulated value as a thin second mark; undefined for none. */
  showMoved(value) {
    if (value === undefined) {
      this.ghost?.remove();
      this.ghost = null;
      return;
    }
    this.ghost ??= this.track.appendChild(make("div", { class: "ghost", title: "moved by the modulation" }));
    // An input of a shader is moved by its number, from 0 to 1.
    const position = this.#param.movedAs ? value : positionOf(this.#param, value);
    this.ghost.style.translate = `${position * 100 - 100}%`; // never left: that would lay out the whole page
  }

  #draw(value) {
    const param = this.#param;
    const position = positionOf(param, value);
    const zero = param.low < 0 && !param.isExponential ? positionOf(param, 0) : 0;
    this.handle.style.left = `${position * 100}%`;
    this.fill.style.left = `${Math.min(position, zero) * 100}%`;
    this.fill.style.width = `${Math.abs(position - zero) * 100}%`;
    this.track.setAttribute("aria-valuenow", String(Number(value.toPrecision(6))));
    this.track.setAttribute("aria-valuetext", spokenOf(param, value));
    if (document.activeElement !== this.box) this.box.value = textOf(param, value);
  }

  #homeMark() {
    const mark = make("div", { class: "home", title: "default" });
    mark.style.left = `${positionOf(this.#param, this.#param.default) * 100}%`;
    return mark;
  }

  #set(value) {
    this.#value = value;
    this.#draw(value);
    this.#change(value);
  }

  #listen() {
    const { track, box } = this;
    track.addEventListener("pointerdown", (event) => this.#press(event));
    track.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      track.addEventListener(end, ({ pointerId }) => pointerId === this.#drag?.pointerId && this.#release());
    }
    track.addEventListener("dblclick", () => this.#set(this.#param.default));
    track.addEventListener("keydown", (event) => this.#pressKey(event));
    box.addEventListener("focus", () => box.select());
    box.addEventListener("change", () => this.#takeTyped());
    box.addEventListener("blur", () => this.#draw(this.#value));
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter") track.focus();
      if (event.key === "Escape") {
        box.value = textOf(this.#param, this.#value);
        track.focus();
        event.stopPropagation();
      }
    });
  }

  #press(event) {
    if (event.button !== 0 || this.#drag) return;
    const { left, width } = this.track.getBoundingClientRect();
    const position = positionOf(this.#param, this.#value);
    const at = (event.clientX - left) / width;
    const isOnTrack = event.pointerType === "mouse" && Math.abs(at - position) * width > GRIP_PX;
    this.track.setPointerCapture(event.pointerId);
    this.track.classList.add("is-held");
    const [start, slack] = isOnTrack ? [at, 0] : [position, SLACK_PX];
    this.#drag = { pointerId: event.pointerId, x: event.clientX, width, position: start, slack };
    if (event.pointerType === "mouse") this.#drag.slack = Math.min(this.#drag.slack, 1);
    if (isOnTrack) this.#set(valueAt(this.#param, Math.min(1, Math.max(0, at))));
  }

  #move(event) {
    const drag = this.#drag;
    if (event.pointerId !== drag?.pointerId) return; // another finger, or none
    const moved = event.clientX - drag.x;
    if (Math.abs(moved) < drag.slack) return;
    drag.slack = 0;
    drag.x = event.clientX;
    drag.position += (moved / drag.width) * (event.shiftKey ? FINE : 1);
    const value = valueAt(this.#param, drag.position);
    if (value !== this.#value || !drag.hasMoved) this.#set(value);
    drag.hasMoved = true;
  }

  #release() {
    this.#drag = null;
    this.track.classList.remove("is-held");
    this.#draw(this.#value);
  }

  #pressKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { low, high, type, step, stops } = this.#param;
    const direction = { ArrowRight: 1, ArrowUp: 1, PageUp: 10, ArrowLeft: -1, ArrowDown: -1, PageDown: -10 }[event.key];
    let value = null;
    if (direction && type === "int") value = valueAt(this.#param, positionOf(this.#param, this.#value + direction * step));
    else if (Math.abs(direction) === 10 && stops.length) value = nextStop(this.#value, direction, high);
    else if (direction) value = this.#stepped(direction * (event.shiftKey ? FINE : 1));
    else if (event.key === "Home") value = low;
    else if (event.key === "End") value = high;
    else if (event.key === "Delete" || event.key === "Backspace") value = this.#param.default;
    else if (event.key === "Enter") this.box.focus();
    else return;
    event.preventDefault();
    if (value !== null) this.#set(value);
  }

  /** The value this many steps away; a step is 1 % of the range. */
  #stepped(steps) {
    return valueAt(this.#param, positionOf(this.#param, this.#value) + steps / 100);
  }

  #takeTyped() {
    const value = valueIn(this.#param, this.box.value);
    if (value === null) toast(`${this.#param.address}: “${this.box.value}” is not a number`, "fail");
    else this.#set(value);
  }
}

function nextStop(value, direction, high) {
  const next = direction > 0 ? Math.floor(value + 1) : Math.ceil(value - 1);
  return Math.min(high, Math.max(0, next));
}

/** The names of the stops below a fader, each a button that jumps to its stop. */
export function makeStops(param, change) {
  const buttons = param.stops.map((name, index) =>
    make("button", { type: "button", tabindex: -1, "aria-label": `${param.address} ${name}`, onclick: () => change(index) }, name),
  );
  const row = make("div", { class: "stop-names" }, ...buttons);
  const show = (value) => buttons.forEach((button, index) => button.classList.toggle("is-on", Math.abs(value - index) < 0.005));
  return { row, show };
}
