// One control per parameter, chosen by its type: fader, stops, menu, switch, trigger, text, file, colour.

import { confirmed } from "./confirmed.js";
import { make, write } from "./dom.js";
import { Fader, makeStops } from "./fader.js";
import { textOf } from "./numbers.js";

const MAX_BUTTONS = 5; // a menu with more or longer items becomes a drop-down list
const MAX_CHARACTERS = 22;

/** The row of a parameter: its name, which opens the description, and its control, which shows the engine's value. */
export function makeControl(param, values) {
  const change = (value) => values.change(param.address, value);
  const maker = MAKERS[param.type] ?? MAKERS.text;
  const { body, show, showMoved } = param.isConfirmed ? confirmed(param, values) : maker(param, change);
  body[0].setAttribute("aria-description", param.description);
  const about = make("p", { class: "about", hidden: true }, ...describe(param));
  const name = make(
    "button",
    { type: "button", class: "name", tabindex: -1, title: `${param.address}\n${param.description}`, "aria-expanded": "false" },
    param.name,
  );
  name.addEventListener("click", () => {
    about.hidden = !about.hidden;
    name.setAttribute("aria-expanded", String(!about.hidden));
  });
  const row = make("div", { class: `control ${param.type}`, "data-address": param.address, "data-learn": param.address }, name, ...body, about);
  if (showMoved) values.watchMoved(param.address, param.movedAs ?? param.address, showMoved);
  values.watch(param.address, (value) => {
    show(value);
    row.classList.toggle("is-changed", param.type !== "trigger" && !isSame(value, param.default));
  });
  return row;
}

/** Disables a switch that cannot be on in this run and shows why; `reason` "" enables it. A switch that is on can
 *  always be switched off. Text in brackets is shown in the tooltip only. */
export function showReason(row, reason) {
  const button = row.querySelector(".switch");
  const line = button.getAttribute("aria-checked") === "true" ? "" : reason.split(" (")[0];
  if ((row.querySelector(".reason")?.textContent ?? "") === line) return;
  row.querySelector(".reason")?.remove();
  row.classList.toggle("is-unavailable", line !== "");
  button.disabled = line !== "";
  button.title = line && reason;
  if (line) row.append(make("p", { class: "reason" }, line));
}

function isSame(value, other) {
  if (typeof value === "number") return Math.fround(value) === Math.fround(other);
  return Array.isArray(value) ? value.every((part, index) => Math.abs(part - other[index]) < 1e-6) : value === other;
}

function describe(param) {
  const facts = [];
  if (["float", "int", "stops"].includes(param.type)) {
    const unit = param.unit ? ` ${param.unit}` : "";
    facts.push(`${textOf(param, param.low)} to ${textOf(param, param.high)}${unit}, default ${textOf(param, param.default)}`);
  } else if (param.type === "menu") facts.push(`default ${param.default}`);
  return [make("code", {}, param.address), ` ${param.description} `, make("span", { class: "facts" }, facts.join(""))];
}

const MAKERS = { float: number, int: number, stops, menu, bool, trigger, text, file: text, colour, point };

function number(param, change) {
  const fader = new Fader(param, change);
  const unit = make("span", { class: "unit" }, param.unit);
  return { body: [fader.track, make("span", { class: "value" }, fader.box, unit)], show: (value) => fader.show(value), showMoved: (value) => fader.showMoved(value) };
}

function stops(param, change) {
  const { body, show, showMoved } = number(param, change);
  const names = makeStops(param, change);
  return {
    body: [...body, names.row],
    show: (value) => {
      show(value);
      names.show(value);
    },
    showMoved,
  };
}

function menu(param, change) {
  if (param.swatches) return swatches(param, change);
  const isShort = param.menu.length <= MAX_BUTTONS && param.menu.join("").length <= MAX_CHARACTERS;
  return isShort ? choices(param, change) : list(param, change);
}

/** Radio buttons side by side: one tap chooses, arrow keys move. */
function choices(param, change) {
  const inputs = param.menu.map((item) =>
    make("input", { type: "radio", name: param.address, value: item, onchange: () => change(item) }),
  );
  const labels = inputs.map((input) => make("label", {}, input, make("span", {}, input.value)));
  const body = make("div", { class: "choices", role: "radiogroup", "aria-label": param.address }, ...labels);
  return {
    body: [body],
    show: (value) => inputs.forEach((input) => (input.checked = input.value === value)),
  };
}

