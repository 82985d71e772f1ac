// The beat, on every tab: tempo, the beats of the bar, how sure the engine is, which clock leads it, taps; and what waits
// for its beat.

import { byId, make, write } from "./dom.js";

const SOURCE = "/tempo/source";
const BPM = "/tempo/bpm";
const BAR = "/tempo/beats_a_bar";
const SECTION = "/beat/section";
const AUTOPILOT = "/autopilot/enable";

export class Beat {
  #values;
  #connection;
  #beats = null;
  beatsABar = 0;
  #dots = [];
  #waiting = new Map(); // name -> beats left, and the preset that a look or a cue loads
  #watchers = [];

  constructor(root, values, connection) {
    this.#values = values;
    this.#connection = connection;
    this.dots = make("span", { class: "dots", "aria-hidden": "true" });
    this.bpm = make("span", { class: "bpm", title: "tempo, beats per minute" }, "–");
    this.sure = make("meter", { min: 0, max: 1, value: 0, "aria-label": "confidence of the beat heard" });
    this.source = make("select", { "aria-label": "clock of the beat", title: "clock of the beat" });
    this.source.addEventListener("change", () => values.change(SOURCE, this.source.value));
    this.section = make("span", { class: "section", title: "section of the song, as it is heard" });
    byId("autopilot").addEventListener("click", () => values.change(AUTOPILOT, !values.get(AUTOPILOT)));
    const tap = make("button", { type: "button", class: "tap", "data-learn": "/tempo/tap", title: "tap the tempo" }, "tap");
    tap.addEventListener("pointerdown", () => values.change("/tempo/tap", true)); // a click comes when the finger leaves
    tap.addEventListener("keydown", ({ key, repeat }) => (key === "Enter" || key === " ") && !repeat && values.change("/tempo/tap", true));
    const button = (label, title, act) => make("button", { type: "button", class: "nudge", title, "aria-label": title, onclick: act }, label);
    const times = (factor) => () => values.change(BPM, values.get(BPM) * factor);
    const one = button("one", "this beat is the first of the bar", () => values.change("/tempo/reset", true));
    one.dataset.learn = "/tempo/reset";
    const listen = button("listen", "forgets what was tapped: the beat as it is heard", () => values.change("/tempo/forget", true));
    listen.dataset.learn = "/tempo/forget";
    const drop = () => connection.command("/launch/drop");
    this.queue = make("button", { type: "button", class: "queue", title: "takes back what waits for the beat", onclick: drop });
    this.queue.hidden = true;
    const parts = [button("½", "half the tempo", times(0.5)), button("×2", "double the tempo", times(2)), one, listen];
    const nudges = make("span", { class: "nudges" }, ...parts);
    this.element = make("div", { class: "beat" }, this.dots, this.bpm, this.section, tap, nudges, this.source, this.sure, this.queue);
    root.append(this.element);
    connection.on(SECTION, ({ args: [section] }) => write(this.section, section));
    connection.on("/launch/queued", ({ args: [name, beats, preset] }) => this.#change(() => this.#waiting.set(name, { beats, preset })));
    for (const end of ["/launch/started", "/launch/dropped"]) {
      connection.on(end, ({ args: [name] }) => this.#change(() => this.#waiting.delete(name)));
    }
  }

  /** Calls `show(waiting)` when something else waits: beats left by preset. */
  watchQueue(show) {
    this.#watchers.push(show);
  }

  /** Offers the clocks that the engine knows; called after every new schema. */
  load(params) {
    const source = params.get(SOURCE);
    this.element.hidden = source === undefined;
    if (source === undefined) return;
    this.source.replaceChildren(...source.menu.map((name) => make("option", { value: name }, name.replaceAll("_", " "))));
    this.#values.watch(SOURCE, (value) => (this.source.value = value));
    if (params.has(AUTOPILOT)) this.#values.watch(AUTOPILOT, (isOn) => byId("autopilot").setAttribute("aria-pressed", String(Boolean(isOn))));
    if (params.has(BAR)) this.#values.watch(BAR, (value) => this.#drawDots(value));
  }

  /** `beat`: beats of the tempo, whole numbers are beats. */
  show({ beat, bpm, confidence }) {
    write(this.bpm, bpm.toFixed(1));
    this.sure.value = confidence;
    this.sure.title = `beat heard in the sound: ${Math.round(confidence * 100)} % sure`;
    const beats = Math.floor(beat);
    if (beats === this.#beats) return;
    this.#beats = beats;
    // Not of the body: the tempo of the sound differs a little with each beat, and would style the whole page again.
    byId("pads").style.setProperty("--beat", `${60 / bpm}s`);
    const at = ((beats % this.beatsABar) + this.beatsABar) % this.beatsABar;
    this.#dots.forEach((dot, index) => dot.classList.toggle("is-on", index === at));
  }

  /** `waitsS`: seconds until the autopilot plays again after a hand; 0 while it plays, null while it is off. */
  showAutopilot(waitsS) {
    write(byId("autopilot"), waitsS ? `auto in ${Math.ceil(waitsS)} s` : "auto");
  }

  /** A tempo that runs on without its clock looks different from one that follows it. */
  showState(state) {
    const isFree = state === "free" || state === "stopped";
    this.element.classList.toggle("is-free", isFree);
    this.bpm.title = isFree ? `${state}: the tempo runs on without its clock` : "tempo, beats per minute";
  }

  connected(exists) {
    if (!exists) return;
    this.#connection.command("/launch/list");
    this.#connection.command("/get", "s", [SECTION]); // the present one; the next is announced
  }

  clear() {
    this.#beats = null;
    write(this.bpm, "–");
    write(this.section, "");
    this.sure.value = 0;
    for (const dot of this.#dots) dot.classList.remove("is-on");
    this.#change(() => this.#waiting.clear());
  }

  #drawDots(beatsABar) {
    if (beatsABar === this.beatsABar) return;
    this.beatsABar = beatsABar;
    this.#beats = null;
    this.#dots = Array.from({ length: beatsABar }, () => make("i"));
    this.dots.replaceChildren(...this.#dots);
  }

  #change(change) {
    change();
    this.queue.hidden = this.#waiting.size === 0;
    const what = (name, beats) => make("span", { class: "what" }, beats ? `${name} in ` : `${name}: its shader is tested `); // a phone shows the beats only
    this.queue.replaceChildren(...[...this.#waiting].flatMap(([name, { beats }], at) => [at ? ", " : "", what(name, beats), String(beats || "…")]));
    const presets = new Map([...this.#waiting.values()].map(({ beats, preset }) => [preset, beats]));
    for (const show of this.#watchers) show(presets);
  }
}

/** The menu of `/launch/quantise`: when presets and cues start. */
const LOOPS = [0, 1, 2, 4, 8, 16]; // beats

export class Quantise {
  #values;

  constructor(values) {
    this.#values = values;
    this.select = byId("quantise");
    this.select.addEventListener("change", () => values.change("/launch/quantise", this.select.value));
    this.loop = byId("camera-loop");
    this.loop.replaceChildren(...LOOPS.map((beats) => make("option", { value: beats }, beats ? `camera: loop ${beats}` : "camera: live")));
    this.loop.addEventListener("change", () => values.change("/camera/loop", Number(this.loop.value)));
  }

  load(params) {
    if (params.has("/camera/loop")) this.#values.watch("/camera/loop", (value) => (this.loop.value = value));
    const param = params.get("/launch/quantise");
    if (!param) return;
    const labels = { now: "at once", beat: "on the beat", bar: "on the bar", "4_bars": "on 4 bars" };
    this.select.replaceChildren(...param.menu.map((name) => make("option", { value: name }, labels[name] ?? name)));
    this.#values.watch(param.address, (value) => (this.select.value = value));
  }
}
