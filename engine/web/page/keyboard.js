// Keys of the whole page. None of them changes the show by accident: blackout and freeze need Shift and undo
// themselves, go works only where the cue list is open, and panic has no key at all.

import { byId } from "./dom.js";

const TYPING = "input:not([type=radio]):not([type=checkbox]), textarea, select";
const PRESSABLE = "button, summary, a, [role=slider], input";

/** `acts`: blackout, freeze, search, go, canGo and cancel, all without arguments. */
export function listenToKeys(acts) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.repeat) return;
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

function actOf(event, acts) {
  if (event.key === "?") return () => byId("help").showModal();
  if (event.key === "/") return acts.search;
  if (event.shiftKey && event.key === "B") return acts.blackout;
  if (event.shiftKey && event.key === "F") return acts.freeze;
  if (event.key === " " && acts.canGo() && !event.target.closest?.(PRESSABLE)) return acts.go;
  return null;
}
