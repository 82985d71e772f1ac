// Every OSC message that comes in, while this is looked at, and what the engine says of those it cannot use.

import { byId, make, write } from "./dom.js";

const MOST_LINES = 500;
const LAST_LOOK_MS = 200; // messages come ten times a second, a warning at once: it follows its message
const STEP_S = 2; // a clock that is off by more was set, or slept

export class Monitor {
  #live;
  #lines = [];
  #isPaused = false;
  #isSeen = false;
  #startS = NaN; // when the engine's clock stood at 0, in seconds since 1970, as near as is known

  constructor(live, connection) {
    this.#live = live;
    live.on("osc", (messages, { skipped }) => this.#take(messages, skipped ?? 0));
    connection.on("/engine/warning", ({ args: [line] }) => this.#takeWarning(line));
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
    this.#isSeen = isSeen;
    this.#live.monitor(isSeen);
  }

  #take(messages, skipped) {
    if (messages.length) this.#setClock(messages.at(-1).at_s);
    const lines = messages.map((message) => lineOf(message, this.#startS));
    if (skipped) lines.push({ text: `… ${skipped} more were too many to show`, key: "" });
    this.#add(lines);
  }

  /** The newest message of a delivery came a moment ago; the shortest of those moments is the best guess. */
  #setClock(atS) {
    const startS = Date.now() / 1000 - atS;
    this.#startS = Math.abs(startS - this.#startS) < STEP_S ? Math.min(startS, this.#startS) : startS;
  }

  /** A warning about a message ends in who sent it. */
  #takeWarning(warning) {
    const [, text, from] = warning.match(/^(.*) \(from (.+?)\)(?: \(and \d+ more like it\))?$/) ?? [];
    if (!this.#isSeen || !text) return;
    const line = { atMs: Date.now(), from, text: `refused: ${text}`, key: warning.toLowerCase(), isRefused: true };
    setTimeout(() => this.#add([line]), LAST_LOOK_MS);
  }

  #add(lines) {
    if (this.#isPaused) return;
    const words = this.#words();
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

function lineOf({ at_s: atS, from, address, args }, startS) {
  const values = (args ?? []).map((value) => (typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value));
  const text = `${address} ${values.map((value) => (typeof value === "string" ? JSON.stringify(value) : JSON.stringify(value) ?? "")).join(" ")}`;
  return { atMs: 1000 * (startS + atS), from, text, key: `${from} ${text}`.toLowerCase() };
}

/** hh:mm:ss.mmm, where this browser is. */
function timeOf(atMs) {
  const at = new Date(atMs);
  return `${at.toLocaleTimeString("en-GB")}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

function elementOf({ atMs, from, text, key, isRefused }, words) {
  const hidden = words.length > 0 && !words.every((word) => key.includes(word));
  const time = atMs === undefined ? "" : timeOf(atMs);
  return make("li", { hidden, class: isRefused ? "is-bad" : null }, make("time", {}, time), make("span", { class: "from" }, from ?? ""), make("span", { class: "message" }, text));
}
