// All incoming OSC messages while the panel is visible, refused ones with the reason. Unmapped messages from other
// programs are dimmed.

import { byId, make, write } from "./dom.js";

const MAX_LINES = 500;
const STEP_S = 2; // a larger difference means that a clock was set or the machine slept

export class Monitor {
  #live;
  #lines = [];
  #isPaused = false;
  #startS = NaN; // estimated time of 0 on the engine's clock, in seconds since 1970

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

  /** Called with true when the panel is visible. */
  show(isSeen) {
    this.#live.monitor(isSeen);
  }

  #take(messages, skipped) {
    if (messages.length) this.#setClock(messages.at(-1).at_s);
    const lines = messages.map((message) => lineOf(message, this.#startS));
    if (skipped) lines.push({ text: `… ${skipped} more messages not shown`, key: "" });
    this.#add(lines);
  }

  /** Estimates the engine's clock. Every delivery arrives slightly late; the one with the least delay fits best. */
  #setClock(atS) {
    const startS = Date.now() / 1000 - atS;
    this.#startS = Math.abs(startS - this.#startS) < STEP_S ? Math.min(startS, this.#startS) : startS;
  }

  #add(lines) {
    if (this.#isPaused) return;
    const terms = this.#terms();
    this.#lines.push(...lines);
    this.#lines.splice(0, this.#lines.length - MAX_LINES);
    const root = byId("monitor");
    const wasAtEnd = root.scrollHeight - root.scrollTop - root.clientHeight < 40;
    root.append(...lines.map((line) => elementOf(line, terms)));
    while (root.children.length > MAX_LINES) root.firstElementChild.remove();
    if (wasAtEnd) root.scrollTop = root.scrollHeight;
    write(byId("no-messages"), "");
  }

  #terms() {
    return byId("monitor-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  }

  #filter() {
    const terms = this.#terms();
    byId("monitor").replaceChildren(...this.#lines.map((line) => elementOf(line, terms)));
  }
}

function lineOf({ at_s: atS, from, address, args, refused, unmapped }, startS) {
  const atMs = 1000 * (startS + atS);
  if (refused) return { atMs, from, text: `refused: ${refused}`, key: `${from} ${refused}`.toLowerCase(), isRefused: true };
  const values = (args ?? []).map((value) => (typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value));
  const text = `${address} ${values.map((value) => (typeof value === "string" ? JSON.stringify(value) : JSON.stringify(value) ?? "")).join(" ")}`;
  const label = unmapped ? `${text} · not mapped` : text;
  return { atMs, from, text: label, key: `${from} ${label}`.toLowerCase(), isUnmapped: unmapped };
}

/** hh:mm:ss.mmm in the browser's time zone. */
function timeOf(atMs) {
  const at = new Date(atMs);
  return `${at.toLocaleTimeString("en-GB")}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

function elementOf({ atMs, from, text, key, isRefused, isUnmapped }, terms) {
  const hidden = terms.length > 0 && !terms.every((term) => key.includes(term));
  const time = atMs === undefined ? "" : timeOf(atMs);
  return make("li", { hidden, class: isRefused ? "is-bad" : isUnmapped ? "is-dim" : null }, make("time", {}, time), make("span", { class: "from" }, from ?? ""), make("span", { class: "message" }, text));
}
