// The way to the engine: OSC on a WebSocket, and what is told when it breaks.
//
//   fetch the tree ─► open the socket ─► /engine/notify 1 ─► messages …… closed or silent ─► wait ─► fetch the tree
//
// The tree comes first because only an HTTP answer says why an engine refuses (a token, a name); a WebSocket that
// fails says nothing. It is also what every control is built from, and a restarted engine may have another one.

import { decodePacket, encodeMessage } from "./osc.js";
import { fetchTree, Refused } from "./schema.js";
import { socketUrl } from "./socket.js";

const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 4000;
const SILENT_MS = 5000; // an engine sends a heartbeat a second; a phone that left the room gets no close
const FULL_BYTES = 32768; // what may wait in the socket before moves of one fader replace each other
const RETRY_MS = 30;

const GONE = "The engine is gone. What you move here is not sent. Trying again …";
const OUTDATED = "This page is older than the engine and cannot show its controls: reload. OSC still works.";
const FULL = "The engine answers but takes no further connection. Close the page elsewhere. Trying again …";

export class Connection {
  #socket = null;
  #handlers = new Map();
  #held = new Map();
  #wait = FIRST_WAIT_MS;
  #lastHeard = 0;
  #onTree;
  #onState;

  /** `onTree(tree)` before each connection; `onState(state, line)`, one of waiting, connected, gone, refused,
   *  outdated: `onTree` threw at a tree it does not know. */
  constructor(onTree, onState) {
    this.#onTree = onTree;
    this.#onState = onState;
    setInterval(() => this.#watchSilence(), 1000);
    setInterval(() => this.#sendHeld(), RETRY_MS);
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Calls `handle(message)` for every message at `address`; "" for those that nobody else takes. */
  on(address, handle) {
    this.#handlers.set(address, [...(this.#handlers.get(address) ?? []), handle]);
  }

  /** Begins, and never gives up. */
  async start() {
    let tree;
    try {
      tree = await fetchTree(SILENT_MS);
    } catch (error) {
      if (error instanceof Refused) this.#lose("refused", error.message);
      else this.#lose("gone", GONE);
      return;
    }
    try {
      this.#onTree(tree);
    } catch (error) {
      console.error(error);
      this.#lose("outdated", OUTDATED);
      return;
    }
    this.#open();
  }

  /** Sends one packet now. While the network is full, only the newest of each `address` waits. */
  send(packet, address) {
    if (!this.isOpen) return;
    if (this.#socket.bufferedAmount < FULL_BYTES && this.#held.size === 0) this.#socket.send(packet);
    else {
      this.#held.delete(address);
      this.#held.set(address, packet);
    }
  }

  /** Sends a command; its answers come to those who asked for `/done`, `/fail` and the like with `on`. */
  command(address, tags = "", values = []) {
    if (this.isOpen) this.#socket.send(encodeMessage(address, tags, values));
  }

  #open() {
    const socket = new WebSocket(socketUrl("/"));
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#lastHeard = performance.now();
    let hasOpened = false;
    socket.addEventListener("open", () => {
      hasOpened = true;
      this.#wait = FIRST_WAIT_MS;
      this.command("/engine/notify", "i", [1]);
      this.#onState("connected", "");
    });
    socket.addEventListener("message", (event) => this.#receive(socket, event.data));
    socket.addEventListener("close", () => {
      if (socket === this.#socket) this.#lose("gone", hasOpened ? GONE : FULL);
    });
  }

  #receive(socket, data) {
    if (socket !== this.#socket) return;
    this.#lastHeard = performance.now();
    if (typeof data === "string") return; // OSCQuery's own notices; this page listens as any OSC subscriber does
    for (const message of decodePacket(data)) {
      for (const handle of this.#handlers.get(message.address) ?? this.#handlers.get("") ?? []) handle(message);
    }
  }

  #watchSilence() {
    if (this.#socket && performance.now() - this.#lastHeard > SILENT_MS) {
      this.#socket.close();
      this.#lose("gone", GONE);
    }
  }

  #lose(state, line) {
    this.#socket = null;
    this.#held.clear();
    this.#onState(state, line);
    setTimeout(() => this.start(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, MAX_WAIT_MS);
  }

  #sendHeld() {
    for (const [address, packet] of this.#held) {
      if (!this.isOpen || this.#socket.bufferedAmount >= FULL_BYTES) return;
      this.#held.delete(address);
      this.#socket.send(packet);
    }
  }
}
