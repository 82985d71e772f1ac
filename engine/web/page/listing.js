// A list that the engine sends entry by entry: `/preset/list` is answered with one `/preset/name <name>` per entry, then
// `/done /preset/list`. If it is refused, for example by the rate limit, it retries.

import { toast } from "./toast.js";

const AGAIN_MS = 1000;
const MAX_REFUSALS = 5;

export class Listing {
  #connection;
  #command;
  #args;
  #entries = [];
  /** True until the answer is complete. */
  isAsking = false;
  #isStale = false;
  #refusals = 0;
  #timer = 0;

  /** `show(entries, totals)` is called when a list is complete, with the arguments of every entry and of `/done`.
   *  `args`: type tags and values of the command. */
  constructor(connection, command, entry, show, args = []) {
    this.#connection = connection;
    this.#command = command;
    this.#args = args;
    connection.on(entry, ({ args }) => this.#entries.push(args));
    connection.on("/done", ({ args }) => {
      if (args[0] !== command || !this.isAsking) return;
      this.isAsking = false;
      this.#refusals = 0;
      show(this.#entries, args.slice(1));
      if (this.#isStale) this.refresh();
    });
    connection.on("/fail", ({ args: [refused, reason] }) => {
      if (refused === command && this.isAsking) this.#takeRefusal(reason);
    });
  }

  /** Requests the list; if a request is pending, requests it once more afterwards. */
  refresh() {
    this.#isStale = this.isAsking;
    if (!this.isAsking) this.#ask();
  }

  /** Like `refresh`, after a lost connection: a pending answer will not arrive. */
  restart() {
    clearTimeout(this.#timer);
    this.isAsking = false;
    this.#refusals = 0;
    this.refresh();
  }

  #ask() {
    this.isAsking = true;
    this.#isStale = false;
    this.#entries = [];
    this.#connection.command(this.#command, ...this.#args);
  }

  #takeRefusal(reason) {
    this.#refusals += 1;
    clearTimeout(this.#timer);
    if (this.#refusals < MAX_REFUSALS) {
      this.#timer = setTimeout(() => this.#ask(), AGAIN_MS);
      return;
    }
    this.isAsking = false;
    this.#refusals = 0;
    toast(`${this.#command}: ${reason}`, "fail");
  }
}
