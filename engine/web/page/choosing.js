// A list of what can be chosen while the engine runs, beside the control that it belongs to: sounds, files, outputs,
// cameras, displays, models. All work alike over OSC: AT/list is answered with AT/entry <value> <title> <on> per entry,
// AT/open <value> chooses, AT/current notifies every client. Models are a parameter instead, which is set to the value.
//
// It shows the engine's state: an entry is marked as current when it is open; until then a line says that it is being
// opened. The list is requested again when it gets the focus, because devices and files do not announce themselves.

import { make, write } from "./dom.js";
import { Listing } from "./listing.js";

const WORDS = {
  "/audio/input": ["/audio/layout", "sound input"],
  "/audio/file": ["/audio/file/loop", "sound file or list"],
  "/audio/track": ["/audio/file/loop", "file of the list"],
  "/audio/monitor": ["/audio/monitor/offset_ms", "sound output of the monitor"],
  "/window": ["/window/display", "display of the window"],
};
const MODELS = ["sd", "rvc"];
// Files that a model is loaded with: parameters, each a slot for one of the list.
const SLOTS = {
  "/sd/loras": [/^\/sd\/lora\/\d+\/file$/, "as configured"],
  "/sd/controlnets": [/^\/sd\/controlnet\/\d+\/file$/, "as configured"],
  "/sd/pictures": [/^\/sd\/ip_adapter\/image/, "none"],
};
const DEVICES = ["/audio/input", "/audio/monitor"];
const LOOK_FOR_DEVICES = "look for devices …"; // no device is called so
const OPENING = "opening …; until then nothing changes";

/** Replaced only if they differ: replacing the options closes an open list. */
function fill(select, options) {
  const key = JSON.stringify(options);
  if (select.dataset.options === key) return;
  select.dataset.options = key;
  select.replaceChildren(...options.map(([value, title]) => make("option", { value, title: value }, title)));
}

export class Choice {
  #connection;
  #at;
  #beside;
  #extra;
  #onOpen;
  #set;
  #note;
  #list;
  #select;
  #element;
  #line;
  #opening = null;
  #unanswered = 0; // requests from this page that are not answered yet; only the last one counts

