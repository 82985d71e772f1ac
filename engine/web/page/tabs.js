// The tabs: one panel at a time, arrow keys to switch, remembers the last choice, and how far each panel was scrolled.

import { byId } from "./dom.js";
import { recall, remember } from "./remembered.js";

export class Tabs {
  #tabs;
  #onShow;
  #scrolled = new Map(); // by panel, in px

  /** `onShow(name)` is called when a panel is shown. */
  constructor(onShow) {
    this.#onShow = onShow;
    this.#tabs = [...byId("tabs").querySelectorAll("[role=tab]")];
    for (const tab of this.#tabs) tab.addEventListener("click", () => this.show(tab.dataset.panel));
    byId("tabs").addEventListener("keydown", (event) => this.#pressKey(event));
  }

  /** Shows the last chosen panel, or the first one that exists in this engine. */
  refresh() {
    for (const tab of this.#tabs) tab.hidden = byId(`${tab.dataset.panel}-panel`).dataset.exists === "false";
    const there = this.#there().map((tab) => tab.dataset.panel);
    const wanted = recall("tab", there[0]);
    this.show(there.includes(wanted) ? wanted : there[0]);
  }

  show(name) {
    remember("tab", name);
    const isOther = this.shown !== undefined && this.shown !== name;
    if (isOther) this.#scrolled.set(this.shown, scrollY);
    const pinned = parseFloat(getComputedStyle(byId("tabs")).top) || 0;
    const start = byId("tabs").parentElement.getBoundingClientRect().top + scrollY - pinned;
    const top = this.#scrolled.get(name) ?? Math.min(scrollY, start);
    for (const tab of this.#tabs) {
      const isShown = tab.dataset.panel === name;
      tab.setAttribute("aria-selected", String(isShown));
      tab.tabIndex = isShown ? 0 : -1;
      byId(`${tab.dataset.panel}-panel`).hidden = !isShown;
      const list = byId("tabs");
      if (isShown) list.scrollTo({ left: tab.offsetLeft - (list.clientWidth - tab.offsetWidth) / 2 }); // scrolls the tabs, not the page
    }
    this.shown = name;
    if (isOther) scrollTo({ top });
    this.#onShow(name); // last: it may scroll to what matters in the panel
  }

  #there() {
    return this.#tabs.filter((tab) => !tab.hidden);
  }

  #pressKey(event) {
    const tabs = this.#there();
    const at = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const tab = tabs[(to + tabs.length) % tabs.length];
    this.show(tab.dataset.panel);
    tab.focus();
  }
}
