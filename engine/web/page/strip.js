// The strip at the top of every tab: the look on screen and how far its fade is, the recording, lamps, the clock.

import { byId, make, write } from "./dom.js";

const AWAY = new Set(["loading", "hung", "restarting", "failed", "retrying", "lost", "permission?", "silence", "stopped"]);
const SLOW_MS = 100; // from an OSC packet to the picture: felt by a hand
const MUCH_LATE = 0.01; // fraction of the frames; below it stutter is not visible

export class Strip {
  #name = "";
  #isEdited = false;
  #fade = null;

  constructor() {
    const showTime = () => write(byId("show-clock"), new Date().toTimeString().slice(0, 8));
    showTime();
    setInterval(showTime, 1000);
  }

  /** The look on screen, also if another client loaded it. */
  showLook(name, isEdited) {
    [this.#name, this.#isEdited] = [name, isEdited];
    this.#write();
  }

  /** `fade`: null, or `{passed, length, unit}` of the fade that runs. */
  showFade(fade) {
    this.#fade = fade;
    this.#write();
  }

  show(status) {
    const lamps = lampsOf(status).map(([name, text, level, title]) => make("li", { class: `lamp is-${level}`, "data-lamp": name, title }, text));
    const news = lamps.map((lamp) => lamp.outerHTML).join("");
    if (byId("lamps").dataset.shown !== news) {
      byId("lamps").dataset.shown = news;
      byId("lamps").replaceChildren(...lamps);
    }
    const recordings = status.recordings ?? [];
    byId("rec").hidden = recordings.length === 0;
    if (recordings.length) write(byId("rec"), recordingLine(recordings));
  }

  clear() {
    byId("lamps").replaceChildren();
    delete byId("lamps").dataset.shown;
    byId("rec").hidden = true;
  }

  #write() {
    const look = byId("look-now");
    write(look, this.#name && this.#isEdited ? `${this.#name} *` : this.#name);
    look.title = this.#isEdited ? "edited since it was loaded or saved" : "current preset";
    write(byId("look-progress"), this.#fade ? fadeLine(this.#fade) : "");
  }
}

/** How far a fade is: "3.2 of 8 beats". */
export function fadeLine({ passed, length, unit }) {
  if (unit === "hand") return `${Math.round(100 * passed)} % by hand`;
  return `${passed.toFixed(1)} of ${Number(length.toFixed(1))} ${unit}`;
}

/** Time of the longest recording and the room on the fullest disk. */
function recordingLine(recordings) {
  const seconds = Math.max(...recordings.map((each) => each.seconds));
  const [minutes, rest] = [Math.floor(seconds / 60), String(Math.floor(seconds % 60)).padStart(2, "0")];
  const free = recordings.map((each) => each.free_bytes).filter((bytes) => bytes > 0);
  return `REC ${minutes}:${rest}${free.length ? `, ${Math.round(Math.min(...free) / 1e9)} GB free` : ""}`;
}

/** The lamps that show what is wrong, or could be: [name, text, level, title]. A level is dim, on (at work) or bad. */
export function lampsOf(status) {
  const lately = status.lately;
  const faults = lately ? lately.late + lately.dropped : 0;
  const isLate = lately?.due > 0 && faults / lately.due >= MUCH_LATE;
  const latency = status.latency_ms;
  const isSlow = latency?.p99 > SLOW_MS;
  const of = (name, state, title) => [name, AWAY.has(state) ? `${name} ${state}` : name, AWAY.has(state) ? "bad" : "dim", title];
  return [
    ["late", isLate ? `late ${Math.round((100 * faults) / lately.due)} %` : "late", isLate ? "bad" : "dim", "frames late or dropped in the last 10 s"],
    status.audio && of("sound", status.audio.state, status.audio.description),
    status.camera && of("camera", status.camera.state, status.camera.description),
    ...(status.children ?? []).map((child) => of(child.name, child.state, child.detail)),
    latency?.packets > 0 && ["latency", `${isSlow ? "slow " : ""}${latency.p50.toFixed(0)} ms`, isSlow ? "bad" : "dim", "from a control to the picture, median"],
  ].filter(Boolean);
}
