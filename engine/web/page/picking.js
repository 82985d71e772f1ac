// Picking a control: while it is on, a press or a key selects an element of the page and changes nothing.

const MOVED_BY_KEYS = "[role=slider], select, input, textarea";
const MOVING_KEYS = /^(Arrow|Page|Home$|End$|Delete$|Backspace$)/;

export class Picker {
  isOn = false;

  /** `pick(element)` gets an element that matches `selector`; `cancel()` is called at Escape in one. */
  constructor(selector, pick, cancel) {
    // In the capture phase. A list opens on mousedown; text typed or pasted into a field arrives as beforeinput.
    for (const kind of ["pointerdown", "mousedown", "click", "dblclick", "keydown", "beforeinput"]) {
      document.body.addEventListener(kind, (event) => this.isOn && intercept(event, selector, pick, cancel), { capture: true });
    }
  }
}

function intercept(event, selector, pick, cancel) {
  const what = event.target.closest(selector);
  if (!what || (event.type === "keydown" && !isOfControl(event))) return;
  event.preventDefault();
  event.stopPropagation();
  if (event.key === "Escape") cancel();
  if (event.type === "click" || (["Enter", " "].includes(event.key) && !event.repeat)) pick(what);
}

/** True if a key would change the control, select it or end picking; Tab and the page's shortcuts pass. */
function isOfControl({ key, target, ctrlKey, metaKey }) {
  if (["Enter", " ", "Escape"].includes(key)) return true;
  if (MOVING_KEYS.test(key)) return target.matches(MOVED_BY_KEYS);
  return key.length === 1 && !ctrlKey && !metaKey && target.matches("select"); // it jumps to the item with that letter
}
