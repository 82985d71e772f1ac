// Buttons that act only when they are held, so that a stray touch does nothing.

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
  listenToPress(button, press, release);
}

/** Calls `press()` and `release()` for a mouse, a finger and Space or Enter; each press is released once. */
export function listenToPress(button, press, release) {
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
    if (event.button !== 0) return;
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
