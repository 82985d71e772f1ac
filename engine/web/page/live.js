// `/live`: levels, status and, on request, incoming OSC. Uses its own socket, so that a flood of lines never delays a
// fader.

import { socketUrl } from "./socket.js";

const RETRY_MS = 1000;

export class Live {
  #socket = null;
  #handlers = new Map();
  #wants = { monitor: false, sources: false };
  #isWanted = false;

  /** Calls `handle(message[key], message)` for each message with `key`: levels, beat, moved, sources, status or osc. */
  on(key, handle) {
    this.#handlers.set(key, [...(this.#handlers.get(key) ?? []), handle]);
  }

  /** Connects if `isWanted` (the engine is connected and the page is visible), otherwise disconnects. */
  want(isWanted) {
    this.#isWanted = isWanted;
    if (!isWanted) {
      this.#socket?.close();
      this.#socket = null;
    } else if (this.#socket === null) this.#open();
  }

  monitor(isOn) {
    this.#ask("monitor", isOn);
  }

  /** Levels of the modulation's sources. */
  sources(isOn) {
    this.#ask("sources", isOn);
  }

  #ask(what, isOn) {
    this.#wants[what] = isOn;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ [what]: isOn }));
  }

  #open() {
    const socket = new WebSocket(socketUrl("/live"));
    this.#socket = socket;
    socket.addEventListener("open", () => {
      if (Object.values(this.#wants).some(Boolean)) socket.send(JSON.stringify(this.#wants));
    });
    socket.addEventListener("message", ({ data }) => {
      const message = JSON.parse(data);
      for (const [key, handlers] of this.#handlers) {
        if (key in message) for (const handle of handlers) handle(message[key], message);
      }
    });
    socket.addEventListener("close", () => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      setTimeout(() => this.#isWanted && this.#socket === null && this.#open(), RETRY_MS);
    });
  }
}
