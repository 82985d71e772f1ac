// The engine's namespace, read from the OSCQuery tree at `/`; the page is built from it.

const LARGE_PARTS = /^\/sd\/(travel|ip_adapter)\//;
const PARAM_TYPES = new Set(["float", "int", "bool", "menu", "stops", "text", "trigger", "colour", "file"]);

/** Thrown if the engine refuses this browser. */
export class Refused extends Error {}

/** Fetches the tree. Throws Refused if a token is needed, another Error if there is no answer within `patienceMs`. */
export async function fetchTree(patienceMs) {
  // A machine that is switched off does not refuse the connection: without a timeout the browser would wait for minutes.
  const signal = AbortSignal.timeout(patienceMs);
  const response = await fetch("/", { headers: { Accept: "application/json" }, cache: "no-store", signal });
  if (response.status === 401) {
    throw new Refused("This engine requires its token. Open the address that it printed when it started, with ?token=…");
  }
  if (response.status === 403) {
    throw new Refused("This engine does not accept the host name in the address bar. Use its IP address instead.");
  }
  if (!response.ok) throw new Error(`the engine answered ${response.status}`);
  return response.json();
}

/** `{params: Map(address -> Param), commands: Map(address -> arguments), signature}` of a tree. */
export function readSchema(tree) {
  const params = new Map();
  const commands = new Map();
  for (const leaf of leavesOf(tree)) {
    const more = leaf.MULTIVERSE;
    if (more.type === "command") commands.set(leaf.FULL_PATH, more.arguments);
    else if (!more.aliases && PARAM_TYPES.has(more.type)) params.set(leaf.FULL_PATH, readParam(leaf, more));
  }
  const shapes = [...params.values()].map(({ value, ...shape }) => shape);
  return { params, commands, signature: JSON.stringify([shapes, [...commands]]) };
}

/** The inputs by name of the shader in a slot, from the tree of its slot. */
export function readInputs(tree) {
  const leaves = [...leavesOf(tree)].filter((leaf) => leaf.MULTIVERSE.aliases);
  return leaves.map((leaf) => {
    const more = leaf.MULTIVERSE;
    const point = { default: leaf.DEFAULT_VALUE, ranges: leaf.RANGE, scale: "linear", menu: [], stops: [], step: 1, unit: "", ...more };
    const param = readParam(leaf, more.type === "point" ? point : more);
    const movedAs = more.aliases.length === 1 ? more.aliases[0] : null;
    return { ...param, name: more.label, movedAs, isStored: movedAs !== null, ranges: leaf.RANGE ?? [], description: `Also ${more.aliases.join(", ")}, from 0 to 1.` };
  });
}

function* leavesOf(node) {
  if (node.CONTENTS) for (const child of Object.values(node.CONTENTS)) yield* leavesOf(child);
  if (node.MULTIVERSE?.type) yield node;
}

function readParam(leaf, more) {
  const range = leaf.RANGE?.[0] ?? {};
  const parts = leaf.FULL_PATH.split("/").slice(1);
  // A number inside an address starts a group; a number at its end, as in /sam3/prompt/1, does not. So do a shader's slot
  // and the larger parts of SD.
  const numbered = parts[0] === "fx" || LARGE_PARTS.test(leaf.FULL_PATH) ? 2 : parts.slice(0, -1).findIndex((part) => /^\d+$/.test(part)) + 1;
  const name = parts.slice(numbered || Math.min(1, parts.length - 1)).join(" ").replaceAll("_", " ");
  const unit = more.unit === "characters" ? "" : more.unit;
  return Object.freeze({
    address: leaf.FULL_PATH,
    type: more.type,
    default: more.default,
    value: valueOf(more.type, leaf.VALUE, more),
    low: range.MIN ?? 0,
    high: range.MAX ?? 1,
    step: more.step,
    unit,
    description: leaf.DESCRIPTION ?? "",
    isExponential: more.scale === "exponential",
    wraps: more.out_of_range === "wrap",
    menu: more.menu,
    swatches: more.swatches,
    stops: more.stops,
    isLook: more.is_look,
    isStored: Boolean(more.stored),
    isConfirmed: Boolean(more.is_confirmed),
    keywords: more.words ?? "",
    area: more.area_title,
    group: parts.slice(0, numbered).join("/"),
    name: unit && name.endsWith(` ${unit.toLowerCase()}`) ? name.slice(0, -unit.length - 1) : name,
  });
}

/** Converts a leaf's VALUE, or the arguments of a message, to a number, boolean, string or array. */
export function valueOf(type, args, { menu = [], default: otherwise = 0 } = {}) {
  const [first] = args ?? [];
  switch (type) {
    case "trigger":
      return null;
    case "bool":
      return Boolean(first);
    case "menu":
      return typeof first === "number" ? (menu[first] ?? otherwise) : String(first ?? otherwise);
    case "text":
    case "file":
      return String(first ?? "");
    case "colour":
    case "point":
      return (args ?? otherwise).map(Number);
    default:
      return Number(first ?? otherwise);
  }
}
