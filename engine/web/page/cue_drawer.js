// The drawer with the cue that is on, the one that comes next, how long fade and follow still take, and a large GO.

import { byId, make, write } from "./dom.js";
import { recall, remember } from "./remembered.js";
import { fadeLine } from "./strip.js";

export class CueDrawer {
  #pictures;
  #now = null;
  #next = null;
  #tempo = { beat: 0, beatsABar: 4 };
  #fade = null;
  #counting = 0;
  #started = null; // {at: beat or second, length, unit} of the follow time that runs

  constructor(cues, pictures) {
    this.#pictures = pictures;
    byId("drawer-go").addEventListener("click", () => cues.go());
    byId("drawer-back").addEventListener("click", () => cues.back());
    byId("drawer-toggle").addEventListener("click", () => this.#open(byId("cue-drawer").hidden));
    this.#open(recall("cue-drawer", false));
    pictures.watch(() => this.#draw());
  }

  /** `now`: the cue on screen, null if there is none; `next`: the one that go starts. Each as `/cue/entry` gives it. */
  show(now, next) {
    [this.#now, this.#next] = [now, next];
    this.#draw();
  }

  /** A cue has just started. */
  started(cue) {
    const follow = lengthOf(cue?.[3], this.#tempo.beatsABar);
    this.#started = follow && { ...follow, at: this.#clock(follow.unit) };
  }

  showBeat(tempo, fade) {
    [this.#tempo, this.#fade] = [tempo, fade];
  }

  #clock(unit) {
    return unit === "s" ? performance.now() / 1000 : this.#tempo.beat;
  }

  #open(isOpen) {
    byId("cue-drawer").hidden = !isOpen;
    clearInterval(this.#counting);
    if (isOpen) this.#counting = setInterval(() => this.#count(), 200);
    byId("drawer-toggle").setAttribute("aria-expanded", String(isOpen));
    remember("cue-drawer", isOpen);
  }

  #draw() {
    const card = (id, cue, otherwise) => {
      const [number, preset] = cue ?? [];
      const note = cue ? noteOf(cue) : "";
      byId(id).replaceChildren(
        ...(cue ? [this.#pictures.element(preset), make("strong", {}, `${number} ${preset}`), make("p", { class: "note" }, note)] : [make("p", { class: "hint" }, otherwise)]),
      );
    };
    card("drawer-now", this.#now, "no cue is on");
    card("drawer-next", this.#next, "no cue follows");
    byId("drawer-go").disabled = !this.#next;
  }

  #count() {
    const left = this.#started && this.#started.length - (this.#clock(this.#started.unit) - this.#started.at);
    const lines = [this.#fade && `fade ${fadeLine(this.#fade)}`, left > 0 && `follows in ${left.toFixed(1)} ${this.#started.unit}`];
    write(byId("drawer-count"), lines.filter(Boolean).join(", "));
  }
}

/** The note of a cue: the last value of its entry. */
function noteOf(cue) {
  return cue.length > 7 ? cue[7] : "";
}

/** `{length, unit}` of a time as `/cue/entry` gives it: seconds, or a text in beats or bars; null for none. */
function lengthOf(time, beatsABar) {
  if (typeof time === "number") return time > 0 ? { length: time, unit: "s" } : null;
  const [, amount, unit] = String(time ?? "").match(/^([\d.]+)(b|bars)$/) ?? [];
  if (!amount) return null;
  return { length: Number(amount) * (unit === "bars" ? beatsABar : 1), unit: "beats" };
}
