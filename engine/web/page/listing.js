// A list that the engine tells entry by entry: `/preset/list` is answered with `/preset/name <name>` each, then
// `/done /preset/list`.

export class Listing {
  #connection;
  #command;
  #entries = [];
  #isAsking = false;
  #isStale = false;

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
  }

  /** Asks for the list; while one is under way, once more after it. */
  refresh() {
    this.#isStale = this.#isAsking;
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#entries = [];
    this.#connection.command(this.#command);
  }

  /** The same after the connection was lost: the answer under way never comes. */
  restart() {
    this.#isAsking = false;
    this.refresh();
  }
}