  /** `beside`: the address of the control. `extra()`: further [value, title, act] entries, which act by themselves.
   *  `onOpen(value)` is called when this page's choice is open. `set(value)` chooses in place of AT/open. */
  constructor(connection, { at, beside, label, note = OPENING, extra = () => [], onOpen = () => {}, set = null }) {
    this.#connection = connection;
    this.#at = at;
    this.#beside = beside;
    this.#extra = extra;
    this.#onOpen = onOpen;
    this.#set = set;
    this.#note = note;
    this.#select = make("select", { "aria-label": label, "data-at": at });
    this.#element = make("label", { class: "choice" }, make("span", {}, label), this.#select);
    this.#line = make("p", { class: "opening", role: "status" });
    this.#list = new Listing(connection, `${at}/list`, `${at}/entry`, (entries) => this.#show(entries));
    this.#select.addEventListener("focus", () => this.refresh());
    this.#select.addEventListener("change", () => this.#choose());
    for (const event of ["changed", "current"]) connection.on(`${at}/${event}`, () => this.refresh());
    connection.on("/done", ({ args: [command, value] }) => command === `${at}/open` && this.#answered(value));
    connection.on("/fail", ({ args: [command] }) => command === `${at}/open` && this.#answered(null));
  }

  /** Puts the list into the rebuilt row of its control. */
  load(commands) {
    const row = document.querySelector(`.control[data-address="${this.#beside}"]`);
    if (commands.has(`${this.#at}/list`)) row?.append(this.#element, this.#line);
  }

  connected(commands) {
    this.#end(null);
    if (commands.has(`${this.#at}/list`)) this.#list.restart();
  }

  refresh() {
    this.#list.refresh();
  }

  #show(entries) {
    const options = [...entries.map(([value, title]) => [String(value), title]), ...this.#extra()];
    const now = entries.find(([, , isOn]) => isOn);
    if (!now) options.unshift(["", entries.length ? "choose …" : "nothing to choose"]);
    fill(this.#select, options);
    this.#select.dataset.now = now ? String(now[0]) : "";
    if (this.#opening === null) this.#select.value = this.#select.dataset.now;
  }

  #choose() {
    const value = this.#select.value;
    const [, , act] = this.#extra().find(([own]) => own === value) ?? [];
    if (act || this.#set) {
      (act ?? this.#set)(value);
      if (act) this.#select.value = this.#select.dataset.now;
      return;
    }
    this.#opening = value;
    write(this.#line, value === "none" ? "" : this.#note);
    this.#unanswered += 1;
    const isNumber = this.#at === "/audio/track";
    this.#connection.command(`${this.#at}/open`, isNumber ? "i" : "s", [isNumber ? Number(value) : value]);
  }

  /** One request from this page was answered. A later one may still be pending. */
  #answered(value) {
    this.#unanswered = Math.max(0, this.#unanswered - 1);
    if (this.#unanswered === 0 || value === this.#opening) this.#end(value);
    else if (value !== null) this.refresh();
  }

  /** `value` was opened; null: the requested one could not be opened. */
  #end(value) {
    const isMine = value !== null && String(value) === this.#opening;
    this.#opening = null;
    this.#unanswered = 0;
    write(this.#line, "");
    // What was requested by a part of its name is listed under its full name.
    if ([...this.#select.options].some((option) => option.value === String(value))) this.#select.dataset.now = String(value);
    this.#select.value = this.#select.dataset.now ?? "";
    if (isMine) this.#onOpen(value);
    if (value !== null) this.refresh();
  }
}

/** The files of one slot, from a list that all slots of its kind share. */
class Slot {
  #values;
  #address;
  #unset;
  #select;
  #entries = [];

  constructor(values, address, unset, refresh) {
    this.#unset = unset;
    this.#values = values;
    this.#address = address;
    this.#select = make("select", { "aria-label": `file of ${address}`, "data-at": address });
    this.#select.addEventListener("focus", refresh);
    this.#select.addEventListener("change", () => values.change(address, this.#select.value));
    values.watch(address, () => this.show(this.#entries));
    document.querySelector(`.control[data-address="${address}"]`)?.append(make("label", { class: "choice" }, this.#select));
  }

  show(entries) {
    this.#entries = entries;
    const now = String(this.#values.get(this.#address) ?? "");
    const options = [["", this.#unset], ...entries];
    if (!options.some(([value]) => value === now)) options.push([now, now]);
    fill(this.#select, options);
    this.#select.value = now;
  }
}

/** All slots of one list; to the page a choice like the others. */
class Slots {
  #values;
  #at;
  #addresses;
  #unset;
  #list;
  #slots = [];

  /** `unset`: what a slot shows while no file is chosen. */
  constructor(connection, values, at, addresses, unset) {
    this.#unset = unset;
    this.#values = values;
    this.#at = at;
    this.#addresses = addresses;
    this.#list = new Listing(connection, `${at}/list`, `${at}/entry`, (entries) => {
      for (const slot of this.#slots) slot.show(entries);
    });
  }

  load() {
    const there = [...document.querySelectorAll(".control")].map((control) => control.dataset.address);
    const mine = there.filter((address) => this.#addresses.test(address));
    this.#slots = mine.map((address) => new Slot(this.#values, address, this.#unset, () => this.#list.refresh()));
  }

  connected(commands) {
    if (this.#slots.length && commands.has(`${this.#at}/list`)) this.#list.restart();
  }
}

/** All of them but the camera's. */
export function makeChoices(connection, values) {
  const devices = [[LOOK_FOR_DEVICES, "look for new devices …", () => connection.command("/audio/devices")]];
  const choices = Object.entries(WORDS).map(([at, [beside, label]]) => {
    return new Choice(connection, { at, beside, label, extra: () => (DEVICES.includes(at) ? devices : []) });
  });
  for (const name of MODELS) {
    const beside = `/${name}/model`;
    const choice = new Choice(connection, { at: `/${name}`, beside, label: `model of ${name}`, set: (value) => values.change(beside, value) });
    connection.on(beside, () => choice.refresh());
    choices.push(choice);
  }
  for (const [at, [addresses, unset]] of Object.entries(SLOTS)) {
    choices.push(new Slots(connection, values, at, addresses, unset));
  }
  // What plays changes the other lists: the files become an input, an input ends the list.
  for (const at of ["/audio/input/current", "/audio/file/current", "/audio/file/playing"]) {
    connection.on(at, () => choices.slice(0, 3).forEach((choice) => choice.refresh()));
  }
  return choices;
}
