// Pictures of looks that were saved here: the engine keeps what was on screen. A look that was saved in the dark, or comes
// from elsewhere, has its initials on a ground of its own colour.

import { make } from "./dom.js";
import { forget } from "./remembered.js";

const FOLDER = "/presets";
const [WIDTH, HEIGHT] = [320, 180];

forget("preset-pictures"); // where this browser kept them before the engine did

/** By name the version of every picture that the engine has; null when they cannot be had now. */
export async function fetchVersions() {
  try {
    const answer = await fetch(`${FOLDER}/pictures.json`);
    return answer.ok ? new Map(Object.entries(await answer.json())) : null;
  } catch {
    return null; // a connection that broke at this moment
  }
}

/** The element that shows a look; `version` "" where there is no picture of it. */
export function pictureOf(name, version) {
  const src = `${FOLDER}/${encodeURIComponent(name)}.jpg?${version}`;
  if (version) return make("img", { src, alt: "", width: WIDTH, height: HEIGHT, loading: "lazy" });
  return make("span", { class: "initials", style: `--hue: ${hueOf(name)}`, "aria-hidden": "true" }, initialsOf(name));
}

function initialsOf(name) {
  const words = name.split(/[\s_-]+/).filter(Boolean);
  const letters = words.length > 1 ? words.slice(0, 2).map((word) => [...word][0]) : [...name].slice(0, 2);
  return letters.join("").toUpperCase();
}

/** 0..359, the same for the same name. */
function hueOf(name) {
  let hash = 0;
  for (const letter of name) hash = (31 * hash + letter.codePointAt(0)) % 65521;
  return (hash * 137) % 360;
}
