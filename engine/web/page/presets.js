// Presets: load with a fade, save, delete. Looks that come with the engine bring their picture.

import { byId, make, makeSureButton, showRows, write } from "./dom.js";
import { Listing } from "./listing.js";
import { keepPicture, pictureOf } from "./preset_pictures.js";
import { recall, remember } from "./remembered.js";

const LOOKS = "/page/looks"; // looks.json names those that have a picture there

export class Presets {
  #connection;
  #list;
  #canFade = false;
  #pictured = new Set();
  #names = [];
  #loaded = "";
  #onNames;

  /** `onNames(names)` hears of every new list; `canvasOfNow()` is what shows the look of now, or null. */
  constructor(connection, onNames, canvasOfNow) {
    this.#connection = connection;
    this.#onNames = onNames;
    this.#list = new Listing(connection, "/preset/list", "/preset/name", (entries) => this.#show(entries.map(([name]) => name)));
    connection.on("/preset/changed", () => this.#list.refresh());
    connection.on("/done", ({ args: [command, name] }) => {
      if (command === "/preset/save") this.#picture(name, canvasOfNow());
      if (command === "/preset/delete") this.#picture(name, null);
      if (command === "/preset/load") this.#mark(name);
    });
    const fade = byId("preset-fade");
    fade.value = recall("preset-fade", "2");
    fade.addEventListener("change", () => remember("preset-fade", fade.value));
    byId("preset-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save(byId("preset-name"));
    });
  }

  load(commands) {
    byId("presets-panel").dataset.exists = String(commands.has("/preset/list"));
    this.#canFade = (commands.get("/preset/load") ?? []).length > 1;
    byId("preset-fade-part").hidden = !this.#canFade;
  }

  connected() {
    this.#list.restart();
    if (this.#pictured.size === 0) this.#readLooks();
  }

  async #readLooks() {
    try {
      this.#pictured = new Set(await (await fetch(`${LOOKS}/looks.json`)).json());
    } catch {
      return; // a connection that broke at this moment: with the next one
    }
    if (this.#names.length === 0) return;
    byId("presets").replaceChildren(); // those that stand there have no picture yet
    this.#show(this.#names);
  }

  #save(field) {
    const name = field.value.trim();
    if (!name) return;
    this.#connection.command("/preset/save", "s", [name]);
    field.value = "";
  }

  #picture(name, canvas) {
    keepPicture(name, canvas);
    [...byId("presets").children].find((item) => item.dataset.name === name)?.remove(); // it has the picture of before
    this.#list.refresh();
  }

  #go(name) {
    const fadeS = Number(byId("preset-fade").value);
    if (this.#canFade && fadeS > 0) this.#connection.command("/preset/load", "sf", [name, fadeS]);
    else this.#connection.command("/preset/load", "s", [name]);
    this.#mark(name);
  }

  #mark(name) {
    this.#loaded = name;
    for (const item of byId("presets").children) item.classList.toggle("is-loaded", item.dataset.name === name);
  }

  #show(names) {
    this.#names = names;
    showRows(byId("presets"), names, (name) => this.#item(name));
    write(byId("no-presets"), names.length ? "" : "No presets yet.");
    this.#mark(this.#loaded);
    this.#onNames(names);
  }

  #item(name) {
    const isBuiltIn = this.#pictured.has(name);
    const picture = isBuiltIn
      ? make("img", { src: `${LOOKS}/${encodeURIComponent(name)}.jpg`, alt: "", width: 320, height: 180, loading: "lazy" })
      : pictureOf(name);
    const load = make("button", { type: "button", class: "look", "data-learn": "/preset/load", "data-argument": name, onclick: () => this.#go(name) }, picture, make("span", { class: "title" }, name));
    if (isBuiltIn) return make("li", { "data-name": name }, load); // it cannot be deleted
    const remove = makeSureButton({ class: "quiet", "aria-label": `delete the preset ${name}` }, "delete", "really delete?", () =>
      this.#connection.command("/preset/delete", "s", [name]),
    );
    return make("li", { "data-name": name }, load, remove);
  }
}
