// Banks of 4 x 4 pads. A tap prepares a look, a second tap takes it, a hold flashes it; the engine decides which, as for
// the pads of a controller. While they are edited, a drag exchanges two pads, and a tap opens the editor.

import { byId, make, makeConfirmButton, showRows, write } from "./dom.js";
import { actWhenHeld, listenToPress, listenToTap } from "./hold.js";
import { Listing } from "./listing.js";
import { toast } from "./toast.js";

const PADS = 16;
const COLUMNS = 4;
const SHOWN_BANK = "/bank/shown";
const DRAG_PX = 8;
const FLASH_MS = 400; // as in the engine
const LONG_NAME = 24; // characters that a pad of a phone shows in two lines
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS };

export class Pads {
  #connection;
  #values;
  #pictures;
  #list;
  #banks = new Map(); // number -> {name, pads: Map(number -> {preset, colour})}
  #received = new Map(); // number -> pads received of the list so far
  #currentBank = 1;
  #current = "";
  #prepared = "";
  #waiting = new Map();
  #faults = new Map();
  #pads = [];
  #isEditing = false;
  #edited = 0; // the pad in the editor
  #dragged = null;

  constructor(connection, values, pictures) {
    this.#connection = connection;
    this.#values = values;
    this.#pictures = pictures;
    this.#list = new Listing(connection, "/bank/list", "/bank/entry", (entries) => this.#take(entries));
    connection.on("/bank/pad", ({ args: [bank, pad, preset, colour] }) => {
      if (!this.#received.has(bank)) this.#received.set(bank, new Map());
      this.#received.get(bank).set(pad, { preset, colour });
    });
    connection.on("/bank/changed", () => this.#list.refresh());
    connection.on("/preset/changed", () => this.#list.refresh()); // a pad is listed only while its preset exists
    connection.on("/preset/fault", ({ args: [name, reason] }) => {
      if (reason) this.#faults.set(name, reason);
      else this.#faults.delete(name);
      this.#mark();
    });
    connection.on("/done", ({ args: [command, name] }) => command === "/still/take" && toast(`Saved as preset ${name}`));
    pictures.watch(() => this.#draw());
    for (let number = 1; number <= PADS; number += 1) this.#pads.push(this.#makePad(number));
    byId("pads").replaceChildren(...this.#pads);
    byId("pads").addEventListener("keydown", (event) => this.#pressKey(event));
    byId("pads-edit").addEventListener("click", () => this.#edit(!this.#isEditing));
    byId("still").addEventListener("click", () => connection.command("/still/take"));
    byId("pads-half").addEventListener("click", () => {
      const isSecond = byId("pads").classList.toggle("is-second");
      write(byId("pads-half"), isSecond ? "9–16" : "1–8");
    });
    this.#listenToEditor();
  }

  load(params) {
    if (params.has(SHOWN_BANK)) this.#values.watch(SHOWN_BANK, (value) => this.#show(value));
  }

  connected() {
    this.#faults.clear();
    this.#received.clear();
    this.#list.restart();
  }

  /** The look on screen. */
  showLook(name) {
    this.#current = name;
    this.#mark();
  }

  /** The prepared look; "" for none. */
  showPrepared(name) {
    this.#prepared = name;
    this.#mark();
  }

  /** `waiting`: beats left by preset. */
  showQueue(waiting) {
    this.#waiting = waiting;
    this.#mark();
  }

  /** Puts a look on the first free pad of the shown bank. */
  add(name) {
    const pads = this.#banks.get(this.#currentBank)?.pads ?? new Map();
    const free = Array.from({ length: PADS }, (_, index) => index + 1).find((number) => !pads.has(number));
    if (free) this.#connection.command("/bank/put", "iis", [this.#currentBank, free, name]);
    else toast("The shown bank has no free pad; choose another bank first", "fail");
  }

  #take(entries) {
    const received = this.#received;
    this.#received = new Map();
    this.#banks = new Map(entries.map(([number, name]) => [number, { name, pads: received.get(number) ?? new Map() }]));
    this.#show(this.#currentBank);
  }

  #show(number) {
    this.#currentBank = number;
    const rows = [...this.#banks].map(([bank, { name }]) => [bank, name || `Bank ${bank}`, bank === number]);
    showRows(byId("banks"), rows, ([bank, name, isShown]) =>
      make("button", { type: "button", "aria-pressed": String(isShown), "aria-label": `bank ${name}`, onclick: () => this.#values.change(SHOWN_BANK, bank) }, name),
    );
    this.#draw();
  }

  #draw() {
    const pads = this.#banks.get(this.#currentBank)?.pads ?? new Map();
    this.#pads.forEach((pad, index) => {
      const { preset = "", colour = "" } = pads.get(index + 1) ?? {};
      const version = JSON.stringify([preset, this.#pictures.versionOf(preset)]);
      if (pad.dataset.shown !== version) {
        pad.dataset.shown = version;
        pad.dataset.preset = preset;
        const picture = preset ? this.#pictures.element(preset) : "";
        pad.replaceChildren(picture, make("span", { class: "beats" }), make("span", { class: preset.length > LONG_NAME ? "title is-long" : "title" }, preset));
      }
      pad.style.setProperty("--pad", colour || "transparent");
    });
    this.#mark();
    if (this.#edited) this.#fillEditor();
  }

  #mark() {
    write(byId("prepared-fault"), this.#faults.get(this.#prepared) ?? ""); // a finger gets no title of the pad
    for (const pad of this.#pads) {
      const { preset } = pad.dataset;
      const beats = preset ? this.#waiting.get(preset) : undefined;
      pad.classList.toggle("is-empty", !preset);
      pad.classList.toggle("is-on", preset !== "" && preset === this.#current);
      pad.classList.toggle("is-prepared", preset !== "" && preset === this.#prepared);
      pad.classList.toggle("is-queued", beats !== undefined);
      pad.classList.toggle("is-faulty", this.#faults.has(preset));
      pad.classList.toggle("is-edited", this.#isEditing && Number(pad.dataset.pad) === this.#edited);
      const fault = this.#faults.get(preset) ?? "";
      pad.title = fault;
      pad.setAttribute("aria-label", `pad ${pad.dataset.pad}${preset ? `: ${preset}` : ", empty"}${fault && ` (${fault})`}`);
      const count = pad.querySelector(".beats");
      if (count) write(count, beats === undefined ? "" : String(beats || "…")); // 0: it waits for its shader
    }
  }

  #makePad(number) {
    const pad = make("button", { type: "button", class: "pad", "data-pad": number, "data-preset": "", "data-learn": `/pad/${number}`, tabindex: number === 1 ? 0 : -1 });
    let bank = 0; // of the press: its release is for the same pad, whatever is shown then; 0: no press
    let flashed = "";
    const bankOf = () => (!this.#isEditing && pad.dataset.preset ? this.#currentBank : 0);
    listenToTap(pad, {
      press: () => {
        bank = bankOf();
        if (bank) this.#connection.command("/bank/press", "iii", [bank, number, 1]);
      },
      release: () => bank && this.#connection.command("/bank/press", "iii", [bank, number, 0]),
      tap: () => bankOf() && this.#connection.command("/bank/press", "ii", [bankOf(), number]),
      hold: () => {
        flashed = bankOf() ? pad.dataset.preset : "";
        if (flashed) this.#connection.command("/preset/flash", "si", [flashed, 1]);
      },
      letGo: () => flashed && this.#connection.command("/preset/flash", "si", [flashed, 0]),
      holdMs: FLASH_MS,
    });
    pad.addEventListener("pointerdown", (event) => this.#grab(event, number));
    pad.addEventListener("pointermove", (event) => this.#drag(event));
    pad.addEventListener("pointerup", (event) => this.#drop(event, number));
    pad.addEventListener("pointercancel", () => this.#letGo());
    pad.addEventListener("keyup", ({ key }) => this.#isEditing && (key === "Enter" || key === " ") && this.#choose(number));
    pad.addEventListener("focus", () => this.#pads.forEach((each) => (each.tabIndex = each === pad ? 0 : -1)));
    return pad;
  }

  #pressKey(event) {
    const step = STEPS[event.key];
    const at = this.#pads.indexOf(document.activeElement);
    if (!step || at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (this.#isEditing && event.shiftKey && this.#pads[at + step]) this.#exchange(at + 1, at + 1 + step);
    this.#pads[at + step]?.focus();
  }

  // -- edit --------------------------------------------------------------------------------------

  #edit(isEditing) {
    this.#isEditing = isEditing;
    byId("pads-edit").setAttribute("aria-pressed", String(isEditing));
    byId("pads").classList.toggle("is-editing", isEditing);
    byId("pad-editor").hidden = !isEditing;
    this.#choose(isEditing ? this.#edited || 1 : 0);
  }

  #choose(number) {
    this.#edited = number;
    this.#mark();
    if (number) this.#fillEditor();
  }

  #grab({ pointerId, clientX: x, clientY: y, currentTarget }, number) {
    if (!this.#isEditing) return;
    currentTarget.setPointerCapture(pointerId);
    this.#dragged = { number, x, y, pad: currentTarget, hasMoved: false };
  }

  #drag({ clientX, clientY }) {
    const drag = this.#dragged;
    if (!drag) return;
    drag.hasMoved ||= Math.hypot(clientX - drag.x, clientY - drag.y) > DRAG_PX;
    if (drag.hasMoved) drag.pad.style.translate = `${clientX - drag.x}px ${clientY - drag.y}px`;
    drag.pad.classList.toggle("is-dragged", drag.hasMoved);
  }

  #drop({ clientX, clientY }, number) {
    const drag = this.#dragged;
    this.#letGo();
    if (!drag) return;
    if (!drag.hasMoved) {
      this.#choose(number);
      return;
    }
    const under = document.elementsFromPoint(clientX, clientY).map((each) => each.closest(".pad")).find((each) => each && each !== drag.pad);
    if (!under) return;
    this.#exchange(number, Number(under.dataset.pad));
  }

  #exchange(number, to) {
    this.#connection.command("/bank/swap", "iiii", [this.#currentBank, number, this.#currentBank, to]);
    this.#edited = to;
  }

  #letGo() {
    if (!this.#dragged) return;
    this.#dragged.pad.classList.remove("is-dragged");
    this.#dragged.pad.style.translate = "";
    this.#dragged = null;
  }

  #fillEditor() {
    const bank = this.#banks.get(this.#currentBank);
    const { preset = "", colour = "" } = bank?.pads.get(this.#edited) ?? {};
    write(byId("pad-number"), `pad ${this.#edited}`);
    const fill = (id, value) => document.activeElement !== byId(id) && (byId(id).value = value);
    fill("pad-preset", preset);
    fill("pad-colour", colour || "#444444");
    fill("bank-name", bank?.name ?? "");
    for (const id of ["pad-colour", "pad-rename", "pad-empty"]) byId(id).disabled = !preset;
    const isOwn = preset !== "" && !this.#pictures.isBuiltIn(preset);
    byId("pad-rename").hidden = !isOwn;
  }

  #listenToEditor() {
    const presetOf = (number) => this.#banks.get(this.#currentBank)?.pads.get(number)?.preset ?? "";
    const put = (preset, ...colour) => this.#connection.command("/bank/put", `iis${colour.length ? "s" : ""}`, [this.#currentBank, this.#edited, preset, ...colour]);
    byId("pad-preset").addEventListener("change", ({ target }) => put(target.value.trim()));
    byId("pad-colour").addEventListener("change", ({ target }) => put(presetOf(this.#edited), target.value));
    byId("pad-empty").addEventListener("click", () => put(""));
    byId("pad-rename").addEventListener("click", () => {
      const old = presetOf(this.#edited);
      const name = prompt(`New name of “${old}”`, old)?.trim();
      if (name && name !== old) this.#connection.command("/preset/rename", "ss", [old, name]);
    });
    byId("bank-name").addEventListener("change", ({ target }) => this.#connection.command("/bank/name", "is", [this.#currentBank, target.value.trim()]));
    byId("bank-add").addEventListener("click", () => {
      const next = Math.max(0, ...this.#banks.keys()) + 1;
      const names = new Set([...this.#banks.values()].map(({ name }) => name.toLowerCase()));
      let number = next;
      while (names.has(`bank ${number}`)) number += 1;
      this.#connection.command("/bank/name", "is", [next, `Bank ${number}`]);
      this.#values.change(SHOWN_BANK, next);
    });
    const remove = makeConfirmButton({ class: "quiet" }, "remove bank", "really remove?", () => this.#connection.command("/bank/remove", "i", [this.#currentBank]));
    byId("bank-add").after(remove);
  }
}

/** The five buttons under the hand: hit, strobe, freeze, blackout (held 0.3 s) and panic (held 1 s). */
export class Hands {
  constructor(values, master) {
    const hit = byId("hand-hit");
    listenToPress(hit, () => values.change("/master/hit", true), () => {});
    byId("hand-strobe").addEventListener("click", () => master.toggle("strobe"));
    byId("hand-freeze").addEventListener("click", () => master.toggle("freeze"));
    actWhenHeld(byId("hand-blackout"), 300, () => master.toggle("blackout"));
    actWhenHeld(byId("hand-panic"), 1000, () => master.panic());
  }
}
