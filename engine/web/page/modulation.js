// Modulation at the control: "modulate", a touch, a source from a menu with moving meters. All routes in one list, each with
// mute, copy and remove. The moved values are shown on the faders as a second, thin mark (`values.showMoved`).

import { byId, make, write } from "./dom.js";
import { positionOf } from "./numbers.js";
import { Picker } from "./picking.js";
import { toast } from "./toast.js";

const ROUTE = /^\/mod\/(\d+)\/source$/;
const PLAIN = { offset: 0, curve: 0, release_ms: 150, channel: 0, mute: false };
const MAX_AMOUNT = 0.5; // of the target's range, for a new route
const OFF_AREAS = /^\/(audio|mod|lfo|engine)\//;
const ASK = "Modulate: touch what should move";

/** True if a route may move the parameter, as in engine/params/modulation.py. */
export function canMove({ address, type, isStored }) {
  return (type === "float" || type === "stops") && isStored && !OFF_AREAS.test(address);
}

/** How far a new route moves a target: to the side that has more room, at most half of its range. */
export function firstAmount(param, value) {
  if (param.wraps) return 0.25;
  const below = positionOf(param, value);
  const amount = below <= 0.5 ? Math.min(MAX_AMOUNT, 1 - below) : -Math.min(MAX_AMOUNT, below);
  return Math.round(100 * amount) / 100;
}

export class Modulation {
  #values;
  #live;
  #connection;
  #mapping;
  #picker;
  #routes = []; // their numbers
  #levels = new Map(); // source: its bar
  #target = null;

