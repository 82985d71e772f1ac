// The connection to the engine: OSC over a WebSocket, with reconnecting and state messages.
//
//   fetch the tree ─► open the socket ─► /engine/notify 1 ─► messages …… closed or silent ─► wait ─► fetch the tree
//
// The tree is fetched first because only an HTTP response gives the reason for a refusal (token, host name); a failed
// WebSocket gives none. The controls are also built from the tree, and a restarted engine may have a different one.
//
// Without a network, the engine closes the socket after two seconds and ends what this page holds, so nothing that the
// network held back for longer is played. This page learns it from the engine's heartbeat, or from the close.

import { decodePacket, encodeMessage } from "./osc.js";
import { fetchTree, Refused } from "./schema.js";
import { socketUrl } from "./socket.js";

const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 2000;
const SILENT_MS = 2500; // the engine sends a heartbeat every second; a phone out of range gets no close event
const TREE_MS = 5000;
const FULL_BYTES = 32768; // above this much unsent data, newer values of an address replace older ones
const RETRY_MS = 30;

const DISCONNECTED = "No connection to the engine: it does not hear this page. What is pressed here does nothing. Reconnecting …";
const OUTDATED = "This page is older than the engine and cannot show its controls. Reload it. OSC still works.";
const FULL = "The engine accepts no more connections. Close this page on another device. Retrying …";

export class Connection {
  #socket = null;
  #handlers = new Map();
  #pending = new Map();
  #wait = FIRST_WAIT_MS;
  #lastHeard = 0;
  #onTree;
  #onState;

  /** `onTree(tree)` before each connection; `onState(state, line)`, one of waiting, connected, gone, refused,
   *  outdated (`onTree` threw because it cannot handle the tree). */
  constructor(onTree, onState) {
    this.#onTree = onTree;
    this.#onState = onState;
    setInterval(() => this.#watchSilence(), 500);
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Calls `handle(message)` for every message at `address`; "" for those without another handler. */
  on(address, handle) {
    this.#handlers.set(address, [...(this.#handlers.get(address) ?? []), handle]);
  }

  /** Connects, and reconnects whenever the connection is lost. */
  async start() {
    let tree;
    try {
      tree = await fetchTree(TREE_MS);
    } catch (error) {
      if (error instanceof Refused) this.#lose("refused", error.message);
      else this.#lose("gone", DISCONNECTED);
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

  /** Sends one packet. While the socket is full, only the newest packet of each `address` is queued. */
  send(packet, address) {
    if (!this.isOpen) return;
    if (this.#socket.bufferedAmount < FULL_BYTES && this.#pending.size === 0) this.#socket.send(packet);
    else {
      if (this.#pending.size === 0) setTimeout(() => this.#sendPending(), RETRY_MS);
      this.#pending.delete(address);
      this.#pending.set(address, packet);
    }
  }

  /** Sends a command; its answers go to the handlers of `/done`, `/fail` and so on. */
  command(address, tags = "", values = []) {
    if (this.isOpen) this.#socket.send(encodeMessage(address, tags, values));
  }

  #open() {
    const socket = new WebSocket(socketUrl("/?page"));
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
      if (socket === this.#socket) this.#lose("gone", hasOpened ? DISCONNECTED : FULL);
    });
  }

  #receive(socket, data) {
    if (socket !== this.#socket) return;
    this.#lastHeard = performance.now();
    if (typeof data === "string") return; // OSCQuery notifications; this page is a plain OSC subscriber
    for (const message of decodePacket(data)) {
      for (const handle of this.#handlers.get(message.address) ?? this.#handlers.get("") ?? []) handle(message);
    }
  }

  #watchSilence() {
    if (this.#socket && performance.now() - this.#lastHeard > SILENT_MS) {
      this.#socket.close();
      this.#lose("gone", DISCONNECTED);
    }
  }

  #lose(state, line) {
    this.#socket = null;
    this.#pending.clear();
    this.#onState(state, line);
    setTimeout(() => this.start(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, MAX_WAIT_MS);
  }

  /** Sends what is pending as far as the socket takes it; as long as something is left, it is called again. */
  #sendPending() {
    for (const [address, packet] of this.#pending) {
      if (!this.isOpen || this.#socket.bufferedAmount >= FULL_BYTES) break;
      this.#pending.delete(address);
      this.#socket.send(packet);
    }
    if (this.#pending.size > 0) setTimeout(() => this.#sendPending(), RETRY_MS);
  }
}
