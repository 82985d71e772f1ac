// Short notices at the lower edge. The same line again counts up instead of piling up: a fader that the engine
// refuses would say it sixty times a second.

import { byId, make, write } from "./dom.js";

const MOST = 4;
const SHOWN_MS = { done: 4000, fail: 10000 };

/** `kind` is "done" or "fail"; `action` an optional `{label, act}` that puts a button beside the line. */
export function toast(line, kind = "done", action = null) {
  const shelf = byId("toasts");
  const same = [...shelf.children].find((item) => item.line === line && !action);
  if (same) {
    same.count += 1;
    write(same.counter, `×${same.count}`);
    same.restart();
    return;
  }
  const counter = make("span", { class: "count" });
  const item = make("div", { class: `toast ${kind}` }, make("span", { class: "line" }, line), counter);
  let timer = 0;
  const remove = () => {
    clearTimeout(timer);
    item.remove();
  };
  Object.assign(item, {
    line,
    counter,
    count: 1,
    restart: () => {
      clearTimeout(timer);
      timer = setTimeout(remove, action ? SHOWN_MS.fail : SHOWN_MS[kind]);
    },
  });
  if (action) {
    const act = () => {
      remove();
      action.act();
    };
    item.append(make("button", { type: "button", onclick: act }, action.label));
  }
  item.append(make("button", { type: "button", class: "close", "aria-label": "close this notice", onclick: remove }, "×"));
  shelf.append(item);
  while (shelf.children.length > MOST) shelf.firstElementChild.remove();
  item.restart();
}
