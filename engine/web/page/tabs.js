// The tabs: one panel at a time, arrow keys to switch, remembers the last choice, and how far each panel was scrolled.

import { byId } from "./dom.js";
import { recall, remember } from "./remembered.js";

export class Tabs {
  #tabs;
  #onPlace;
  #onShow;
  #scrolled = new Map(); // by panel, in px

  /** When a panel is shown, `onPlace(name)` is called before the page scrolls to where it was left, `onShow(name)` after. */
  constructor(onPlace, onShow) {
    this.#onPlace = onPlace;
    this.#onShow = onShow;
    this.#tabs = [...byId("tabs").querySelectorAll("[role=tab]")];
    for (const tab of this.#tabs) tab.addEventListener("click", () => this.show(tab.dataset.panel));
    byId("tabs").addEventListener("keydown", (event) => this.#pressKey(event));
  }

  /** Shows the last chosen panel, or the first one that exists in this engine. */
  refresh() {
    for (const tab of this.#tabs) tab.hidden = byId(`${tab.dataset.panel}-panel`).dataset.exists === "false";
    const there = this.#there().map((tab) => tab.dataset.panel);
    const stored = recall("tab", there[0]);
    this.show(there.includes(stored) ? stored : there[0]);
  }

  show(name) {
    remember("tab", name);
    const before = this.current;
    const isOther = before !== undefined && before !== name;
    // Measured before anything changes: to measure in between would lay out the page once more.
    const top = isOther ? this.#leave(name) : 0;
    const scrolls = isOther && (top !== 0 || scrollY !== 0);
    if (before !== undefined) this.#scrollTabs(name);
    for (const tab of this.#tabs) {
      const isShown = tab.dataset.panel === name;
      tab.setAttribute("aria-selected", String(isShown));
      tab.tabIndex = isShown ? 0 : -1;
      byId(`${tab.dataset.panel}-panel`).hidden = !isShown;
    }
    this.current = name;
    this.#onPlace(name);
    if (before === undefined) this.#scrollTabs(name);
    if (scrolls) scrollTo({ top });
    this.#onShow(name); // last: it may scroll to what matters in the panel
  }

  /** Notes how far the shown panel is scrolled; returns how far the panel `name` will be. */
  #leave(name) {
    this.#scrolled.set(this.current, scrollY);
    const list = byId("tabs");
    const pinned = parseFloat(getComputedStyle(list).top) || 0;
    const start = list.parentElement.getBoundingClientRect().top + scrollY - pinned;
    return this.#scrolled.get(name) ?? Math.min(scrollY, start);
  }

  /** Scrolls the tabs, not the page. */
  #scrollTabs(name) {
    const list = byId("tabs");
    const tab = byId(`${name}-tab`);
    list.scrollTo({ left: tab.offsetLeft - (list.clientWidth - tab.offsetWidth) / 2 });
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