  constructor(connection, values, live, mapping) {
    this.#connection = connection;
    this.#values = values;
    this.#live = live;
    this.#mapping = mapping;
    this.#picker = new Picker(".control[data-address], [data-modulate]", ({ dataset }) => this.#choose(dataset.address ?? dataset.modulate), () => this.stop());
    this.button = make("button", { type: "button", id: "modulate", "aria-pressed": "false", hidden: true, onclick: () => this.toggle() }, "modulate");
    byId("learn").after(this.button);
    this.line = make("span", { role: "status" });
    const cancel = make("button", { type: "button", onclick: () => this.stop() }, "stop");
    this.banner = make("div", { class: "banner-line", id: "modulate-banner", hidden: true }, this.line, cancel);
    byId("learn-banner").after(this.banner);
    this.title = make("h2", { id: "sources-title" });
    this.sources = make("div", { id: "sources" });
    const close = make("button", { type: "button", onclick: () => this.menu.close() }, "cancel");
    this.menu = make("dialog", { id: "modulate-menu", "aria-labelledby": "sources-title" }, this.title, this.sources, close);
    this.menu.addEventListener("close", () => live.sources(false));
    document.body.append(this.menu);
    this.list = make("ul", { id: "routes" });
    this.none = make("p", { class: "hint" }, "Nothing is modulated yet. Press modulate beside the search, and touch a fader.");
    const part = make("section", { id: "routes-part", "aria-label": "modulation" }, make("h2", {}, "modulation"), this.none, this.list);
    byId("mapping-panel").prepend(part);
    live.on("moved", (moved) => values.showMoved(moved));
    live.on("sources", (levels) => this.#showLevels(levels));
    connection.on("/done", ({ args: [command, from, to] }) => command === "/mod/copy" && toast(`Route ${from} copied to ${to}`));
  }

  /** Rebuilds the menu and the list; called after every new schema. */
  load(params) {
    this.#routes = [...params.keys()].map((address) => Number(ROUTE.exec(address)?.[1])).filter(Boolean);
    this.button.hidden = this.#routes.length === 0;
    byId("routes-part").hidden = this.#routes.length === 0;
    if (this.#routes.length === 0) return this.stop();
    const sources = params.get("/mod/1/source").menu.filter((source) => source !== "off");
    this.#levels = new Map(sources.map((source) => [source, make("i", { "aria-hidden": "true" })]));
    this.sources.replaceChildren(...sources.map((source) => this.#sourceButton(source)));
    const rows = this.#routes.map((number) => this.#row(number, params));
    this.list.replaceChildren(...rows);
    const shows = () => (this.none.hidden = rows.some((row) => !row.hidden));
    for (const number of this.#routes) {
      for (const part of ["source", "target"]) this.#values.watch(`/mod/${number}/${part}`, shows);
    }
  }

  toggle() {
    if (this.#picker.isOn) return this.stop();
    this.#mapping.stop();
    this.#setOn(true);
  }

  /** Ends choosing a control or a source. */
  stop() {
    this.#setOn(false);
    this.menu.close();
  }

  #setOn(isOn) {
    this.#picker.isOn = isOn;
    document.body.classList.toggle("is-modulating", isOn);
    this.button.setAttribute("aria-pressed", String(isOn));
    this.banner.hidden = !isOn;
    write(this.line, ASK);
  }

  #choose(address) {
    const param = this.#values.param(address);
    if (!param || !canMove(param)) return write(this.line, `${address} cannot be modulated: touch a fader of the look`);
    if (this.#free() === undefined) {
      this.stop();
      return toast(`All ${this.#routes.length} routes are in use: remove one in the tab mapping`, "fail");
    }
    this.stop();
    this.#target = param;
    write(this.title, `What moves ${address}?`);
    this.#live.sources(true);
    this.menu.show(); // not modal: blackout, freeze and panic stay in reach
  }

  #free() {
    return this.#routes.find((number) => this.#get(number, "source") === "off" && !this.#get(number, "target"));
  }

  #get(number, part) {
    return this.#values.get(`/mod/${number}/${part}`);
  }

  #set(number, parts) {
    const known = Object.entries(parts).filter(([part]) => this.#values.param(`/mod/${number}/${part}`));
    this.#values.changeTogether(known.map(([part, value]) => [`/mod/${number}/${part}`, value]));
  }

  #sourceButton(source) {
    return make("button", { type: "button", "data-source": source, onclick: () => this.#add(source) }, make("span", {}, source), this.#levels.get(source));
  }

  #showLevels(levels) {
    for (const [source, bar] of this.#levels) bar.style.transform = `scaleX(${levels[source] ?? 0})`;
  }

  #add(source) {
    this.menu.close();
    const [number, param] = [this.#free(), this.#target];
    if (number === undefined) return;
    const amount = firstAmount(param, this.#values.get(param.address));
    this.#set(number, { ...PLAIN, source, target: param.address, amount });
    toast(`${source} moves ${param.address} (route ${number}; all routes are in the tab mapping)`);
    document.querySelector(`.control[data-address="${param.address}"] [role=slider]`)?.focus();
  }

  /** The row of a route; hidden while it is free. */
  #row(number, params) {
    const source = make("select", { "aria-label": `source of route ${number}` }, ...params.get(`/mod/${number}/source`).menu.map((name) => make("option", { value: name }, name)));
    source.addEventListener("change", () => this.#set(number, { source: source.value }));
    const target = make("input", { class: "text", list: "addresses", "aria-label": `target of route ${number}`, autocomplete: "off", spellcheck: "false" });
    target.addEventListener("change", () => this.#set(number, { target: target.value.trim() }));
    const depth = make("input", { type: "range", min: -1, max: 1, step: 0.01, "aria-label": `depth of route ${number}` });
    depth.addEventListener("input", () => this.#set(number, { amount: Number(depth.value) }));
    const depthText = make("output", {});
    const mute = make("button", { type: "button", "aria-label": `mute route ${number}`, "aria-pressed": "false" }, "mute");
    mute.addEventListener("click", () => this.#set(number, { mute: !this.#get(number, "mute") }));
    const copy = make("button", { type: "button", "aria-label": `copy route ${number}` }, "copy");
    copy.addEventListener("click", () => this.#connection.command("/mod/copy", "i", [number]));
    const remove = make("button", { type: "button", class: "quiet", "aria-label": `remove route ${number}` }, "remove");
    const row = make("li", { "data-route": number }, make("strong", {}, String(number)), source, make("span", {}, "→"), target, make("label", {}, "depth", depth, depthText), mute, copy, remove);
    remove.addEventListener("click", () => {
      const next = [...this.list.children].find((other) => other !== row && !other.hidden);
      this.#set(number, { source: "off", target: "", mute: false });
      (next?.querySelector("select") ?? byId("mapping-tab")).focus();
    });
    const show = () => (row.hidden = this.#get(number, "source") === "off" && !this.#get(number, "target"));
    const watch = (part, take) => params.has(`/mod/${number}/${part}`) && this.#values.watch(`/mod/${number}/${part}`, (value) => (take(value), show()));
    watch("source", (value) => (source.value = value));
    watch("target", (value) => document.activeElement !== target && (target.value = value));
    watch("amount", (value) => {
      if (document.activeElement !== depth) depth.value = value;
      write(depthText, value.toFixed(2));
    });
    watch("mute", (value) => {
      mute.setAttribute("aria-pressed", String(value));
      row.classList.toggle("is-muted", value);
    });
    return row;
  }
}
