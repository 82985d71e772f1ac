// The number of pictures in flight (a congestion window): enough to keep the server busy, few enough that no queue builds
// up. No DOM, no clock.
//
// With a short round trip two are right: one is painted, one waits. With a long one the server paints faster than
// answers come back and becomes idle between pictures: then one more is allowed. If the server drops pictures for newer
// ones, there are too many. An answer also settles all earlier pictures: they were painted or dropped.

const LEAST = 2;
const MOST = 8;
const LOOKED_AT = 6; // answers between two adjustments
const IDLE = 0.1; // share of the painting time; a shorter wait means that the server was idle
const IDLE_MS = 2;
const GONE_MS = 5000; // timeout of an answer; four times its usual time if that is longer

export class Flights {
  #sent = new Map(); // index -> time
  #answers = 0;
  #idle = 0;
  #passed = 0;
  #wasFull = false;
  #usual = 0;

  size = LEAST;

  get count() {
    return this.#sent.size;
  }

  /** True if another picture may be sent. */
  hasRoom(now) {
    for (const [index, sent] of this.#sent) if (now - sent > Math.max(GONE_MS, 4 * this.#usual)) this.#sent.delete(index);
    const isFull = this.#sent.size >= this.size;
    this.#wasFull ||= isFull;
    return !isFull;
  }

  sent(index, now) {
    this.#sent.set(index, now);
  }

  /** Takes an answer with `waited` and `painted` ms at the server; returns the round trip in ms, null if unknown. */
  answered(index, { waited, painted }, now) {
    const sent = this.#sent.get(index);
    for (const older of [...this.#sent.keys()]) {
      if (older > index) break;
      this.#sent.delete(older);
      this.#passed += older < index;
    }
    this.#answers += 1;
    this.#idle += waited < Math.max(IDLE_MS, IDLE * painted);
    if (this.#answers >= LOOKED_AT) this.#adapt();
    if (sent === undefined) return null;
    this.#usual = now - sent;
    return this.#usual;
  }

  /** Removes a picture that will not come back. */
  lost(index) {
    this.#sent.delete(index);
  }

  forget() {
    this.#sent.clear();
    this.size = LEAST;
  }

  #adapt() {
    if (this.#passed * 2 >= this.#answers) this.size = Math.max(LEAST, this.size - 1);
    else if (this.#wasFull && this.#idle === this.#answers) this.size = Math.min(MOST, this.size + 1);
    this.#answers = this.#idle = this.#passed = 0;
    this.#wasFull = false;
  }
}
