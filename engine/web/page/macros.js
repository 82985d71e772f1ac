// The eight macros of the look, each with its own name, the mark of its modulation, and an arrow while a fader of a
// controller has not reached it yet.

import { byId, make, write } from "./dom.js";
import { Fader } from "./fader.js";

const COUNT = 8;

export class MacroFaders {
  #values;
  #faders = new Map(); // by address

  constructor(values) {
    this.#values = values;
  }

  load(params) {
    this.#faders.clear();
    const rows = [];
    for (let number = 1; number <= COUNT; number += 1) {
      const param = params.get(`/macro/${number}`);
      if (param) rows.push(this.#row(number, param));
    }
    byId("macros").replaceChildren(...rows);
  }

  /** `waiting`: where the faders of controllers stand that have not taken over yet, 0..1 by address. */
  showWaiting(waiting) {
    for (const [address, { arrow, track, value }] of this.#faders) {
      const at = waiting[address];
      arrow.hidden = at === undefined;
      if (at === undefined) continue;
      arrow.style.left = `${at * 100}%`;
      write(arrow, at < value() ? "▸" : "◂");
      track.append(arrow);
    }
  }

  #row(number, param) {
    const { address } = param;
    const fader = new Fader(param, (value) => this.#values.change(address, value));
    const name = make("span", { class: "name" });
    const row = make("div", { class: "macro", "data-learn": address, "data-modulate": address }, name, fader.track);
    this.#values.watch(address, (value) => fader.show(value));
    this.#values.watchMoved(`perform ${address}`, address, (value) => fader.showMoved(value));
    const label = (value) => write(name, value || `Macro ${number}`);
    this.#values.watch(`/macro/name/${number}`, label);
    this.#values.watch(`/macro/moves/${number}`, (moves) => {
      row.classList.toggle("is-idle", !moves);
      row.title = moves || "moves nothing in this look: /macro/add, or the area Macros of the play tab";
    });
    const arrow = make("span", { class: "arrow", hidden: true, title: "the controller's fader stands here: move it past the value to take over" });
    this.#faders.set(address, { arrow, track: fader.track, value: () => this.#values.get(address) });
    return row;
  }
}
