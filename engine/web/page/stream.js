// One live picture on a canvas: JPEGs from `/preview`. While the page is hidden or nobody wants the picture it
// disconnects, so that the engine encodes nothing.

import { write } from "./dom.js";
import { socketUrl } from "./socket.js";

const MAX_PX = 1280;
const RETRY_MS = 1000;

export class PictureStream {
  #canvas;
  #fps;
  #say;
  #socket = null;
  #picture;
  #isThere = false;
  #isWanted = true;
  #waiting = null;
  #isDrawing = false;
  #onPicture;

  /** `note`: the element for the reason why there is no picture. `reasonOf(reason)`: its text, from that of the engine.
   *  `onPicture()` is called after each picture. */
  constructor(canvas, note, { picture = "main", fps = 30, reasonOf = (reason) => reason, onPicture = () => {} } = {}) {
    this.#canvas = canvas;
    this.#fps = fps;
    this.#picture = picture;
    this.#onPicture = onPicture;
    this.#say = (line) => {
      write(note, reasonOf(line));
      note.hidden = note.textContent === "";
    };
    document.addEventListener("visibilitychange", () => this.#follow());
  }

  /** Called with true while the engine is connected. */
  connected(isThere) {
    this.#isThere = isThere;
    this.#follow();
  }

  /** Called with false while the picture cannot be seen. */
  want(isWanted) {
    this.#isWanted = isWanted;
    this.#follow();
  }

  choose(picture) {
    if (picture === this.#picture) return;
    this.#picture = picture;
    this.reopen();
  }

  /** Asks again, with the present width. */
  reopen() {
    this.#close();
    this.#follow();
  }

  #follow() {
    const isWanted = this.#isThere && this.#isWanted && !document.hidden;
    if (!isWanted) this.#close();
    else if (this.#socket === null) this.#open();
  }

  #close() {
    const socket = this.#socket;
    this.#socket = null;
    if (socket?.readyState === WebSocket.CONNECTING) socket.addEventListener("open", () => socket.close()); // at once it is a warning
    else socket?.close();
    this.#say(this.#isThere ? "" : "no connection to the engine");
  }

  #open() {
    const width = Math.min(MAX_PX, Math.round(this.#canvas.clientWidth * devicePixelRatio) || MAX_PX);
    const socket = new WebSocket(socketUrl(`/preview?picture=${this.#picture}&fps=${this.#fps}&width=${width}`));
    socket.binaryType = "blob";
    this.#socket = socket;
    this.#say("waiting for a picture");
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.#socket) return;
      this.#waiting = data;
      this.#drawNewest();
    });
    socket.addEventListener("close", ({ reason }) => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      this.#say(reason || "no picture");
      setTimeout(() => this.#follow(), RETRY_MS);
    });
  }

  async #drawNewest() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    while (this.#waiting) {
      const blob = this.#waiting;
      this.#waiting = null;
      try {
        const image = await createImageBitmap(blob);
        this.#draw(image);
        image.close();
      } catch {
        this.#say("a picture could not be decoded");
      }
    }
    this.#isDrawing = false;
  }

  #draw(image) {
    const canvas = this.#canvas;
    if (canvas.width !== image.width || canvas.height !== image.height) {
      canvas.width = image.width;
      canvas.height = image.height;
    }
    canvas.getContext("2d", { alpha: false }).drawImage(image, 0, 0);
    canvas.dataset.pictures = String(Number(canvas.dataset.pictures ?? 0) + 1);
    this.#say("");
    this.#onPicture();
  }
}