/** A menu whose items have colours: radio buttons, each with its colours above its name. */
function swatches(param, change) {
  const { body, show } = choices(param, change);
  const [row] = body;
  row.className = "swatches";
  [...row.children].forEach((label, index) => {
    const strip = make("i", { "aria-hidden": "true" });
    const colours = param.swatches[index] ?? [];
    colours.forEach((colour) => {
      const part = make("b", {});
      part.style.background = colour;
      strip.append(part);
    });
    label.lastChild.prepend(strip);
  });
  return { body, show };
}

function list(param, change) {
  const select = make("select", { "aria-label": param.address }, ...param.menu.map((item) => make("option", { value: item }, item)));
  select.addEventListener("change", () => change(select.value));
  return { body: [select], show: (value) => (select.value = value) };
}

function bool(param, change) {
  const button = make("button", { type: "button", class: "switch", role: "switch", "aria-label": param.address });
  button.addEventListener("click", () => change(button.getAttribute("aria-checked") !== "true"));
  return {
    body: [button],
    show: (value) => {
      button.setAttribute("aria-checked", String(Boolean(value)));
      write(button, value ? "on" : "off");
    },
  };
}

function trigger(param, change) {
  const label = param.name.split(" ").at(-1);
  const attributes = { type: "button", class: "pull", "aria-label": param.address, onclick: () => change(true) };
  return { body: [make("button", attributes, label)], show: () => {} };
}

/** One line, sent with Enter or on blur; while it is being edited, changes by others are not shown. */
function text(param, change) {
  const isAddress = param.name === "target";
  const field = make(param.type === "file" || isAddress ? "input" : "textarea", {
    class: "text",
    rows: 1,
    autocomplete: "off",
    spellcheck: "false",
    "aria-label": param.address,
    list: isAddress ? "addresses" : null,
    placeholder: param.type === "file" ? "file on the engine's machine" : null,
  });
  let now = "";
  field.addEventListener("change", () => {
    now = field.value.replace(/\s*\n\s*/g, " ");
    change(now);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") field.value = now;
    if (event.key === "Enter" || event.key === "Escape") {
      event.preventDefault();
      field.blur();
    }
  });
  field.addEventListener("blur", () => (field.value = now));
  return {
    body: [field],
    show: (value) => {
      now = value ?? "";
      if (document.activeElement !== field) field.value = now;
    },
  };
}

/** Two faders, across and up. */
function point(param, change) {
  let now = param.default;
  const faders = ["x", "y"].map((axis, at) => {
    const { MIN: low, MAX: high } = param.ranges[at];
    const own = { ...param, address: `${param.address} ${axis}`, type: "float", low, high, default: param.default[at] };
    return new Fader(own, (value) => change((now = now.map((part, index) => (index === at ? value : part)))));
  });
  const rows = faders.flatMap((fader, at) => [fader.track, make("span", { class: "value" }, fader.box, make("span", { class: "unit" }, "xy"[at]))]);
  const body = [make("div", { class: "axes", role: "group", "aria-label": param.address }, ...rows)];
  const show = (value) => {
    now = value;
    faders.forEach((fader, at) => fader.show(value[at]));
  };
  return { body, show };
}

function colour(param, change) {
  const picker = make("input", { type: "color", "aria-label": param.address });
  const alpha = make("input", { type: "number", min: 0, max: 1, step: 0.01, class: "number", "aria-label": `${param.address}, alpha` });
  const take = () => {
    const parts = [1, 3, 5].map((at) => parseInt(picker.value.slice(at, at + 2), 16) / 255);
    change([...parts, Math.min(1, Math.max(0, Number(alpha.value)))]);
  };
  picker.addEventListener("input", take);
  alpha.addEventListener("change", take);
  const show = ([red, green, blue, opacity]) => {
    const hex = (part) => Math.round(part * 255).toString(16).padStart(2, "0");
    picker.value = `#${hex(red)}${hex(green)}${hex(blue)}`;
    if (document.activeElement !== alpha) alpha.value = String(Number(opacity.toFixed(2)));
  };
  return { body: [picker, alpha], show };
}
