// The live voice, beside its switch: input and output level, delay and its parts, load, late blocks, pitch.

import { make, write } from "./dom.js";

const FLOOR_DB = -60;
const MUCH_LOAD = 0.8; // of real time; above it blocks come too late

export class Voice {
  #levels = { input_db: "voice in", output_db: "voice out" };
  #lines = make("p", { class: "facts" });
  #element;

  constructor() {
    const rows = Object.entries(this.#levels).map(([fact, label]) => {
      this.#levels[fact] = make("meter", { min: FLOOR_DB, max: 0, high: -3, "aria-label": `${label}, dB`, title: label });
      return make("label", {}, make("span", {}, label), this.#levels[fact]);
    });
    this.#element = make("div", { class: "voice", hidden: true }, ...rows, this.#lines);
  }

  /** Puts it into the rebuilt row of the switch. */
  load() {
    document.querySelector('.control[data-address="/rvc/enable"]')?.append(this.#element);
  }

  show({ children = [] }) {
    const facts = children.find(({ name }) => name === "rvc")?.facts ?? {};
    this.#element.hidden = facts.delay_ms === undefined;
    if (this.#element.hidden) return;
    for (const [fact, meter] of Object.entries(this.#levels)) meter.value = facts[fact] ?? FLOOR_DB;
    write(this.#lines, voiceOf(facts));
    this.#lines.classList.toggle("is-bad", facts.rtf > MUCH_LOAD);
  }
}

/** The facts of the voice in one line. */
export function voiceOf(facts) {
  const ms = (name) => (facts[`${name}_ms`] ?? 0).toFixed(0);
  const parts = [`delay ${ms("delay")} ms: block ${ms("algorithmic")}, computing ${ms("compute")}, devices ${ms("device")}`];
  if (facts.rtf !== undefined) parts.push(`load ${(100 * facts.rtf).toFixed(0)} %`);
  if (facts.underruns) parts.push(`${facts.underruns} late blocks`);
  if (facts.speaker_hz) parts.push(`speaker ${facts.speaker_hz.toFixed(0)} Hz, transposed by ${(facts.transposed_semitones ?? 0).toFixed(1)} semitones`);
  return parts.join(" · ");
}
