// Controller mappings: learn by touching a control; edit, invert or delete mappings. Also lists unmapped messages from
// other programs, each with a "map this" button.

import { byId, make, makeConfirmButton, showRows, write } from "./dom.js";
import { Listing } from "./listing.js";
import { Picker } from "./picking.js";
import { toast } from "./toast.js";

const ENCODERS = { twos: "encoder, two's complement (1, 127)", offset: "encoder, offset (65, 63)", sign: "encoder, sign bit (1, 65)" };
const MODES = { fader: "fader", toggle: "toggle", momentary: "momentary", trigger: "trigger", rise: "trigger when the value rises", ...ENCODERS };
const TURNED = /^midi \d+ (cc|cc14|nrpn) /;
const TITLES = {
  mode: "how the control is read",
  ticks: "number of encoder ticks from low to high",
  curve: "response curve from low to high: 1 is linear, 2 starts slowly",
  takeover: "the fader has no effect until it passes the current value",
  feedback: "sends the current value back to the control, if its bridge has asked for it with /map/feedback",
};
const MAX_UNMAPPED = 200; // rows; the filter searches these
const MIN_SHOWN_HZ = 0.1; // a lower rate means that the sender has stopped

export class Mapping {
  #connection;
  #list;
  #unmappedList;
  #unmapped = [];
  #unmappedTotal = 0;
  #adding = ""; // the address chosen with "map this", while the user has to touch a control
  #learning = "";
  #targets = new Map();
  #picker;

