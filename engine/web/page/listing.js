// A list that the engine tells entry by entry: `/preset/list` is answered with `/preset/name <name>` each, then
// `/done /preset/list`.

const ASK_AGAIN_MS = 1000;

export class Listing {
  #connection;
  #command;
  #entries = [];
  #isAsking = false;
  #isStale = false;
  #askingAgain;

  /** `show(entries)` gets the arguments of each entry, whenever a list is complete. */
  constructor(connection, command, entry, show) {
    this.#connection = connection;
    this.#command = command;
    connection.on(entry, ({ args }) => this.#entries.push(args));
    connection.on("/done", ({ args }) => {
      if (args[0] !== command || !this.#isAsking) return;
      this.#isAsking = false;
      show(this.#entries);
      if (this.#isStale) this.refresh();
    });
    connection.on("/fail", ({ args }) => {  // all pages of a machine together have asked too often
      if (args[0] === command && this.#isAsking) this.#askingAgain = setTimeout(() => this.restart(), ASK_AGAIN_MS);
    });
  }

  /** Asks for the list; while one is under way, once more after it. */
  refresh() {
    this.#isStale = this.#isAsking;
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#entries = [];
    this.#connection.command(this.#command);
  }

  /** The same after the connection was lost, or the engine has refused: the answer under way never comes. */
  restart() {
    clearTimeout(this.#askingAgain);
    this.#isAsking = false;
    this.refresh();
  }
}
