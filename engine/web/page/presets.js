// Presets: load with a fade, save, delete, undo. Built-in looks come with pictures that move (look_loops.js), in groups by
// their worlds; for the others the engine stores a still picture.

import { byId, make, makeConfirmButton, showRows, write } from "./dom.js";
import { Listing } from "./listing.js";
import { playLoop } from "./look_loops.js";
import { fetchVersions, pictureOf } from "./preset_pictures.js";
import { recall, remember } from "./remembered.js";
import { toast } from "./toast.js";

const LOOKS = "/page/looks"; // looks.json lists the looks with pictures there, and their worlds
const BUILT_IN = "built in";
const HEADING = "heading";
const SAVED = "saved";
const ASKS_MS = 5000;

export class Presets {
  #connection;
  #list;
  #canFade = false;
  #worlds = new Map(); // of the looks with pictures; "": none
  #versions = new Map();
  #names = [];
  #on = ["", false]; // the active preset, and true if it was changed since
  #saved = new Set(); // names saved here
  #asked = ""; // the name that waits for confirmation of overwriting
  #asking = 0;
  #onNames;

  /** `onNames(names)` is called with every new list. */
  constructor(connection, onNames) {
    this.#connection = connection;
    this.#onNames = onNames;
    this.#list = new Listing(connection, "/preset/list", "/preset/name", (entries) => this.#show(entries.map(([name]) => name)));
    connection.on("/preset/changed", () => {
      this.#list.refresh();
      this.#readPictures();
    });
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
    this.#readPictures();
    if (this.#worlds.size === 0) this.#readLooks();
  }

  async #readLooks() {
    try {
      const looks = await (await fetch(`${LOOKS}/looks.json`)).json();
      this.#worlds = new Map(looks.map(({ name, world }) => [name, world]));
    } catch {
      return; // the connection was lost: retried with the next one
    }
    this.#showNames();
  }

  async #readPictures() {
    const versions = await fetchVersions();
    if (!versions) return;
    this.#versions = versions;
    this.#showNames();
  }

  /** Saves at once under a new name; an existing name must be confirmed. */
  #save(field) {
    const name = field.value.trim().normalize("NFC");
    if (!name) return;
    const isTaken = this.#names.includes(name) && !this.#worlds.has(name);
    if (isTaken && this.#asked !== name) {
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
    this.#asked = name;
    write(byId("preset-save"), "really overwrite?");
    byId("preset-save").classList.add("is-asking");
    this.#asking = setTimeout(() => this.#relax(), ASKS_MS);
  }

  #relax() {
    clearTimeout(this.#asking);
    this.#asked = "";
    write(byId("preset-save"), "save");
    byId("preset-save").classList.remove("is-asking");
  }

  #offerUndo(line, name) {
    toast(line, "done", { label: "undo", act: () => this.#connection.command("/preset/restore", "s", [name]) });
  }

  #go(name) {
    const fadeS = Number(byId("preset-fade").value);
    if (this.#canFade && fadeS > 0) this.#connection.command("/preset/load", "sf", [name, fadeS]);
    else this.#connection.command("/preset/load", "s", [name]);
  }

  /** Marks the active look, also if another client loaded it. */
  #mark(name, isEdited) {
    this.#on = [name, isEdited];
    write(byId("look-now"), name && isEdited ? `${name} *` : name);
    byId("look-now").title = isEdited ? "edited since it was loaded or saved" : "current preset";
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
    this.#onNames(names);
  }

  #showNames() {
    const groupOf = (name) => (this.#worlds.size ? (this.#worlds.get(name) ?? SAVED) : "");
    const entries = this.#names.flatMap((name, index) => {
      const group = groupOf(name);
      const isFirst = group && (index === 0 || group !== groupOf(this.#names[index - 1]));
      const entry = [name, this.#worlds.has(name) ? BUILT_IN : (this.#versions.get(name) ?? "")];
      return isFirst ? [[group, HEADING], entry] : [entry];
    });
    showRows(byId("presets"), entries, (entry) => this.#row(entry));
    this.#mark(...this.#on);
  }

  #row([name, version]) {
    if (version === HEADING) return make("li", { class: "world" }, make("h2", {}, name));
    const isBuiltIn = version === BUILT_IN;
    const picture = isBuiltIn
      ? make("img", { src: `${LOOKS}/${encodeURIComponent(name)}.jpg`, alt: "", width: 320, height: 180, loading: "lazy" })
      : pictureOf(name, version);
    const load = make(
      "button",
      { type: "button", class: "look", "data-learn": "/preset/load", "data-argument": name, onclick: () => this.#go(name) },
      picture,
      make("span", { class: "on" }),
      make("span", { class: "title" }, name),
    );
    if (isBuiltIn) {
      playLoop(load, picture, `${LOOKS}/${encodeURIComponent(name)}.webp`);
      return make("li", { "data-name": name }, load); // it cannot be deleted
    }
    const remove = makeConfirmButton({ class: "quiet", "aria-label": `delete the preset ${name}` }, "delete", "really delete?", () =>
      this.#connection.command("/preset/delete", "s", [name]),
    );
    return make("li", { "data-name": name }, load, remove);
  }
}
