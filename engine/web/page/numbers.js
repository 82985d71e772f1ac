// Formats numbers, and converts between values and fader positions.

/** The position, 0..1, of a value of the parameter. */
export function positionOf(param, value) {
  const { low, high } = param;
  const position = param.isExponential ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return Math.min(1, Math.max(0, position));
}

/** The value at a position; outside 0..1 it wraps if the parameter does, otherwise it is clamped. */
export function valueAt(param, position) {
  const { low, high } = param;
  const inside = param.wraps ? position - Math.floor(position) : Math.min(1, Math.max(0, position));
  // Position 1 does not wrap to the lower end: a fader pushed to its end stays there.
  const at = param.wraps && position === 1 ? 1 : inside;
  const value = param.isExponential ? low * (high / low) ** at : low + (high - low) * at;
  return param.type === "int" ? wholeStep(param, value) : value;
}

function wholeStep(param, value) {
  const stepped = Math.round(value / param.step) * param.step;
  return Math.min(param.high, Math.max(param.low, stepped));
}

/** A value as text, with as many digits as a fader can resolve. */
export function textOf(param, value) {
  if (param.type === "int") return String(value);
  if (param.isExponential) return String(Number(value.toPrecision(3)));
  const span = param.high - param.low;
  const digits = Math.min(4, Math.max(span < 1000 ? 1 : 0, Math.round(3 - Math.log10(span))));
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text; // no -0.00
}

/** Parses a number or the name of a stop; null if invalid. */
export function valueIn(param, text) {
  const entry = text.trim().toLowerCase().replace(",", ".");
  const stop = param.stops.findIndex((name) => name.toLowerCase() === entry);
  if (stop >= 0) return stop;
  const value = Number(entry);
  if (entry === "" || !Number.isFinite(value)) return null;
  if (param.wraps) return value; // the engine wraps it, as for every client
  const inside = Math.min(param.high, Math.max(param.low, value));
  return param.type === "int" ? wholeStep(param, inside) : inside;
}

/** The text for a screen reader: with the unit, or with the names of the nearest stops. */
export function spokenOf(param, value) {
  if (param.stops.length) {
    const below = Math.min(Math.floor(value), param.stops.length - 1);
    const fraction = value - below;
    const next = param.stops[below + 1];
    if (fraction < 0.005 || !next) return param.stops[below];
    return `${Math.round(fraction * 100)} % from ${param.stops[below]} to ${next}`;
  }
  return `${textOf(param, value)} ${param.unit}`.trim();
}
