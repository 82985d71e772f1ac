// The live picture: JPEGs from `/preview` on a canvas. While the page is hidden or the picture is collapsed it
// disconnects, so that the engine encodes nothing.

import { byId, write } from "./dom.js";
import { socketUrl } from "./socket.js";
import { recall, remember } from "./remembered.js";

const FPS = 30;
const MAX_PX = 1280;
const RETRY_MS = 1000;

export class Preview {
  #socket = null;
  #isThere = false;
  #picture = "main";
  #waiting = null;
  #isDrawing = false;
  #canvas = byId("picture");
  #note = byId("picture-note");
  #frame = byId("preview");

  constructor() {
    const fold = byId("fold");
    const setFolded = (isFolded) => {
      this.#frame.classList.toggle("is-folded", isFolded);
      fold.setAttribute("aria-expanded", String(!isFolded));
      write(fold, isFolded ? "show the picture" : "hide");
      this.#follow();
    };
    fold.addEventListener("click", () => {
      setFolded(!this.#isFolded);
      remember("folded", this.#isFolded);
    });
    for (const input of this.#frame.querySelectorAll("input[name=picture]")) {
      input.addEventListener("change", () => this.#choose(input.value));
    }
    byId("full").hidden = !document.fullscreenEnabled; // not available on an iPhone
    byId("full").addEventListener("click", () => this.#toggleFullScreen());
    document.addEventListener("fullscreenchange", () => this.#reopen()); // request the new width
    document.addEventListener("visibilitychange", () => this.#follow());
    setFolded(recall("folded", false));
    const update = () => document.documentElement.style.setProperty("--preview", `${this.#frame.offsetHeight}px`);
    new ResizeObserver(update).observe(this.#frame); // on a phone other elements stick below the picture
  }

  /** Called with true while the engine is connected. */
  want(isThere) {
    this.#isThere = isThere;
    this.#follow();
  }

  /** Offers the pictures of an engine with these children. */
  offer(children) {
    const labels = [...byId("pictures").querySelectorAll("[data-child]")];
    for (const label of labels) label.hidden = !children.includes(label.dataset.child);
    byId("pictures").hidden = labels.every((label) => label.hidden);
    if (labels.some((label) => label.hidden && label.control.checked)) {
      this.#frame.querySelector("input[value=main]").checked = true;
      this.#choose("main");
    }
  }

  get #isFolded() {
    return this.#frame.classList.contains("is-folded");
  }

  #choose(picture) {
    this.#picture = picture;
    this.#reopen();
  }

  #reopen() {
    this.#close();
    this.#follow();
  }

  async #toggleFullScreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await byId("screen").requestFullscreen();
  }

  #follow() {
    const isWanted = this.#isThere && !document.hidden && !this.#isFolded;
    if (!isWanted) this.#close();
    else if (this.#socket === null) this.#open();
  }

  #close() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#say(this.#isThere ? "" : "no connection to the engine");
  }

  #open() {
    const width = Math.min(MAX_PX, Math.round(this.#canvas.clientWidth * devicePixelRatio) || MAX_PX);
    const socket = new WebSocket(socketUrl(`/preview?picture=${this.#picture}&fps=${FPS}&width=${width}`));
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
  }

  #say(line) {
    write(this.#note, line);
    this.#note.hidden = line === "";
  }
}