  constructor(connection) {
    this.#connection = connection;
    this.#list = new Listing(connection, "/map/list", "/map/entry", (entries) => this.#show(entries));
    connection.on("/map/name", ({ args: [name] }) => this.#offer(String(name)));
    this.#unmappedList = new Listing(connection, "/map/heard", "/map/unmapped", (...answer) => this.#showUnmapped(...answer), ["i", [MAX_UNMAPPED]]);
    connection.on("/map/changed", () => {
      this.#list.refresh();
      if (byId("heard-part").open) this.#unmappedList.refresh();
    });
    byId("heard-part").addEventListener("toggle", () => byId("heard-part").open && this.#unmappedList.refresh());
    byId("heard-again").addEventListener("click", () => this.#unmappedList.refresh());
    byId("heard-filter").addEventListener("input", () => this.#showFiltered());
    connection.on("/done", ({ args: [command, address, control, mode] }) => {
      if (command === "/map/add" && this.#adding) this.#setOn(false);
      if (command !== "/map/learn") return;
      const what = ENCODERS[mode] ? `${control} (${ENCODERS[mode]})` : control;
      this.#finish(address, `${what} now controls ${address}. Touch another control to map it too, or stop.`);
      toast(`${what} now controls ${address}`);
    });
    connection.on("/fail", ({ args: [command, reason] }) => {
      if (command === "/map/learn" && !reason.startsWith("superseded")) this.#finish(this.#learning);
      if (command === "/map/set") this.#showAnew(); // the field still shows the refused value
    });
    byId("learn").addEventListener("click", () => this.toggle());
    byId("learn-cancel").addEventListener("click", () => this.stop());
    byId("map-form").addEventListener("submit", (event) => {
      event.preventDefault();
      connection.command("/map/load", "s", [byId("map-name").value]);
    });
    const clear = makeConfirmButton({ class: "quiet" }, "delete all", "really delete all?", () => connection.command("/map/clear"));
    byId("map-form").append(clear);
    this.#picker = new Picker("[data-learn]", (what) => this.#pick(what), () => this.stop());
  }

  load(commands) {
    const exists = commands.has("/map/list");
    byId("mapping-panel").dataset.exists = String(exists);
    byId("learn").hidden = !exists;
    byId("heard-part").hidden = !commands.has("/map/heard");
    if (!exists) this.stop();
  }

  connected(exists) {
    if (!exists) return;
    this.#list.restart();
    if (byId("heard-part").open) this.#unmappedList.restart();
  }

  get isOn() {
    return this.#picker.isOn;
  }

  toggle() {
    if (this.isOn) this.stop();
    else this.#setOn(true);
  }

  /** Ends learning and cancels a pending request. */
  stop() {
    if (this.#learning) this.#connection.command("/map/cancel");
    this.#setOn(false);
  }

  #setOn(isOn, adding = "") {
    this.#picker.isOn = isOn;
    this.#adding = adding;
    document.body.classList.toggle("is-learning", isOn);
    byId("learn").setAttribute("aria-pressed", String(isOn));
    byId("learn-banner").hidden = !isOn;
    this.#choose(null, adding ? `Touch what osc ${adding} should control: a fader, a button, a preset or go` : undefined);
  }

  /** `what` is the element to learn, or null for none; `line` explains it. */
  #choose(what, line = "Learn: touch what you want to control: a fader, a button, a preset or go") {
    const { learn = "", argument = "" } = what?.dataset ?? {};
    this.#learning = learn;
    write(byId("learn-line"), learn ? `${`Now move a knob, fader or key for ${learn} ${argument}`.trim()}; turn an encoder slowly, right, then left` : line);
    for (const other of document.querySelectorAll(".is-chosen")) other.classList.remove("is-chosen");
    what?.classList.add("is-chosen");
  }

  #pick(what) {
    const { learn, argument } = what.dataset;
    if (this.#adding) {
      const parts = [`osc ${this.#adding}`, learn, ...(argument ? [argument] : [])];
      this.#connection.command("/map/add", "s".repeat(parts.length), parts);
      return;
    }
    this.#choose(what);
    this.#connection.command("/map/learn", argument ? "ss" : "s", argument ? [learn, argument] : [learn]);
  }

  #finish(address, line) {
    if (this.isOn && address === this.#learning) this.#choose(null, line);
  }

  #show(entries) {
    showRows(byId("maps"), entries, (entry) => this.#row(entry));
    write(byId("no-maps"), entries.length ? "" : "Nothing is mapped yet.");
    this.#targets = new Map();
    for (const [, control, target] of entries) this.#targets.set(target, [...(this.#targets.get(target) ?? []), control]);
    this.markControls();
  }

  #showAnew() {
    for (const row of byId("maps").children) delete row.dataset.entry;
    this.#list.refresh();
  }

  #showUnmapped(entries, [, inAll]) {
    this.#unmapped = entries;
    this.#unmappedTotal = inAll;
    this.#showFiltered();
  }

  #showFiltered() {
    const terms = byId("heard-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.#unmapped.filter((entry) => terms.every((term) => entry.join(" ").toLowerCase().includes(term)));
    found.sort(([one], [other]) => one.localeCompare(other, undefined, { numeric: true }));
    showRows(byId("heard"), found, (entry) => this.#unmappedRow(entry));
    const all = this.#unmappedTotal > found.length ? `${found.length} of ${this.#unmappedTotal} addresses, the most recent ones. Move the control you are looking for, then refresh.` : "";
    write(byId("heard-count"), this.#unmappedTotal ? all : "No unmapped messages received.");
  }

  #unmappedRow([address, sender, count, rateHz, args]) {
    const canBeMapped = /^\/\S+$/.test(address);
    const map = canBeMapped && make("button", { type: "button", "aria-label": `map ${address}`, onclick: () => this.#add(address) }, "map this");
    const title = make("p", {}, make("strong", {}, address || "(empty address)"), make("span", { class: "what" }, args));
    const rate = count > 1 && rateHz >= MIN_SHOWN_HZ ? `, ${Number(rateHz.toPrecision(3))} a second` : "";
    const often = `${count} × from ${sender}${rate}`;
    return make("li", {}, title, make("span", { class: "hint" }, often), make("span", { class: "spacer" }), map);
  }

  #add(address) {
    this.#setOn(true, address);
    byId("play-tab").click();
    scrollTo(0, 0); // the list is longer than the controls
  }

  /** Shows on each control what is mapped to it. */
  markControls() {
    for (const row of byId("areas").querySelectorAll(".control")) {
      const [control, ...more] = this.#targets.get(row.dataset.address) ?? [];
      if (control) row.dataset.mapped = more.length ? `${control} and ${more.length} more` : control;
      else delete row.dataset.mapped;
    }
  }

  #offer(name) {
    const list = byId("map-name");
    if ([...list.options].every((option) => option.value !== name)) list.append(make("option", { value: name }, name));
  }

  #row([number, control, target, argument, low, high, curve, invert, takeover, mode, , , feedback, ticks]) {
    const set = (key, value) => this.#connection.command("/map/set", "iss", [number, key, String(value)]);
    const labelled = (key, field) => make("label", { title: TITLES[key] }, make("span", {}, key), field);
    const isEncoder = mode in ENCODERS;
    const offered = Object.entries(MODES).filter(([key]) => key === mode || !(key in ENCODERS) || TURNED.test(control));
    const modes = make(
      "select",
      { "aria-label": `mode of mapping ${number}` },
      ...offered.map(([key, name]) => make("option", { value: key, selected: key === mode }, name)),
    );
    modes.addEventListener("change", () => set("mode", modes.value));
    const fields = { low, high, ...(isEncoder ? { ticks } : {}), ...(mode === "fader" ? { curve } : {}) };
    const numbers = Object.entries(fields).map(([key, value]) => {
      const now = typeof value === "number" ? Number(value.toPrecision(6)) : value;
      const field = make("input", { inputmode: "decimal", value: now, "aria-label": `${key} of mapping ${number}` });
      field.addEventListener("change", () => set(key, field.value.trim()));
      return labelled(key, field);
    });
    const boxes = Object.entries({ invert, ...(mode === "fader" ? { takeover } : {}), feedback }).map(([key, value]) => {
      const box = make("input", { type: "checkbox", "aria-label": `${key} of mapping ${number}`, checked: Boolean(value) });
      box.addEventListener("change", () => set(key, box.checked ? 1 : 0));
      return labelled(key, box);
    });
    const remove = makeConfirmButton({ class: "quiet", "aria-label": `delete mapping ${number}` }, "delete", "really delete?", () =>
      this.#connection.command("/map/delete", "i", [number]),
    );
    const what = `→ ${target}${argument === "" ? "" : ` ${argument}`}`;
    const title = make("p", {}, make("strong", {}, String(control)), make("span", { class: "what" }, what));
    return make("li", {}, title, labelled("mode", modes), ...numbers, ...boxes, make("span", { class: "spacer" }), remove);
  }
}
