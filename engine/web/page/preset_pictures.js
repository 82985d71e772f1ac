// Pictures of presets. The built-in looks come with a still and a loop that moves (look_loops.js), in groups by their
// worlds; for the others the engine stores the picture on screen when they are saved. A preset saved while dark, or
// imported, shows its initials on its own colour.

import { make } from "./dom.js";
import { forget } from "./remembered.js";

const SAVED = "/presets";
const LOOKS = "/page/looks"; // looks.json lists the looks with pictures there, and their worlds
const SIZE = { alt: "", width: 320, height: 180, loading: "lazy" };

forget("preset-pictures"); // older versions stored them in the browser

export class PresetPictures {
  #versions = new Map();
  #worlds = new Map();
  #watchers = [];

  /** Calls `show()` when other pictures are there. */
  watch(show) {
    this.#watchers.push(show);
  }

  /** Reads which pictures there are. */
  async refresh() {
    const [versions, looks] = await Promise.all([fetchJson(`${SAVED}/pictures.json`), this.#worlds.size ? null : fetchJson(`${LOOKS}/looks.json`)]);
    if (versions) this.#versions = new Map(Object.entries(versions));
    if (looks) this.#worlds = new Map(looks.map(({ name, world }) => [name, world]));
    if (versions || looks) for (const show of this.#watchers) show();
  }

  /** True once the built-in looks are known. */
  get hasLooks() {
    return this.#worlds.size > 0;
  }

  isBuiltIn(name) {
    return this.#worlds.has(name);
  }

  /** The world of a built-in look; undefined for other presets. */
  worldOf(name) {
    return this.#worlds.get(name);
  }

  /** Differs when the preset has another picture. */
  versionOf(name) {
    return this.isBuiltIn(name) ? "built in" : (this.#versions.get(name) ?? "");
  }

  loopOf(name) {
    return `${LOOKS}/${encodeURIComponent(name)}.webp`;
  }

  /** A new element that shows the preset. */
  element(name) {
    if (this.isBuiltIn(name)) return make("img", { src: `${LOOKS}/${encodeURIComponent(name)}.jpg`, ...SIZE });
    const version = this.versionOf(name);
    if (!version) return initialsPicture(name);
    const picture = make("img", { src: `${SAVED}/${encodeURIComponent(name)}.jpg?${version}`, ...SIZE });
    picture.addEventListener("error", () => picture.replaceWith(initialsPicture(name))); // deleted since it was listed
    return picture;
  }
}

async function fetchJson(url) {
  try {
    const answer = await fetch(url);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null; // the connection was lost: read again with the next one
  }
}

/** The element that shows a name without a picture. */
export function initialsPicture(name) {
  return make("span", { class: "initials", style: `--hue: ${hueOf(name)}`, "aria-hidden": "true" }, initialsOf(name));
}

function initialsOf(name) {
  const parts = name.split(/[\s_-]+/).filter(Boolean);
  const letters = parts.length > 1 ? parts.slice(0, 2).map((part) => [...part][0]) : [...name].slice(0, 2);
  return letters.join("").toUpperCase();
}

/** A hue, 0..359, computed from the name. */
function hueOf(name) {
  let hash = 0;
  for (const letter of name) hash = (31 * hash + letter.codePointAt(0)) % 65521;
  return (hash * 137) % 360;
}
