// OSC 1.0 packets <-> values, as engine/osc does it in Python.
//
// Types: i and f (number), d (number), h (BigInt), s (string), b (Uint8Array), T F (boolean), N (null),
// I (the symbol BANG), m (Uint8Array of port, status, data 1, data 2).

export const BANG = Symbol("impulse");

const AT_ONCE = 1n; // the time tag of an immediate bundle
const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

const NUMBERS = {
  i: [4, (view, at, value) => view.setInt32(at, Number(value)), (view, at) => view.getInt32(at)],
  f: [4, (view, at, value) => view.setFloat32(at, value), (view, at) => view.getFloat32(at)],
  d: [8, (view, at, value) => view.setFloat64(at, value), (view, at) => view.getFloat64(at)],
  h: [8, (view, at, value) => view.setBigInt64(at, BigInt(value)), (view, at) => view.getBigInt64(at)],
};
const WITHOUT_DATA = { T: true, F: false, N: null, I: BANG };

/** Encodes one message: `encodeMessage("/layer/1/angle", "f", [45])`. */
export function encodeMessage(address, tags = "", values = []) {
  const parts = [encodeString(address), encodeString("," + tags)];
  [...tags].forEach((tag, index) => parts.push(encodeArgument(tag, values[index])));
  return joined(parts);
}

/** Encodes messages that take effect in the same frame. */
export function encodeBundle(packets) {
  const head = new Uint8Array(16);
  head.set(utf8.encode("#bundle"));
  new DataView(head.buffer).setBigUint64(8, AT_ONCE);
  return joined([head, ...packets.flatMap((packet) => [encodeNumber("i", packet.length), packet])]);
}

/** Decodes a packet into messages `{address, tags, args}`, in order. Throws RangeError if it is not OSC. */
export function decodePacket(buffer) {
  const bytes = buffer instanceof Uint8Array ? buffer : new Uint8Array(buffer);
  if (bytes.length === 0 || bytes.length % 4) throw new RangeError(`${bytes.length} bytes are not an OSC packet`);
  return bytes[0] === 0x23 ? decodeBundle(bytes) : [decodeMessage(bytes)];
}

function encodeArgument(tag, value) {
  if (tag in NUMBERS) return encodeNumber(tag, value);
  if (tag in WITHOUT_DATA) return new Uint8Array(0);
  if (tag === "s") return encodeString(value);
  if (tag === "m") return Uint8Array.from(value);
  if (tag === "b") return joined([encodeNumber("i", value.length), padded(value, value.length)]);
  throw new RangeError(`OSC type ${tag} cannot be encoded`);
}

function encodeNumber(tag, value) {
  const [size, write] = NUMBERS[tag];
  const bytes = new Uint8Array(size);
  write(new DataView(bytes.buffer), 0, value);
  return bytes;
}

/** UTF-8 and at least one zero; text after an embedded zero is dropped. */
function encodeString(text) {
  const bytes = utf8.encode(text.split("\0", 1)[0]);
  return padded(bytes, bytes.length + 1);
}

function padded(bytes, length) {
  const whole = new Uint8Array((length + 3) & ~3);
  whole.set(bytes);
  return whole;
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function decodeBundle(bytes) {
  if (bytes.length < 16) throw new RangeError("a bundle without its time tag");
  const view = viewOf(bytes);
  const messages = [];
  for (let at = 16; at < bytes.length; ) {
    const size = view.getInt32(at);
    at += 4;
    if (size < 4 || size > bytes.length - at) throw new RangeError(`a bundle element of ${size} bytes`);
    messages.push(...decodePacket(bytes.subarray(at, at + size)));
    at += size;
  }
  return messages;
}

function decodeMessage(bytes) {
  const view = viewOf(bytes);
  const [address, afterAddress] = decodeString(bytes, 0);
  if (!address.startsWith("/")) throw new RangeError("an OSC address begins with /");
  if (afterAddress === bytes.length) return { address, tags: "", args: [] };
  const [comma, afterTags] = decodeString(bytes, afterAddress);
  if (!comma.startsWith(",")) throw new RangeError(`${address}: no type tags`);
  const tags = comma.slice(1);
  let at = afterTags;
  const args = [...tags].map((tag) => {
    if (tag in WITHOUT_DATA) return WITHOUT_DATA[tag];
    let value;
    if (tag in NUMBERS) {
      const [size, , read] = NUMBERS[tag];
      [value, at] = [read(view, at), at + size];
    } else if (tag === "s") [value, at] = decodeString(bytes, at);
    else if (tag === "m") [value, at] = [bytes.slice(at, at + 4), at + 4];
    else if (tag === "b") [value, at] = decodeBlob(bytes, view, at);
    else throw new RangeError(`${address}: OSC type ${tag} cannot be decoded`);
    if (at > bytes.length) throw new RangeError(`${address}: ends inside its arguments`);
    return value;
  });
  return { address, tags, args };
}

function decodeString(bytes, at) {
  const end = bytes.indexOf(0, at);
  if (end < 0) throw new RangeError("a string without a terminating zero");
  return [fromUtf8.decode(bytes.subarray(at, end)), (end + 4) & ~3];
}

function decodeBlob(bytes, view, at) {
  const size = view.getInt32(at);
  if (size < 0 || at + 4 + size > bytes.length) throw new RangeError(`a blob of ${size} bytes`);
  return [bytes.slice(at + 4, at + 4 + size), at + 4 + ((size + 3) & ~3)];
}

function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
