// The sound input: level, peak, three bands, pitch and onsets of the four channels.

import { make, write } from "./dom.js";

const FLOOR_DB = -60;
const ONSET_MS = 120;
const NAMES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];

export class Meters {
  #channels = [];
  #root;

  constructor(root) {
    this.#root = root;
    for (let number = 1; number <= 4; number += 1) {
      const channel = new Channel(number);
      this.#channels.push(channel);
      root.append(channel.element);
    }
  }

  show(levels) {
    if (!this.#root.checkVisibility()) return; // twenty times per second, on tabs without meters
    levels.forEach((level, index) => this.#channels[index]?.show(level));
  }

  clear() {
    for (const channel of this.#channels) channel.clear();
  }
}

class Channel {
  #onsets = null;

  constructor(number) {
    this.rms = make("div", { class: "rms" });
    this.peak = make("div", { class: "peak" });
    this.bands = ["low", "mid", "high"].map((name) => make("div", { class: "band", title: `${name} band` }));
    this.onset = make("span", { class: "onset", title: "onset" });
    this.pitch = make("span", { class: "pitch" });
    this.bar = make(
      "div",
      {
        class: "bar",
        role: "meter",
        "aria-label": `level of channel ${number}, dB`,
        "aria-valuemin": FLOOR_DB,
        "aria-valuemax": 0,
        "aria-valuenow": FLOOR_DB,
      },
      this.rms,
      this.peak,
    );
    const label = make("span", { class: "which" }, String(number));
    const bands = make("div", { class: "bands", "aria-hidden": "true" }, ...this.bands);
    this.element = make("div", { class: "channel", "data-channel": number }, label, this.onset, this.bar, bands, this.pitch);
  }

  show({ rms, peak, low, mid, high, pitch_hz: pitchHz, onset_count: onsets }) {
    this.rms.style.transform = `scaleX(${shareOf(rms)})`;
    this.peak.style.left = `${shareOf(peak) * 100}%`;
    [low, mid, high].forEach((band, index) => (this.bands[index].style.transform = `scaleY(${shareOf(band)})`));
    this.bar.setAttribute("aria-valuenow", String(Math.round(decibels(rms))));
    this.bar.classList.toggle("is-hot", peak >= 0.99);
    write(this.pitch, pitchHz > 0 ? noteOf(pitchHz) : "–");
    this.pitch.title = pitchHz > 0 ? `${pitchHz.toFixed(1)} Hz` : "no pitch";
    if (this.#onsets !== null && onsets > this.#onsets) this.#flash();
    this.#onsets = onsets;
  }

  clear() {
    this.show({ rms: 0, peak: 0, low: 0, mid: 0, high: 0, pitch_hz: 0, onset_count: this.#onsets });
  }

  #flash() {
    this.onset.classList.add("is-on");
    setTimeout(() => this.onset.classList.remove("is-on"), ONSET_MS);
  }
}

/** The nearest equal-tempered note to a frequency, A4 = 440 Hz. */
export function noteOf(pitchHz) {
  const midi = Math.round(69 + 12 * Math.log2(pitchHz / 440));
  return `${NAMES[((midi % 12) + 12) % 12]}${Math.floor(midi / 12) - 1}`;
}

function decibels(linear) {
  return Math.max(FLOOR_DB, 20 * Math.log10(Math.max(linear ?? 0, 1e-6)));
}

function shareOf(linear) {
  return Math.min(1, (decibels(linear) - FLOOR_DB) / -FLOOR_DB);
}
