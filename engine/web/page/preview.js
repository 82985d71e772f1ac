// The picture on screen, or that of a child: which one, folded away, or over the whole display.

import { byId, write } from "./dom.js";
import { recall, remember } from "./remembered.js";
import { PictureStream } from "./stream.js";

export class Preview {
  #stream = new PictureStream(byId("picture"), byId("picture-note"));
  #frame = byId("preview");
  #picture = "main";
  #isBlack = false;
  #isProgram = false;
  #isFolded = false; // beside the other tabs; the program is always seen

  constructor() {
    const fold = byId("fold");
    const setFolded = (isFolded) => {
      this.#isFolded = isFolded;
      this.#frame.classList.toggle("is-folded", isFolded);
      fold.setAttribute("aria-expanded", String(!isFolded));
      write(fold, isFolded ? "show the picture" : "hide");
      this.#follow();
    };
    fold.addEventListener("click", () => {
      const isFolded = !this.#frame.classList.contains("is-folded");
      setFolded(isFolded);
      remember("folded", isFolded);
    });
    for (const input of this.#frame.querySelectorAll("input[name=picture]")) {
      input.addEventListener("change", () => this.#choose(input.value));
    }
    byId("full").hidden = !document.fullscreenEnabled; // not available on an iPhone
    byId("full").addEventListener("click", () => this.#toggleFullScreen());
    document.addEventListener("fullscreenchange", () => this.#stream.reopen()); // request the new width
    setFolded(recall("folded", false));
  }

  /** Called with true while the engine is connected. */
  want(isThere) {
    this.#stream.connected(isThere);
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

  /** In a blackout it has a red frame. As the program of the perform view, it shows what plays behind it. */
  showBlackout(isBlack) {
    this.#isBlack = isBlack;
    this.#frame.classList.toggle("is-black", isBlack);
    this.#choose(this.#picture);
  }

  /** Called with true while it is the program of the perform view. */
  beProgram(isProgram) {
    this.#isProgram = isProgram;
    this.#choose(this.#picture);
    this.#follow();
  }

  #follow() {
    this.#stream.want(this.#isProgram || !this.#isFolded);
  }

  #choose(picture) {
    this.#picture = picture;
    this.#stream.choose(picture === "main" && this.#isBlack && this.#isProgram ? "behind" : picture);
  }

  async #toggleFullScreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await byId("screen").requestFullscreen();
  }
}
