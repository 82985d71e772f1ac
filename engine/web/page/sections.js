// All parameters by area, in collapsible sections, and the search over them.

import { make, write } from "./dom.js";
import { makeControl, showReason } from "./controls.js";
import { recall, remember } from "./remembered.js";

const OPEN_AT_FIRST = 3; // areas that are open on the first visit
const ALIAS = /^\/fx\/[^/]+\/\d+$/; // a shader's input by number

export class Sections {
  #root;
  #values;
  #search;
  #matchCount;
  #jumps;
  #copyLayer;
  #canCopy = false;
  #rows = [];
  #order = new Map(); // of areas, cards and rows, as they were built
  #sections = [];

  /** `copyLayer(from, to)` copies a layer's values to another. */
  constructor({ root, search, matchCount, jumps, values, copyLayer }) {
    this.#root = root;
    this.#values = values;
    this.#search = search;
    this.#matchCount = matchCount;
    this.#jumps = jumps;
    this.#copyLayer = copyLayer;
    search.addEventListener("input", () => this.#filter());
  }

  /** Rebuilds everything. */
  build({ params, commands }) {
    this.#canCopy = commands.has("/layer/copy");
    this.#rows = [];
    this.#order = new Map();
    this.#sections = [];
    const areas = grouped(params.values(), (param) => param.area);
    const open = new Set(recall("open", [...areas.keys()].slice(0, OPEN_AT_FIRST)));
    for (const [title, members] of areas) this.#sections.push(this.#makeSection(title, members, open.has(title)));
    this.#root.replaceChildren(...this.#sections.map(({ element }) => element));
    this.#jumps.replaceChildren(...this.#sections.map((section) => this.#makeJump(section)));
    this.#filter();
  }

  /** Disables the switches that cannot be on in this run; `reasons` by address. */
  showReasons(reasons) {
    for (const { row, param } of this.#rows) if (param.type === "bool") showReason(row, reasons[param.address] ?? "");
  }

  #makeSection(title, members, isOpen) {
    const groups = [...grouped(members, (param) => param.group)];
    // JavaScript puts the numbers among an object's names first; the generator is drawn before the effects.
    groups.sort(([one], [other]) => (other === "fx/generator") - (one === "fx/generator"));
    const cards = groups.map(([group, params]) => this.#makeCard(group, params));
    const summary = make("summary", {}, make("h2", {}, title), make("span", { class: "count" }, String(members.length)));
    const element = make("details", { class: "area", open: isOpen }, summary, make("div", { class: "cards" }, ...cards));
    for (const each of [...cards, element]) this.#order.set(each, this.#order.size);
    element.addEventListener("toggle", () => this.#rememberOpen());
    return { title, element };
  }

  #makeCard(group, params) {
    const numbered = group.match(/^(?:layer|audio)\/([1-4])$/);
    const rows = params.map((param) => this.#makeRow(param));
    const isAlias = (row) => ALIAS.test(row.dataset.address);
    const aliases = rows.filter(isAlias);
    const title = group.replace(/^fx\/(?=\d)/, "effect ").replace("fx/", "").replaceAll("/", " ").replaceAll("_", " ");
    return make(
      "section",
      { class: title ? "card" : "card plain", "aria-label": title || null, "data-channel": numbered?.[1], "data-group": group || null },
      title && make("h3", {}, title, this.#canCopy && /^layer\/[1-4]$/.test(group) && this.#makeCopy(Number(numbered[1]))),
      ...rows.filter((row) => !isAlias(row)),
      aliases.length > 0 && make("div", { class: "inputs" }),
      aliases.length > 0 && make("details", { class: "aliases" }, make("summary", {}, "inputs by number"), ...aliases),
    );
  }

  #makeRow(param) {
    const row = makeControl(param, this.#values);
    const { address, name, description, area, keywords } = param;
    this.#order.set(row, this.#order.size);
    const texts = [`${address} ${name}`, `${keywords} ${area}`, description];
    const alias = address.startsWith("/master/") ? termsOf(keywords)[0] : ""; // what one calls it
    this.#rows.push({ row, param, texts: texts.map((text) => ` ${termsOf(text).join(" ")}`), parts: address.split("/"), alias });
    return row;
  }

  /** Shows the controls that come and go in a group's card; returns false if the page has no such card. */
  showInputs(group, params) {
    const container = this.#root.querySelector(`.card[data-group="${group}"] .inputs`);
    if (!container) return false;
    const removed = this.#rows.filter(({ row }) => container.contains(row));
    this.#values.remove(removed.map(({ param }) => param.address));
    this.#rows = this.#rows.filter((entry) => !removed.includes(entry));
    this.#values.add(params);
    container.replaceChildren(...params.map((param) => this.#makeRow(param)));
    this.#filter();
    return true;
  }

  /** A list beside a layer's title to copy it to another layer. */
  #makeCopy(from) {
    const others = [1, 2, 3, 4].filter((number) => number !== from);
    const options = others.map((number) => make("option", { value: number }, `to layer ${number}`));
    const select = make("select", { class: "copy", "aria-label": `copy layer ${from}` }, make("option", { value: "" }, "copy …"), ...options);
    select.addEventListener("change", () => {
      this.#copyLayer(from, Number(select.value));
      select.value = "";
    });
    return select;
  }

  /** Puts the areas, cards and rows with the best ranks first; those of the same rank, and without any, as they were built. */
  #arrange(ranks) {
    const best = new Map(); // of an element: the best rank in it
    for (const { row } of this.#rows) {
      for (let at = row; at && at !== this.#root; at = at.parentElement) {
        best.set(at, Math.min(best.get(at) ?? Infinity, ranks.get(row) ?? Infinity));
      }
    }
    const byRank = (one, other) => {
      const [ours, theirs] = [best.get(one) ?? Infinity, best.get(other) ?? Infinity];
      return ours === theirs ? this.#order.get(one) - this.#order.get(other) : ours - theirs;
    };
    const arrange = (parent, selector) => {
      const now = [...parent.children].filter((each) => each.matches(selector));
      const sorted = [...now].sort(byRank);
      if (sorted.every((each, at) => each === now[at])) return;
      const behind = now.at(-1).nextSibling;
      for (const each of sorted) parent.insertBefore(each, behind);
    };
    arrange(this.#root, ".area");
    for (const cards of this.#root.querySelectorAll(".area > .cards")) arrange(cards, ".card");
    for (const card of this.#root.querySelectorAll(".card")) arrange(card, ".control");
  }

  #makeJump({ title, element }) {
    const jump = () => {
      element.open = true;
      element.scrollIntoView({ block: "start" });
    };
    return make("button", { type: "button", onclick: jump }, title);
  }

  #rememberOpen() {
    if (this.#search.value) return; // a search opens sections temporarily
    remember("open", this.#sections.filter(({ element }) => element.open).map(({ title }) => title));
  }

  #filter() {
    const terms = termsOf(this.#search.value);
    const typed = this.#search.value.trim().toLowerCase();
    const isAddress = typed.startsWith("/") && this.#rows.some(({ param }) => param.address.startsWith(typed));
    const ranks = new Map();
    for (const { row, param, texts, parts, alias } of this.#rows) {
      const rank = isAddress ? (param.address.startsWith(typed) ? 0 : Infinity) : rankOf(terms, texts, parts, alias);
      row.hidden = rank === Infinity;
      if (!row.hidden) ranks.set(row, rank);
    }
    const count = ranks.size;
    this.#arrange(terms.length ? ranks : new Map());
    for (const card of this.#root.querySelectorAll(".card")) card.hidden = !card.querySelector(".control:not([hidden])");
    const open = new Set(recall("open", this.#sections.slice(0, OPEN_AT_FIRST).map(({ title }) => title)));
    for (const { title, element } of this.#sections) {
      element.hidden = !element.querySelector(".control:not([hidden])");
      element.open = terms.length > 0 || open.has(title);
    }
    this.#jumps.hidden = terms.length > 0;
    write(this.#matchCount, terms.length === 0 ? "" : count === 0 ? "no control matches" : `${count} of ${this.#rows.length}`);
  }
}

/** How well a control fits the search terms, 0 best; Infinity if one is missing. The start of a word counts: "rate" does not match
 *  "strategy". Best is a whole part of the address, then what one calls it (`alias`), the label, other names for it, its help text. */
function rankOf(terms, [label, names, help], parts, alias) {
  let rank = parts[1] === "master" ? -0.5 : 0; // what acts on the whole picture
  for (const term of terms) {
    const start = ` ${term}`;
    const where = parts.includes(term) ? 0 : term === alias ? 1 : label.includes(start) ? 2 : names.includes(start) ? 4 : help.includes(start) ? 6 : Infinity;
    // Among equals: a help text that begins with the word, and another name that comes early.
    rank += where + (help.startsWith(start) ? 0 : 1) + (where === 4 ? Math.min(0.9, names.indexOf(start) / 200) : 0);
  }
  return rank;
}

/** The words of a text in lower case, without separators: `/lfo/1/rate_hz` has four. */
function termsOf(text) {
  return text.toLowerCase().split(/[^\p{Letter}\p{Number}]+/u).filter(Boolean);
}

function grouped(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(item);
  }
  return groups;
}
