// The source of layer 5: a list of available sources beside /layer/5/source, updated as senders come and go.
//
// It shows the engine's state: a source is marked as current when its first picture has arrived; until then a line says
// that it is being opened. The list is requested again when it gets the focus, because cameras do not announce themselves.

import { make, write } from "./dom.js";
import { Listing } from "./listing.js";
import { toast } from "./toast.js";

const AT = "/layer/5/source";
const STRENGTH = "/layer/5/intensity";
const LOOK_FOR_NDI = "look for NDI"; // not a valid source name: no source name has a blank before its colon

export class Camera {
  #connection;
  #values;
  #list;
  #select;
  #note;
  #isNdiOn = false;
  #opening = "";
  #unanswered = 0; // requests from this page that are not answered yet; only the last one counts

  constructor(connection, values) {
    this.#connection = connection;
    this.#values = values;
    this.#select = make("select", { class: "camera", "aria-label": "source of layer 5" });
    this.#note = make("p", { class: "opening", role: "status" });
    this.#list = new Listing(connection, "/camera/list", "/camera/entry", (entries) => this.#show(entries));
    this.#select.addEventListener("focus", () => this.#list.refresh());
    this.#select.addEventListener("change", () => this.#choose());
    connection.on("/camera/changed", () => this.#list.refresh());
    connection.on("/camera/current", () => this.#list.refresh());
    connection.on("/camera/ndi", ({ args: [isOn] }) => (this.#isNdiOn = isOn === 1));
    connection.on("/done", ({ args: [command, word] }) => command === "/camera/open" && this.#answered(word));
    connection.on("/fail", ({ args: [command] }) => command === "/camera/open" && this.#answered(null));
  }

  /** Puts the list into the rebuilt row of /layer/5/source. */
  load(commands) {
    const row = document.querySelector(`.control[data-address="${AT}"]`);
    if (commands.has("/camera/list")) row?.append(this.#select, this.#note);
  }

  connected(exists) {
    this.#end(null);
    if (exists) this.#list.restart();
  }

  #show(entries) {
    const options = entries.map(([word, title]) => [word, title]);
    if (!this.#isNdiOn) options.push([LOOK_FOR_NDI, "search the network for NDI …"]);
    const key = JSON.stringify(options);
    if (this.#select.dataset.options !== key) {
      // Replaced only if it differs: replacing the options closes an open list.
      this.#select.dataset.options = key;
      this.#select.replaceChildren(...options.map(([word, title]) => make("option", { value: word, title: word }, title)));
    }
    this.#select.dataset.now = entries.find(([, , isOn]) => isOn)?.[0] ?? "none";
    if (!this.#opening) this.#select.value = this.#select.dataset.now;
  }

  #choose() {
    const word = this.#select.value;
    if (word === LOOK_FOR_NDI) {
      this.#connection.command("/camera/ndi", "i", [1]);
      this.#select.value = this.#select.dataset.now;
      return;
    }
    this.#opening = word;
    write(this.#note, word === "none" ? "" : "opening …; the current picture stays until the new one arrives");
    this.#unanswered += 1;
    this.#connection.command("/camera/open", "s", [word]);
  }

  /** One request from this page was answered. A later one may still be pending. */
  #answered(word) {
    this.#unanswered = Math.max(0, this.#unanswered - 1);
    if (this.#unanswered === 0 || word === this.#opening) this.#end(word);
    else if (word !== null) this.#list.refresh();
  }

  /** `word` was opened; null: the requested source could not be opened. */
  #end(word) {
    const isMine = word !== null && word === this.#opening;
    this.#opening = "";
    this.#unanswered = 0;
    write(this.#note, "");
    // A source that was requested by a part of its name is listed under its full name.
    if ([...this.#select.options].some((option) => option.value === word)) this.#select.dataset.now = word;
    this.#select.value = this.#select.dataset.now ?? "none";
    if (isMine && word !== "none" && this.#values.get(STRENGTH) === 0) {
      toast(`${word} is on layer 5, but that layer's intensity is 0: raise ${STRENGTH} to see it`);
    }
    if (word !== null) this.#list.refresh();
  }
}
