// The figures on the page: some counted here, some received from the server.

import { byId, write } from "./dom.js";

const EVERY_MS = 500;
const LOOKED_AT_MS = 3000;

export class Figures {
  /** Clears the figures while nothing is painted. */
  isOff = true;
  #times = { sent: [], painted: [], shown: [] };
  #state = null;
  #screen;
  #flights;

  constructor(screen, flights) {
    this.#screen = screen;
    this.#flights = flights;
    setInterval(() => this.#show(performance.now()), EVERY_MS);
  }

  /** Counts a picture that was sent or came back painted. */
  count(what, now) {
    this.#times[what].push(now);
  }

  /** Takes the figures of the server. */
  take(state) {
    this.#state = state;
  }

  clear() {
    this.#state = null;
    for (const times of Object.values(this.#times)) times.length = 0;
  }

  #show(now) {
    const { playout, record } = this.#screen;
    const recent = record.filter(({ slot }) => slot > now - LOOKED_AT_MS);
    this.#times.shown = recent.map(({ shown }) => shown);
    const latency = median(recent.map(({ slot, captured }) => slot - captured));
    const state = this.isOff ? null : this.#state;
    const period = playout.period;
    tell("latency", latency === null || this.isOff ? "–" : `${Math.round(latency)} ms`);
    tell("server", state?.painted ? `${Math.round(state.server_ms)} ms` : "–", state?.painted ? `of which painting ${Math.round(state.painting_ms)} ms` : "");
    tell("sent", this.#rate("sent", now));
    tell("painted", this.#rate("painted", now));
    tell("shown", this.#rate("shown", now), period ? `played at ${(1000 / period).toFixed(1)} per second` : "");
    tell("dropped", state ? String(state.dropped + state.unsent + playout.passed) : "–", state ? `before painting ${state.dropped}, before sending ${state.unsent}, in this browser ${playout.passed}` : "");
    tell("buffer", this.isOff ? "–" : String(playout.depth), `in flight ${this.#flights.count} of ${this.#flights.size}; repeated ${playout.held}`);
    const all = this.#state;
    tell("clients", all ? `${all.clients}/${all.most_clients}` : "–", all ? `ahead of this one in the queue: ${all.waiting}` : "");
  }

  #rate(what, now) {
    const times = this.#times[what];
    while (times.length && times[0] < now - LOOKED_AT_MS) times.shift();
    return times.length < 2 || this.isOff ? "–" : `${(((times.length - 1) * 1000) / Math.max(1, times.at(-1) - times[0])).toFixed(1)}`;
  }
}

function tell(name, text, title = "") {
  const cell = byId(`figure-${name}`);
  write(cell, text);
  if (cell.parentElement.title !== title) cell.parentElement.title = title;
}

function median(values) {
  if (!values.length) return null;
  return values.sort((a, b) => a - b)[values.length >> 1];
}
