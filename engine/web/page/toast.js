// Short notices at the lower edge. A repeated line is counted, not stacked: a refused fader would repeat it sixty times
// a second. A notice stays while it is hovered or focused; refusals are also listed in the status tab.

import { byId, make, write } from "./dom.js";

const MOST = 4;
const MAX_FAILURES = 20;
const SHOWN_MS = { done: 4000, fail: 10000 };
const FADE_MS = 400; // as in style.css

/** `kind` is "done" or "fail"; `action`: an optional `{label, act}` for a button beside the line. */
export function toast(line, kind = "done", action = null) {
  if (kind === "fail") keep(line);
  const list = byId("toasts");
  const same = [...list.children].find((item) => item.line === line && !action);
  if (same) {
    same.count += 1;
    write(same.counter, `×${same.count}`);
    same.restart();
    return;
  }
  const counter = make("span", { class: "count" });
  const item = make("div", { class: `toast ${kind}` }, make("span", { class: "line" }, line), counter);
  const holds = new Set(); // not `:hover`, which persists after a touch
  let timer = 0;
  const stop = () => {
    clearTimeout(timer);
    item.classList.remove("is-leaving");
  };
  const remove = () => {
    stop();
    item.remove();
  };
  const restart = () => {
    stop();
    if (holds.size) return;
    const leave = () => {
      item.classList.add("is-leaving");
      timer = setTimeout(remove, FADE_MS);
    };
    timer = setTimeout(leave, action ? SHOWN_MS.fail : SHOWN_MS[kind]);
  };
  Object.assign(item, { line, counter, count: 1, restart });
  for (const [begin, end] of [["pointerenter", "pointerleave"], ["focusin", "focusout"]]) {
    item.addEventListener(begin, () => {
      holds.add(begin);
      stop();
    });
    item.addEventListener(end, () => {
      holds.delete(begin);
      restart();
    });
  }
  if (action) {
    const act = () => {
      remove();
      action.act();
    };
    item.append(make("button", { type: "button", onclick: act }, action.label));
  }
  item.append(make("button", { type: "button", class: "close", "aria-label": "close this notice", onclick: remove }, "×"));
  list.append(item);
  while (list.children.length > MOST) list.firstElementChild.remove();
  restart();
}

/** Adds a refusal to the list in the status, the newest first. */
function keep(line) {
  const list = byId("failures");
  const time = make("time", {}, new Date().toLocaleTimeString("en-GB"));
  [...list.children].find((item) => item.line === line)?.remove();
  list.prepend(Object.assign(make("li", {}, time, line), { line }));
  while (list.children.length > MAX_FAILURES) list.lastElementChild.remove();
  byId("failures-part").hidden = false;
}
