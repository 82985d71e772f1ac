// The beat: a lamp that lights on it, the tempo, how sure the engine is of the beat it hears, and the clock to follow.

import { make, write } from "./dom.js";

const LIT_MS = 90;
const SOURCE = "/tempo/source";

export class Beat {
  #values;
  #beats = null;

  constructor(root, values) {
    this.#values = values;
    this.lamp = make("span", { class: "pulse", "aria-hidden": "true" });
    this.bpm = make("output", { class: "bpm", "aria-label": "tempo, beats per minute" }, "–");
    this.sure = make("meter", { min: 0, max: 1, value: 0, "aria-label": "confidence of the beat heard" });
    this.source = make("select", { "aria-label": "clock of the beat" });
    this.source.addEventListener("change", () => this.#values.change(SOURCE, this.source.value));
    this.element = make("div", { class: "beat" }, this.lamp, this.bpm, this.sure, this.source);
    root.append(this.element);
  }

  /** Offers the clocks that the engine knows; called after every new schema. */
  load(params) {
    const param = params.get(SOURCE);
    if (param === undefined) return;
    this.source.replaceChildren(...param.menu.map((name) => make("option", { value: name }, name)));
    this.#values.watch(SOURCE, (value) => (this.source.value = value));
  }

  /** `beat`: beats of the tempo, whole numbers are beats. */
  show({ beat, bpm, confidence }) {
    write(this.bpm, `${bpm.toFixed(1)} bpm`);
    this.sure.value = confidence;
    this.sure.title = `beat heard in the sound: ${Math.round(confidence * 100)} % sure`;
    const beats = Math.floor(beat);
    if (this.#beats !== null && beats > this.#beats) this.#flash(beats);
    this.#beats = beats;
  }

  clear() {
    this.#beats = null;
    write(this.bpm, "–");
    this.sure.value = 0;
  }

  #flash(beats) {
    this.lamp.classList.toggle("is-first", beats % 4 === 0);
    this.lamp.classList.add("is-on");
    setTimeout(() => this.lamp.classList.remove("is-on"), LIT_MS);
  }
}
