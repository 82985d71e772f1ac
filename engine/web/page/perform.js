// The perform view: where its parts lie, and the lock. It borrows the picture from the column of the other tabs.

import { byId, write } from "./dom.js";
import { actWhenHeld, listenToPress } from "./hold.js";

const UNLOCK_MS = 600;

/** Called when a tab is shown: the picture lies in the perform view, or beside the other tabs. */
export function placePicture(isPerform) {
  document.body.classList.toggle("is-performing", isPerform);
  const home = isPerform ? byId("program") : byId("beside");
  if (byId("preview").parentElement !== home) home.prepend(byId("preview"));
}

/** The lock leaves only the strip and the safety buttons; locking is a tap, unlocking a hold. */
export class Lock {
  isOn = false;
  #pressed = new Map(); // by pointer: what each finger that is down has pressed

  constructor() {
    addEventListener("pointerdown", ({ pointerId, target }) => this.#pressed.set(pointerId, target), { capture: true });
    for (const end of ["pointerup", "pointercancel"]) {
      addEventListener(end, ({ pointerId }) => this.#pressed.delete(pointerId), { capture: true });
    }
    let hasLocked = false; // this press has locked, so it does not unlock
    const press = () => {
      hasLocked = !this.isOn;
      this.#set(true);
    };
    listenToPress(byId("lock"), press, () => {});
    actWhenHeld(byId("lock"), UNLOCK_MS, () => hasLocked || this.#set(false));
  }

  #set(isLocked) {
    this.isOn = isLocked;
    if (isLocked) this.#letGo();
    for (const part of document.querySelectorAll("[data-locks]")) part.inert = isLocked;
    document.body.classList.toggle("is-locked", isLocked);
    byId("lock").setAttribute("aria-pressed", String(isLocked));
    write(byId("lock"), isLocked ? "hold to unlock" : "lock");
  }

  /** Ends what other fingers and keys hold: a part that is inert still gets the moves of a finger that is down on it. */
  #letGo() {
    for (const [pointerId, target] of this.#pressed) {
      if (target.closest("[data-locks]")) target.dispatchEvent(new PointerEvent("pointercancel", { pointerId, bubbles: true }));
    }
    if (document.activeElement.closest("[data-locks]")) document.activeElement.blur();
  }
}
