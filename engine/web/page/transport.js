// The transport of the sound files: play, back, next, and a fader for the position. Hidden while no list plays.

import { make, write } from "./dom.js";

const BESIDE = "/audio/file/loop";
const SETTLED_MS = 1500; // after a seek, until the engine's position is shown again: the sound is read ahead

export class Transport {
  #connection;
  #element;
  #play;
  #name;
  #time;
  #fader;
  #isPlaying = false;
  #heldUntil = 0;

  constructor(connection) {
    this.#connection = connection;
    const button = (label, title, act) => make("button", { type: "button", "aria-label": title, title, onclick: act }, label);
    const send = (verb) => connection.command(`/audio/file/${verb}`);
    this.#play = button("play", "play or pause the sound file", () => send(this.#isPlaying ? "pause" : "play"));
    this.#name = make("span", { class: "name" });
    this.#time = make("span", { class: "time" });
    this.#fader = make("input", { type: "range", min: 0, max: 1, step: 0.1, value: 0, "aria-label": "position in the sound file" });
    this.#fader.addEventListener("input", () => this.#hold());
    this.#fader.addEventListener("change", () => this.#seek());
    this.#element = make(
      "div",
      { class: "transport", role: "group", "aria-label": "transport of the sound files", hidden: true },
      button("back", "back to the beginning, or to the file before", () => send("previous")),
      this.#play,
      button("next", "next sound file", () => send("next")),
      this.#name,
      this.#fader,
      this.#time,
    );
  }

  /** Puts it into the rebuilt row of its control. */
  load(commands) {
    const row = document.querySelector(`.control[data-address="${BESIDE}"]`);
    if (commands.has("/audio/file/play")) row?.append(this.#element);
  }

  /** `position`: as in the engine's status; null while no list plays. */
  show(position) {
    this.#element.hidden = !position;
    if (!position) return;
    this.#isPlaying = position.state === "playing";
    write(this.#play, this.#isPlaying ? "pause" : "play");
    write(this.#name, position.tracks > 1 ? `${position.number} of ${position.tracks}: ${position.name}` : position.name);
    this.#fader.disabled = position.length_s === 0;
    this.#fader.max = position.length_s || 1;
    if (performance.now() < this.#heldUntil) return;
    this.#fader.value = position.position_s;
    this.#write(position.position_s);
  }

  #hold() {
    this.#heldUntil = performance.now() + SETTLED_MS;
    this.#write(Number(this.#fader.value));
  }

  #seek() {
    this.#hold();
    this.#connection.command("/audio/file/seek", "f", [Number(this.#fader.value)]);
  }

  #write(position_s) {
    const length_s = this.#fader.disabled ? 0 : Number(this.#fader.max);
    const text = length_s ? `${minutes(position_s)} / ${minutes(length_s)}` : minutes(position_s);
    write(this.#time, text);
    this.#fader.setAttribute("aria-valuetext", text);
  }
}

function minutes(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
