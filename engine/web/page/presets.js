// Presets: load with a fade, save, rename, delete, undo; built-in looks in groups by their worlds. What other parts show of
// them (the one on screen, the prepared one, all names) is published here.

import { byId, make, makeConfirmButton, showRows, write } from "./dom.js";
import { Listing } from "./listing.js";
import { playLoop } from "./look_loops.js";
import { recall, remember } from "./remembered.js";
import { toast } from "./toast.js";

const HEADING = "heading";
const SAVED = "saved";
const PLAIN = "plain"; // looks of no world
const ASKS_MS = 5000;

export class Presets {
  #connection;
  #list;
  #canFade = false;
  #pictures;
  #names = [];
  #on = ["", false]; // the active preset, and true if it was changed since
  #saved = new Set(); // names saved here
  #unconfirmed = ""; // the name that waits for confirmation of overwriting
  #asking = 0;
  #listeners;

  /** `listeners`: `names(names)` is called with every new list, `look(name, isEdited)` with the one on screen,
   *  `prepared(name)`, and `add(name)` to put one on a pad. */
  constructor(connection, pictures, listeners) {
    this.#connection = connection;
    this.#pictures = pictures;
    this.#listeners = listeners;
    pictures.watch(() => this.#showNames());
    this.#list = new Listing(connection, "/preset/list", "/preset/name", (entries) => this.#show(entries.map(([name]) => name)));
    connection.on("/preset/changed", () => {
      this.#list.refresh();
      pictures.refresh();
    });
    connection.on("/preset/prepared", ({ args: [name] }) => listeners.prepared(name));
    connection.on("/preset/current", ({ args: [name, isEdited] }) => this.#mark(name, Boolean(isEdited)));
    connection.on("/preset/replaced", ({ args: [name] }) => {
      if (this.#saved.delete(name)) this.#offerUndo(`“${name}” was overwritten`, name);
    });
    connection.on("/done", ({ args: [command, name] }) => {
      if (command === "/preset/delete") this.#offerUndo(`“${name}” was deleted`, name);
      if (command === "/preset/restore") toast(`“${name}” was restored`);
    });
    const fade = byId("preset-fade");
    fade.value = recall("preset-fade", "2");
    fade.addEventListener("change", () => remember("preset-fade", fade.value));
    byId("restore-form").addEventListener("submit", (event) => {
      event.preventDefault();
      connection.command("/preset/restore", "s", [byId("restore-name").value.trim()]);
    });
    const form = byId("preset-form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save(byId("preset-name"));
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.repeat) event.preventDefault(); // a held key must not confirm
    });
    form.addEventListener("input", () => this.#relax());
  }

  load(commands) {
    byId("presets-panel").dataset.exists = String(commands.has("/preset/list"));
    this.#canFade = (commands.get("/preset/load") ?? []).length > 1;
    byId("preset-fade-part").hidden = !this.#canFade;
  }

  connected() {
    this.#list.restart();
    this.#pictures.refresh();
  }

  /** Saves at once under a new name; an existing name must be confirmed. */
  #save(field) {
    const name = field.value.trim().normalize("NFC");
    if (!name) return;
    const isTaken = this.#names.includes(name) && !this.#pictures.isBuiltIn(name);
    if (isTaken && this.#unconfirmed !== name) {
      this.#ask(name);
      return;
    }
    this.#relax();
    this.#saved.add(name);
    this.#connection.command("/preset/save", "s", [name]);
    field.value = "";
  }

  #ask(name) {
    this.#relax();
    this.#unconfirmed = name;
    write(byId("preset-save"), "really overwrite?");
    byId("preset-save").classList.add("is-asking");
    this.#asking = setTimeout(() => this.#relax(), ASKS_MS);
  }

  #relax() {
    clearTimeout(this.#asking);
    this.#unconfirmed = "";
    write(byId("preset-save"), "save");
    byId("preset-save").classList.remove("is-asking");
  }

  #offerUndo(line, name) {
    toast(line, "done", { label: "undo", act: () => this.#connection.command("/preset/restore", "s", [name]) });
  }

  #go(name) {
    const fade = byId("preset-fade").value.trim();
    if (this.#canFade && fade) this.#connection.command("/preset/load", "ss", [name, fade]);
    else this.#connection.command("/preset/load", "s", [name]);
  }

  /** Marks the active look, also if another client loaded it. */
  #mark(name, isEdited) {
    this.#on = [name, isEdited];
    this.#listeners.look(name, isEdited);
    for (const item of byId("presets").querySelectorAll(":scope > [data-name]")) {
      const isOn = item.dataset.name === name;
      item.classList.toggle("is-loaded", isOn);
      item.querySelector(".look").setAttribute("aria-current", String(isOn));
      write(item.querySelector(".on"), isOn ? (isEdited ? "on, edited" : "on") : "");
    }
  }

  #show(names) {
    this.#names = names;
    this.#showNames();
    write(byId("no-presets"), names.length ? "" : "No presets yet.");
    this.#listeners.names(names);
  }

  #showNames() {
    const groupOf = (name) => (this.#pictures.hasLooks ? (this.#pictures.worldOf(name) ?? SAVED) || PLAIN : "");
    const names = [...this.#names].sort((one, other) => (groupOf(other) === SAVED) - (groupOf(one) === SAVED)); // one's own first
    const entries = names.flatMap((name, index) => {
      const group = groupOf(name);
      const isFirst = group && (index === 0 || group !== groupOf(names[index - 1]));
      const entry = [name, this.#pictures.versionOf(name)];
      return isFirst ? [[group, HEADING], entry] : [entry];
    });
    showRows(byId("presets"), entries, (entry) => this.#row(entry));
    this.#mark(...this.#on);
  }

  #row([name, version]) {
    if (version === HEADING) return make("li", { class: "world" }, make("h2", {}, name));
    const isBuiltIn = this.#pictures.isBuiltIn(name);
    const picture = this.#pictures.element(name);
    const load = make(
      "button",
      { type: "button", class: "look", "data-learn": "/preset/load", "data-argument": name, onclick: () => this.#go(name) },
      picture,
      make("span", { class: "on" }),
      make("span", { class: "title" }, name),
    );
    const add = make("button", { type: "button", class: "quiet", "aria-label": `put ${name} on a pad`, onclick: () => this.#listeners.add(name) }, "to pads");
    if (isBuiltIn) {
      playLoop(load, picture, this.#pictures.loopOf(name));
      return make("li", { "data-name": name }, load, make("div", { class: "acts" }, add)); // it cannot be renamed or deleted
    }
    const rename = make("button", { type: "button", class: "quiet", "aria-label": `rename the preset ${name}`, onclick: () => this.#rename(name) }, "rename");
    const remove = makeConfirmButton({ class: "quiet", "aria-label": `delete the preset ${name}` }, "delete", "really delete?", () =>
      this.#connection.command("/preset/delete", "s", [name]),
    );
    return make("li", { "data-name": name }, load, make("div", { class: "acts" }, add, rename, remove));
  }

  #rename(old) {
    const name = prompt(`New name of “${old}”`, old)?.trim();
    if (name && name !== old) this.#connection.command("/preset/rename", "ss", [old, name]);
  }
}
