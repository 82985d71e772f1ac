// What a look of one's own looks like: the picture that was shown here when it was saved, kept in this browser. One that
// was saved elsewhere, or in the dark, has its initials on a ground of its own colour.

import { make } from "./dom.js";
import { recall, remember } from "./remembered.js";

const KEPT = "preset-pictures";
const MOST = 48; // some 10 kB each, of the 5 MB that a browser gives
const [WIDTH, HEIGHT, QUALITY] = [320, 180, 0.7];
const DARK = 12; // of 255

/** Keeps what `canvas` shows as the picture of a look; without a canvas, or when it is dark, the look has none. */
export function keepPicture(name, canvas) {
  const { [name]: _, ...others } = recall(KEPT, {});
  const picture = canvas && jpegOf(canvas);
  const newest = Object.entries(others).slice(picture ? 1 - MOST : 0);
  remember(KEPT, Object.fromEntries(picture ? [...newest, [name, picture]] : newest));
}

/** The element that shows a look. */
export function pictureOf(name) {
  const kept = recall(KEPT, {})[name];
  if (kept) return make("img", { src: kept, alt: "", width: WIDTH, height: HEIGHT });
  return make("span", { class: "initials", style: `--hue: ${hueOf(name)}`, "aria-hidden": "true" }, initialsOf(name));
}

/** A data URL, cut to 16:9; null where there is nothing to see. */
function jpegOf(canvas) {
  const small = make("canvas", { width: WIDTH, height: HEIGHT });
  const context = small.getContext("2d", { alpha: false, willReadFrequently: true });
  const scale = Math.max(WIDTH / canvas.width, HEIGHT / canvas.height);
  const [width, height] = [canvas.width * scale, canvas.height * scale];
  context.drawImage(canvas, (WIDTH - width) / 2, (HEIGHT - height) / 2, width, height);
  const isDark = context.getImageData(0, 0, WIDTH, HEIGHT).data.every((part, index) => index % 4 === 3 || part < DARK);
  return isDark ? null : small.toDataURL("image/jpeg", QUALITY);
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
