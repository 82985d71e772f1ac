// The last known value of every parameter, and the controls that show it.
//
// The engine sends changes by others, never this page's own. If another client's change crosses one of the user's, the
// value shown here could be wrong. So shortly after the user's last change of an address, its value is requested.

import { encodeBundle, encodeMessage } from "./osc.js";
import { valueOf } from "./schema.js";

const ASK_AFTER_MS = 300;

const TAGS = { point: "ff", float: "f", stops: "f", int: "i", bool: "i", trigger: "i", menu: "s", text: "s", file: "s", colour: "ffff" };

/** Encodes a parameter's value as a packet. */
export function encodeValue(param, value) {
  const values = Array.isArray(value) ? value : [param.type === "trigger" ? 1 : value];
  return encodeMessage(param.address, TAGS[param.type], values);
}

export class Values {
  #connection;
  #params = new Map();
  #now = new Map();
  #watchers = new Map();
  #changed = new Set();
  #asking = new Map();
  #requested = new Set();
  #movedWatchers = new Map(); // address of a control: {at, show}

  constructor(connection) {
    this.#connection = connection;
  }

  /** Takes the parameters of a schema with their values; existing watchers stay. */
  load(params) {
    this.#params = params;
    for (const param of params.values()) this.#set(param.address, param.value);
  }

  /** Adds parameters that come and go, with their values. */
  add(params) {
    for (const param of params) {
      this.#params.set(param.address, param);
      this.#set(param.address, param.value);
    }
  }

  /** Removes parameters and their watchers, before their elements are removed. */
  remove(addresses) {
    for (const address of addresses) {
      this.#params.delete(address);
      this.#watchers.delete(address);
      this.#movedWatchers.delete(address);
    }
  }

  get(address) {
    return this.#now.get(address);
  }

  param(address) {
    return this.#params.get(address);
  }

  /** Calls `show(value)` now and after changes, at most once per frame of the screen. */
  watch(address, show) {
    if (!this.#watchers.has(address)) this.#watchers.set(address, new Set());
    this.#watchers.get(address).add(show);
    show(this.#now.get(address));
  }

  /** Removes the watchers of these addresses, before their elements are removed. */
  forget() {
    this.#watchers.clear();
    this.#movedWatchers.clear();
  }

  /** Calls `show(value)` for a control with the modulated value of the parameter `at`, undefined while it has none. */
  watchMoved(address, at, show) {
    this.#movedWatchers.set(address, { at, show });
  }

  /** `moved`: all modulated values, by address. */
  showMoved(moved) {
    for (const { at, show } of this.#movedWatchers.values()) show(moved[at]);
  }

  /** Handles a message of the engine; true if it was a parameter's value. */
  receive({ address, args }) {
    const param = this.#params.get(address);
    if (!param) return false;
    // It may answer a question that the user's last change has overtaken; another one follows.
    if (this.#requested.delete(address) && this.#asking.has(address)) return true;
    if (param.type !== "trigger") this.#set(address, valueOf(param.type, args, param));
    return true;
  }

  /** Shows and sends a change by the user. */
  change(address, value) {
    const param = this.#params.get(address);
    this.#connection.send(encodeValue(param, value), address);
    if (param.type !== "trigger") this.#take(address, value);
  }

  /** Shows and sends changes by the user, `[address, value]` each, applied in the same frame. */
  changeTogether(changes) {
    const packets = changes.map(([address, value]) => encodeValue(this.#params.get(address), value));
    this.#connection.send(encodeBundle(packets), changes.map(([address]) => address).join(" "));
    for (const [address, value] of changes) this.#take(address, value);
  }

  #take(address, value) {
    this.#set(address, value);
    clearTimeout(this.#asking.get(address));
    this.#asking.set(address, setTimeout(() => this.#ask(address), ASK_AFTER_MS));
  }

  /** Shows a value that was sent by other means. */
  assume(address, value) {
    this.#set(address, value);
  }

  #ask(address) {
    this.#asking.delete(address);
    this.#requested.add(address);
    this.#connection.command("/get", "s", [address]);
  }

  #set(address, value) {
    this.#now.set(address, value);
    if (this.#changed.size === 0) requestAnimationFrame(() => this.#showChanged());
    this.#changed.add(address);
  }

  #showChanged() {
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const address of changed) {
      for (const show of this.#watchers.get(address) ?? []) show(this.#now.get(address));
    }
  }
}
