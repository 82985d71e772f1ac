// Undo and redo: the engine knows the steps of all pages and controllers. A step is as long as a control is held here.

import { byId } from "./dom.js";
import { encodeMessage } from "./osc.js";
import { toast } from "./toast.js";

const DONE = { "/undo": "undone", "/redo": "redone" };

export class Undo {
  #connection;
  #held = new Set(); // pointers

  constructor(connection) {
    this.#connection = connection;
    connection.on("/done", ({ args: [command, what] }) => DONE[command] && toast(`${DONE[command]}: ${what}`));
    for (const verb of ["undo", "redo"]) byId(verb).addEventListener("click", () => this.take(verb));
    // In the capture phase: before a fader sends its first value, and after its last one.
    addEventListener("pointerdown", (event) => event.target.closest?.(".fader") && this.#hold(event.pointerId), { capture: true });
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, (event) => this.#release(event.pointerId), { capture: true });
  }

  /** `verb`: undo or redo. */
  take(verb) {
    this.#connection.command(`/${verb}`);
  }

  #hold(pointerId) {
    if (this.#held.size === 0) this.#send(1);
    this.#held.add(pointerId);
  }

  #release(pointerId) {
    if (this.#held.delete(pointerId) && this.#held.size === 0) this.#send(0);
  }

  /** In the order of the values, which may wait for a slow network. */
  #send(isHeld) {
    this.#connection.send(encodeMessage("/gesture", "i", [isHeld]), `/gesture ${isHeld}`);
  }
}
