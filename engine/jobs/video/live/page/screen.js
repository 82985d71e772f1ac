// Draws the painted pictures on a canvas, each in its slot, and records the times for measurements.

import { Playout } from "./playout.js";

const RECORDED = 1200;

export class Screen {
  #canvas;
  #playout = new Playout(({ bitmap }) => bitmap.close());

  isFrozen = false;
  /** True if no picture is expected; late ones belong to a stopped source. */
  isOff = false;
  /** True if a picture is on the canvas. */
  hasPicture = false;
  /** The last pictures shown: index, captured, slot (when it was due), period (null at the start), shown (when it was
   *  drawn) and settings; ms of this page's clock. */
  record = [];

  constructor(canvas) {
    this.#canvas = canvas;
    const draw = (now) => {
      requestAnimationFrame(draw);
      this.#drawDue(now);
    };
    requestAnimationFrame(draw);
  }

  get playout() {
    return this.#playout;
  }

  /** Takes a JPEG with its header; discarded while frozen. */
  async take(answer) {
    if (this.isFrozen || this.isOff) return;
    const bitmap = await createImageBitmap(new Blob([answer.jpeg], { type: "image/jpeg" }));
    if (this.isFrozen || this.isOff) bitmap.close();
    else this.#playout.push({ ...answer, jpeg: null, bitmap }, performance.now());
  }

  /** Resets playout: later pictures are unrelated to earlier ones. */
  forget() {
    this.#playout.reset();
  }

  freeze(isFrozen) {
    this.isFrozen = isFrozen;
    if (isFrozen) this.forget();
  }

  #drawDue(now) {
    if (this.isFrozen || this.isOff) return;
    const due = this.#playout.due(now);
    if (!due) return;
    const { bitmap, index, captured, settings } = due.frame;
    const canvas = this.#canvas;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
      canvas.parentElement.style.setProperty("--ratio", bitmap.width / bitmap.height);
    }
    canvas.getContext("2d", { alpha: false }).drawImage(bitmap, 0, 0);
    bitmap.close();
    if (!this.hasPicture) canvas.parentElement.classList.add("has-picture");
    this.hasPicture = true;
    this.record.push({ index, captured, slot: due.slot, period: due.period, shown: now, settings });
    if (this.record.length > RECORDED) this.record.shift();
  }
}
