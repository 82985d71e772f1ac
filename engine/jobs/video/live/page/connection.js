// The WebSocket, with reconnection and exponential backoff; reports its state to the page.

import { socketUrl } from "./socket.js";

const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 8000;
const SILENT_MS = 6000; // the server sends its state twice per second
const FULL_BYTES = 128 * 1024; // buffered bytes above which the network counts as congested
const TRY_AGAIN_LATER = 1013;

export class Connection {
  #socket = null;
  #wait = FIRST_WAIT_MS;
  #heard = 0;
  #isAsleep = false;
  #handlers;
  #onState;

  /** `handlers`: a handler for each kind of message, and `picture` for binary ones. `onState(state, line)`: state is
   *  connecting, connected, busy, asleep, gone or refused. */
  constructor(handlers, onState) {
    this.#handlers = handlers;
    this.#onState = onState;
    setInterval(() => this.#watchSilence(), 1000);
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** True if data sent now would leave without queueing. */
  get hasRoom() {
    return this.isOpen && this.#socket.bufferedAmount < FULL_BYTES;
  }

  /** True if the server displaced this client because it was idle: call `start` when there is a picture. */
  get isAsleep() {
    return this.#isAsleep;
  }

  /** Connects, and reconnects for ever. */
  start() {
    this.#isAsleep = false;
    const socket = new WebSocket(socketUrl("/live/socket"));
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heard = performance.now();
    let wasServed = false;
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.#socket) return;
      this.#heard = performance.now();
      if (!wasServed) {
        wasServed = true;
        this.#wait = FIRST_WAIT_MS;
        this.#onState("connected", "");
      }
      this.#receive(data);
    });
    socket.addEventListener("close", ({ code, reason }) => {
      if (socket === this.#socket) this.#lose(code, reason, wasServed);
    });
  }

  send(data) {
    if (this.isOpen) this.#socket.send(data);
  }

  /** Requests settings, by name. */
  ask(settings) {
    this.send(JSON.stringify({ settings }));
  }

  #receive(data) {
    if (typeof data !== "string") {
      this.#handlers.picture(data);
      return;
    }
    for (const [kind, value] of Object.entries(JSON.parse(data))) this.#handlers[kind]?.(value);
  }

  #watchSilence() {
    if (this.#socket && performance.now() - this.#heard > SILENT_MS) {
      this.#socket.close();
      this.#lose(0, "", true);
    }
  }

  async #lose(code, reason, wasServed) {
    this.#socket = null;
    if (code === TRY_AGAIN_LATER && wasServed) {
      this.#isAsleep = true;
      this.#onState("asleep", `${reason}.`);
      return;
    }
    const again = `Trying again in ${Math.round(this.#wait / 1000) || 1} s …`;
    setTimeout(() => this.start(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, MAX_WAIT_MS);
    if (code === TRY_AGAIN_LATER && reason) this.#onState("busy", `${reason}. ${again}`);
    else if (wasServed) this.#onState("gone", `The server is gone. ${again}`);
    else {
      const [state, line] = await whyNot();
      if (!this.isOpen) this.#onState(state, `${line} ${again}`);
    }
  }
}

/** Determines why a WebSocket was refused, with a plain request: browsers hide the reason for WebSockets. */
async function whyNot() {
  try {
    const answer = await fetch("/status.json", { cache: "no-store" });
    if (answer.ok) return ["gone", "The server responds but accepts no more connections."];
    return ["refused", `Refused: ${(await answer.text()).trim()}.`];
  } catch {
    return ["gone", "The server cannot be reached."];
  }
}
