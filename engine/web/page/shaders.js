// The shaders of the slots: in each slot's card a chooser with thumbnails, its state, and the inputs of its shader by name.
//
//   /fx/list ─► names        /fx/playing ─► GET /fx/<slot> ─► inputs ─► controls        status ─► state, errors

import { make, showRows, write } from "./dom.js";
import { Listing } from "./listing.js";
import { initialsPicture } from "./preset_pictures.js";
import { readInputs } from "./schema.js";

const PICTURES_EVERY_MS = 3000;
const FILTER_FROM = 9; // with fewer names no search field is needed
const BUSY = new Set(["waiting", "testing"]);

export class Shaders {
  #connection;
  #values;
  #sections;
  #list;
  #slots = new Map();
  #entries = [];
  #versions = {};
  #reading = null; // the versions that are being read
  #exists = false;

  /** `onNames(entries)`: gets name and folder of each shader. */
  constructor(connection, values, sections, onNames) {
    this.#connection = connection;
    this.#values = values;
    this.#sections = sections;
    this.#list = new Listing(connection, "/fx/list", "/fx/name", (entries) => {
      this.#showNames(entries);
      onNames(entries);
    });
    connection.on("/fx/changed", () => this.#list.refresh());
    connection.on("/fx/playing", ({ args: [slot] }) => this.#refresh(slot));
  }

  /** Puts a chooser into each slot's rebuilt card. */
  load(commands) {
    this.#exists = commands.has("/fx/list");
    this.#slots.clear();
    for (const row of document.querySelectorAll(".control:is([data-address^=\"/fx/\"][data-address$=\"/file\"], [data-address=\"/preset/transition\"])")) {
      const [, , name] = row.dataset.address.split("/");
      this.#slots.set(name, this.#makeSlot(name, row));
    }
    this.#showNames(this.#entries);
  }

  connected() {
    if (!this.#exists) return;
    this.#list.restart();
    for (const name of this.#slots.keys()) this.#refresh(name);
  }

  /** Shows the slots' states; `shaders` as in the status. */
  show(shaders) {
    for (const { slot, state, detail, shown, file, draw_ms: drawMs } of shaders) {
      const own = this.#slots.get(slot);
      if (!own) continue;
      const playsOn = detail && shown && shown !== file ? ` ${shown} plays on.` : "";
      write(own.error, detail ? `${detail}.${playsOn}` : "");
      own.error.hidden = !detail;
      const cost = drawMs > 0 ? `, ${drawMs.toFixed(1)} ms` : "";
      write(own.state, state === "off" ? "" : BUSY.has(state) ? `${state} …` : `${state}${cost}`);
      own.card.classList.toggle("is-failed", detail !== "");
    }
  }

  #makeSlot(name, row) {
    const card = row.closest(".card");
    const button = make("button", { type: "button", class: "pull shader-now", "aria-expanded": "false", "aria-label": row.dataset.address });
    const filter = make("input", { type: "search", placeholder: "find a shader", "aria-label": "find a shader", autocomplete: "off" });
    const names = make("ul", { class: "shaders" });
    const menu = make("div", { class: "shader-menu", hidden: true }, filter, names);
    const state = make("span", { class: "facts", role: "status" });
    const error = make("p", { class: "fault", role: "alert", hidden: true });
    const slot = { name, card, button, filter, names, menu, state, error };
    const open = (isOpen) => {
      menu.hidden = !isOpen;
      button.setAttribute("aria-expanded", String(isOpen));
      if (isOpen) this.#keepPicturesFresh(menu);
    };
    button.addEventListener("click", () => open(menu.hidden));
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      open(false);
      button.focus();
      event.stopPropagation();
    });
    filter.addEventListener("input", () => this.#filter(slot));
    slot.choose = (shader) => {
      open(false);
      this.#values.change(row.dataset.address, shader);
    };
    row.replaceChildren(row.querySelector(".name"), button, state, menu, error, row.querySelector(".about"));
    this.#values.watch(row.dataset.address, (value) => write(button, value || "none"));
    return slot;
  }

  #showNames(entries) {
    this.#entries = entries;
    const rows = [["", "", ""], ...entries].map(([name, folder]) => [name, folder ?? "", this.#versions[name] ?? ""]);
    for (const slot of this.#slots.values()) {
      showRows(slot.names, rows, (entry) => this.#makeItem(slot, entry));
      slot.filter.hidden = entries.length < FILTER_FROM;
      this.#filter(slot);
    }
  }

  #makeItem(slot, [name, folder, version]) {
    const src = `/shaders/picture.jpg?name=${encodeURIComponent(name)}&v=${version}`;
    const picture = version ? make("img", { src, alt: "", width: 160, height: 90, loading: "lazy" }) : initialsPicture(name || "–");
    const choose = () => slot.choose(name);
    return make("li", {}, make("button", { type: "button", class: "look", title: folder, onclick: choose }, picture, make("span", { class: "title" }, name || "none")));
  }

  #filter(slot) {
    const terms = slot.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const item of slot.names.children) {
      const text = item.textContent.toLowerCase();
      item.hidden = !terms.every((term) => text.includes(term));
    }
  }

  /** The engine tries shaders one by one when it has time: their pictures come while the menu is open. */
  async #keepPicturesFresh(menu) {
    await this.#readPictures();
    if (!menu.hidden && menu.isConnected) setTimeout(() => !menu.hidden && this.#keepPicturesFresh(menu), PICTURES_EVERY_MS);
  }

  /** Reads them once for all that ask meanwhile: every slot does when the page connects. */
  #readPictures() {
    this.#reading ??= this.#readVersions().finally(() => (this.#reading = null));
    return this.#reading;
  }

  async #readVersions() {
    let versions = this.#versions;
    try {
      const answer = await fetch("/shaders/pictures.json");
      if (answer.ok) versions = await answer.json();
    } catch {
      return; // the connection was lost
    }
    if (JSON.stringify(versions) === JSON.stringify(this.#versions)) return;
    this.#versions = versions;
    this.#showNames(this.#entries);
  }

  /** Another shader plays in the slot: its inputs are read from the tree. */
  async #refresh(name) {
    const slot = this.#slots.get(name);
    if (!slot) return;
    const turn = (slot.turn = {});
    try {
      const answer = await fetch(`/fx/${name}`, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (!answer.ok || slot.turn !== turn) return;
      this.#sections.showInputs(`fx/${name}`, readInputs(await answer.json()));
    } catch {
      return; // the connection was lost: read again with the next one
    }
    this.#readPictures();
  }
}
