// Keyboard shortcuts: f full screen, space freeze, h controls. Not while a field or control has the focus.

const TYPING = "input:not([type=range], [type=checkbox], [type=radio]), textarea, select";
const PRESSABLE = "button, summary, a, input:not([type=range], [type=radio]), select";

/** `acts`: fullScreen, freeze and controls. */
export function listenToKeys(acts) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return;
    const target = event.target;
    if (event.key === "Escape" && target.closest?.(TYPING)) target.blur();
    if (target.closest?.(TYPING)) return;
    const act = { f: acts.fullScreen, h: acts.controls, " ": target.closest?.(PRESSABLE) ? null : acts.freeze }[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
  // A button pressed with the mouse keeps the focus, and Space would press it again.
  document.addEventListener("click", (event) => event.detail > 0 && event.target.closest("button")?.blur());
}
