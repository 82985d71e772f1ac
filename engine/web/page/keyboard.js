// Keyboard shortcuts of the page, chosen so that none changes the show by accident: blackout and freeze need Shift and
// are toggles, go works only while the cue list is open, and panic has no shortcut. Blackout and freeze work wherever
// the focus is, except in a text field.

import { byId } from "./dom.js";

const TYPING = "input:not([type=radio], [type=checkbox], [type=color], [type=number]), textarea";
const FIELD = `${TYPING}, input[type=number], select`;
const PRESSABLE = "button, summary, a, [role=slider], input, select";

/** `acts`: blackout, freeze, search, perform, go, canGo, isLocked and cancel, all without arguments, and take("undo"). */
export function listenToKeys(acts) {
  const isPlain = (event) => !(event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.repeat);
  // In the capture phase, before other parts of the page handle the key.
  document.addEventListener(
    "keydown",
    (event) => {
      const act = isPlain(event) && !event.target.closest?.(TYPING) && safetyOf(event, acts);
      if (!act) return;
      event.preventDefault(); // a list would jump to the item with that letter
      act();
    },
    { capture: true },
  );
  document.addEventListener("keydown", (event) => {
    const verb = verbOf(event);
    if (verb && !acts.isLocked() && !event.target.closest?.(TYPING)) {
      event.preventDefault();
      acts.take(verb);
    }
    if (!isPlain(event)) return;
    if (leaveField(event)) return;
    const help = byId("help");
    if (event.key === "Escape") {
      if (!help.open) acts.cancel();
      return;
    }
    if (help.open || event.target.closest?.(TYPING)) return;
    const act = actOf(event, acts);
    if (!act) return;
    event.preventDefault();
    act();
  });
  byId("help-open").addEventListener("click", () => byId("help").showModal());
  byId("help-close").addEventListener("click", () => byId("help").close());
}

/** Escape leaves a field and discards its text: a search is cleared, an edited row is restored. Enter leaves a search
 *  and keeps its result. Returns true if the key was handled. */
function leaveField(event) {
  const field = event.target.closest?.(FIELD);
  const isSearch = field?.type === "search";
  const isOver = event.key === "Escape";
  if (!field || !(isOver || (isSearch && event.key === "Enter"))) return false;
  event.preventDefault();
  if (isOver && field.closest("li")) field.value = field.defaultValue;
  if (isOver && isSearch) {
    field.value = "";
    field.dispatchEvent(new Event("input"));
  }
  field.blur();
  return true;
}

/** "undo" or "redo" for the keys that mean it everywhere; a text field has its own. */
function verbOf({ ctrlKey, metaKey, altKey, shiftKey, key }) {
  if (altKey || ctrlKey === metaKey) return "";
  return { z: shiftKey ? "redo" : "undo", y: ctrlKey && !shiftKey ? "redo" : "" }[key.toLowerCase()] ?? "";
}

function safetyOf({ shiftKey, key }, acts) {
  if (!shiftKey) return null;
  return { B: acts.blackout, F: acts.freeze }[key.toUpperCase()] ?? null; // with Caps Lock, Shift gives a lower-case letter
}

/** True if the element itself uses Space. False for the selected tab: while the cue list is open, Space means go. */
function isPressed(element) {
  return element.closest?.(PRESSABLE) && !element.matches("[role=tab][aria-selected=true]");
}

function actOf(event, acts) {
  if (event.key === "?") return () => byId("help").showModal();
  if (acts.isLocked()) return null;
  if (event.key === "/") return acts.search;
  if (event.key === "p") return acts.perform;
  if (event.key === " " && acts.canGo() && !isPressed(event.target)) return acts.go;
  return null;
}
