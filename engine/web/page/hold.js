// Buttons that act only when they are held, so that a stray touch does nothing; and presses that a swipe does not make.

const MOVED_PX = 10; // a press that moves by more was a swipe

/** Calls `act()` when `button` has been held for that long; with a mouse, a finger, or Space or Enter. */
export function actWhenHeld(button, holdMs, act) {
  let timer = 0;
  button.style.setProperty("--hold", `${holdMs}ms`);
  const press = () => {
    if (timer) return;
    button.classList.add("is-holding");
    timer = setTimeout(() => {
      release();
      act();
    }, holdMs);
  };
  const release = () => {
    clearTimeout(timer);
    timer = 0;
    button.classList.remove("is-holding");
  };
  new Swipe(button, release);
  listenToPress(button, press, release);
}

/** Calls `swiped()` when a pointer that was pressed on `button` has moved by more than a press does. */
class Swipe {
  #at = new Map(); // by pointer

  constructor(button, swiped) {
    button.addEventListener("pointerdown", ({ pointerId, clientX, clientY }) => this.#at.set(pointerId, [clientX, clientY]));
    button.addEventListener("pointermove", ({ pointerId, clientX, clientY }) => {
      const [x, y] = this.#at.get(pointerId) ?? [clientX, clientY];
      if (Math.hypot(clientX - x, clientY - y) <= MOVED_PX) return;
      this.#at.delete(pointerId);
      swiped();
    });
  }
}

/** For a mouse and keys like `listenToPress`. A finger may begin a swipe, so it acts later: `tap()` when it leaves where
 *  it touched, or `hold()` when it has rested there for that long, and then `letGo()`. */
export function listenToTap(button, { press, release, tap, hold, letGo, holdMs }) {
  let timer = 0;
  let isHeld = false;
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
  };
  const end = () => {
    stop();
    if (isHeld) letGo();
    isHeld = false;
  };
  listenToPress(button, press, release, { isForFingers: false });
  button.addEventListener("pointerdown", ({ pointerType }) => {
    if (pointerType === "mouse") return;
    end();
    timer = setTimeout(() => {
      stop();
      isHeld = true;
      hold();
    }, holdMs);
  });
  new Swipe(button, stop);
  button.addEventListener("pointerup", () => {
    if (timer) tap();
    end();
  });
  for (const lost of ["pointercancel", "lostpointercapture"]) button.addEventListener(lost, end);
  addEventListener("blur", end);
}

/** Calls `press()` and `release()` for a mouse, a finger and Space or Enter; each press is released once. */
export function listenToPress(button, press, release, { isForFingers = true } = {}) {
  let isDown = false;
  const down = () => {
    if (isDown) return;
    isDown = true;
    press();
  };
  const up = () => {
    if (!isDown) return;
    isDown = false;
    release();
  };
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !(isForFingers || event.pointerType === "mouse")) return;
    if (event.pointerType !== "mouse") button.setPointerCapture(event.pointerId); // a finger may slip off
    down();
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture", "pointerleave", "blur"]) button.addEventListener(end, up);
  addEventListener("blur", up); // of the window: not every browser focuses a button that is pressed
  button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch opens a menu
  const isPress = ({ key }) => key === " " || key === "Enter";
  button.addEventListener("keydown", (event) => {
    if (!isPress(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (!event.repeat) down();
  });
  button.addEventListener("keyup", (event) => {
    if (!isPress(event)) return;
    event.preventDefault();
    up();
  });
  button.addEventListener("click", (event) => {
    if (event.detail !== 0) return; // by a screen reader: no pointer, no key
    down();
    up();
  });
}
