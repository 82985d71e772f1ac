// The binary message, as engine/jobs/video/live/protocol.py describes it: 32 bytes of header, then a JPEG.

export const PROTOCOL = 1;
export const PICTURE = 1;
export const REFERENCE = 2;

const HEADER_BYTES = 32;
const MAGIC = 0x564d; // "MV", little-endian

/** A Blob to send. `captured` is in ms of this page's clock. */
export function packed({ kind = PICTURE, index, captured, width, height }, jpeg) {
  const head = new DataView(new ArrayBuffer(HEADER_BYTES));
  head.setUint16(0, MAGIC, true);
  head.setUint8(2, PROTOCOL);
  head.setUint8(3, kind);
  head.setUint32(4, index, true);
  head.setFloat64(8, captured, true);
  head.setUint16(16, width, true);
  head.setUint16(18, height, true);
  return new Blob([head, jpeg]);
}

/** Parses a message: index, captured, width, height, waited and painted (ms), settings (a number) and jpeg. Null if it
 *  is not of this protocol. */
export function unpacked(buffer) {
  if (buffer.byteLength < HEADER_BYTES) return null;
  const head = new DataView(buffer);
  if (head.getUint16(0, true) !== MAGIC || head.getUint8(2) !== PROTOCOL) return null;
  return {
    index: head.getUint32(4, true),
    captured: head.getFloat64(8, true),
    width: head.getUint16(16, true),
    height: head.getUint16(18, true),
    waited: head.getFloat32(20, true),
    painted: head.getFloat32(24, true),
    settings: head.getUint32(28, true),
    jpeg: new Uint8Array(buffer, HEADER_BYTES),
  };
}
