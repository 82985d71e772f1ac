// Every OSC message that comes in, while this is looked at.

import { byId, make, write } from "./dom.js";

const MOST_LINES = 500;

export class Monitor {
  #live;
  #lines = [];
  #isPaused = false;

  constructor(live) {
    this.#live = live;
    live.on("osc", (messages, { skipped }) => this.#take(messages, skipped ?? 0));
    byId("monitor-filter").addEventListener("input", () => this.#filter());
    byId("monitor-clear").addEventListener("click", () => {
      this.#lines = [];
      byId("monitor").replaceChildren();
    });
    const pause = byId("monitor-pause");
    pause.addEventListener("click", () => {
      this.#isPaused = !this.#isPaused;
      pause.setAttribute("aria-pressed", String(this.#isPaused));
    });
  }

  /** Whether it is looked at. */
  show(isSeen) {
    this.#live.monitor(isSeen);
  }

  #take(messages, skipped) {
    if (this.#isPaused) return;
    const words = this.#words();
    const lines = messages.map(lineOf);
    if (skipped) lines.push({ text: `… ${skipped} more were too many to show`, key: "" });
    this.#lines.push(...lines);
    this.#lines.splice(0, this.#lines.length - MOST_LINES);
    const root = byId("monitor");
    const wasAtEnd = root.scrollHeight - root.scrollTop - root.clientHeight < 40;
    root.append(...lines.map((line) => elementOf(line, words)));
    while (root.children.length > MOST_LINES) root.firstElementChild.remove();
    if (wasAtEnd) root.scrollTop = root.scrollHeight;
    write(byId("no-messages"), "");
  }

  #words() {
    return byId("monitor-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  }

  #filter() {
    const words = this.#words();
    byId("monitor").replaceChildren(...this.#lines.map((line) => elementOf(line, words)));
  }
}

function lineOf({ at_s: atS, from, address, args }) {
  const values = (args ?? []).map((value) => (typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value));
  const text = `${address} ${values.map((value) => (typeof value === "string" ? JSON.stringify(value) : JSON.stringify(value) ?? "")).join(" ")}`;
  return { atS, from, text, key: `${from} ${text}`.toLowerCase() };
}

function elementOf({ atS, from, text, key }, words) {
  const hidden = words.length > 0 && !words.every((word) => key.includes(word));
  const time = atS === undefined ? "" : atS.toFixed(2);
  return make("li", { hidden }, make("time", {}, time), make("span", { class: "from" }, from ?? ""), make("span", { class: "message" }, text));
}
