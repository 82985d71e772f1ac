// Pictures of saved presets: the engine stores the picture on screen when a preset is saved. A preset saved while dark,
// or imported, shows its initials on its own colour.

import { make } from "./dom.js";
import { forget } from "./remembered.js";

const FOLDER = "/presets";
const [WIDTH, HEIGHT] = [320, 180];

forget("preset-pictures"); // older versions stored them in the browser

/** The version of every picture by name; null if they cannot be loaded now. */
export async function fetchVersions() {
  try {
    const answer = await fetch(`${FOLDER}/pictures.json`);
    return answer.ok ? new Map(Object.entries(await answer.json())) : null;
  } catch {
    return null; // the connection was lost
  }
}

/** The element that shows a preset; `version` "" if it has no picture. */
export function pictureOf(name, version) {
  const src = `${FOLDER}/${encodeURIComponent(name)}.jpg?${version}`;
  if (!version) return initialsPicture(name);
  const picture = make("img", { src, alt: "", width: WIDTH, height: HEIGHT, loading: "lazy" });
  picture.addEventListener("error", () => picture.replaceWith(initialsPicture(name))); // deleted since it was listed
  return picture;
}

/** The element that shows a name without a picture. */
export function initialsPicture(name) {
  return make("span", { class: "initials", style: `--hue: ${hueOf(name)}`, "aria-hidden": "true" }, initialsOf(name));
}

function initialsOf(name) {
  const words = name.split(/[\s_-]+/).filter(Boolean);
  const letters = words.length > 1 ? words.slice(0, 2).map((word) => [...word][0]) : [...name].slice(0, 2);
  return letters.join("").toUpperCase();
}

/** A hue, 0..359, computed from the name. */
function hueOf(name) {
  let hash = 0;
  for (const letter of name) hash = (31 * hash + letter.codePointAt(0)) % 65521;
  return (hash * 137) % 360;
}
