// Program and prepared, as on a vision mixer: the picture of what is prepared, the crossfader by hand, cut, take; the
// transition and the blend of both.

import { byId, make, write } from "./dom.js";
import { Fader } from "./fader.js";
import { PictureStream } from "./stream.js";

const CROSSFADER = "/preset/crossfader";
const LENGTH = "/preset/take_fade";
const TRANSITION = "/preset/transition";
const BLEND = "/preset/blend";
const PLAIN = "dissolve";
const FOLDER = "transitions"; // of the shaders that are offered here
const LENGTHS = { "0": "cut", "0.5": "0.5 s", "1": "1 s", "2": "2 s", "4": "4 s", "8": "8 s", "1b": "1 beat", "2b": "2 beats", "4b": "4 beats", "1bars": "1 bar", "2bars": "2 bars", "4bars": "4 bars", "8bars": "8 bars" };

export class Mixer {
  #values;
  #pictures;
  #stream;
  #isShown = false;
  #isConnected = false;
  #transitions = [];
  #transition = PLAIN;
  #isStale = false; // the next picture may still be that of the look before

  /** `pictures`: those of presets, shown until the prepared one moves. */
  constructor(connection, values, pictures) {
    this.#values = values;
    this.#pictures = pictures;
    this.#stream = new PictureStream(byId("prepared-picture"), byId("prepared-note"), {
      picture: "prepared",
      fps: 4,
      reasonOf: () => "",
      onPicture: () => this.#uncover(),
    });
    this.name = "";
    byId("cut").addEventListener("click", () => connection.command("/preset/cut"));
    byId("take").addEventListener("click", () => connection.command("/preset/take"));
    for (const [id, address] of [["take-length", LENGTH], ["transition", TRANSITION], ["blend", BLEND]]) {
      byId(id).addEventListener("change", ({ target }) => values.change(address, target.value));
    }
    pictures.watch(() => this.#draw());
  }

  load(params) {
    const [crossfader, length] = [params.get(CROSSFADER), params.get(LENGTH)];
    if (!crossfader || !length) return;
    const fader = new Fader(crossfader, (value) => this.#values.change(CROSSFADER, value));
    byId("crossfader").replaceChildren(make("span", { class: "end" }, "A"), fader.track, make("span", { class: "end" }, "B"));
    this.#values.watch(CROSSFADER, (value) => fader.show(value));
    this.#values.watch(LENGTH, (value) => this.#showLength(value));
    const [transition, blend] = [params.get(TRANSITION), params.get(BLEND)];
    for (const id of ["transition", "blend"]) byId(id).hidden = !(transition && blend);
    if (!transition || !blend) return;
    byId("blend").replaceChildren(...blend.menu.map((item) => make("option", { value: item }, item)));
    this.#values.watch(BLEND, (value) => (byId("blend").value = value));
    this.#values.watch(TRANSITION, (value) => {
      this.#transition = value || PLAIN;
      this.#showTransitions();
    });
  }

  /** `entries`: name and folder of each shader. */
  offerTransitions(entries) {
    this.#transitions = entries.filter(([, folder]) => folder.split("/").includes(FOLDER)).map(([name]) => name);
    this.#showTransitions();
  }

  connected(isConnected) {
    this.#isConnected = isConnected;
    this.#follow();
  }

  /** Called with true while the perform view is seen: only then is the picture drawn. */
  look(isShown) {
    this.#isShown = isShown;
    this.#follow();
  }

  /** `name`: of the prepared preset; "" if there is none. */
  show(name) {
    if (name !== this.name) byId("prepared-picture").hidden = this.#isStale = true;
    this.name = name;
    this.#draw();
    this.#follow();
  }

  /** A picture of what is prepared has come; the still lies under it. */
  #uncover() {
    if (!this.#isStale) byId("prepared-picture").hidden = false;
    this.#isStale = false;
  }

  #follow() {
    this.#stream.connected(this.#isConnected && this.#isShown && this.name !== "");
  }

  #draw() {
    const still = byId("prepared-still");
    still.replaceChildren(...(this.name ? [this.#pictures.element(this.name)] : []));
    write(byId("prepared-name"), this.name || "tap a pad to prepare its look");
    byId("prepared").classList.toggle("is-empty", !this.name);
    for (const id of ["cut", "take"]) byId(id).disabled = !this.name;
  }

  #showTransitions() {
    const [select, now] = [byId("transition"), this.#transition];
    const known = [PLAIN, ...this.#transitions].find((name) => name.toLowerCase() === now.toLowerCase());
    const names = [PLAIN, ...this.#transitions, ...(known ? [] : [now])];
    select.replaceChildren(...names.map((name) => make("option", { value: name }, name === PLAIN ? "no transition" : name)));
    select.value = known ?? now;
  }

  #showLength(value) {
    const select = byId("take-length");
    const options = value in LENGTHS ? Object.keys(LENGTHS) : [...Object.keys(LENGTHS), value];
    select.replaceChildren(...options.map((length) => make("option", { value: length }, LENGTHS[length] ?? length)));
    select.value = value;
  }
}
