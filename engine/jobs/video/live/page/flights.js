// How many pictures may be on their way at once: enough that the server never waits for this page, few enough that
// nothing piles up on the way. No DOM, no clock.
//
// Two are right on a short way: one is painted, one waits. On a long way the server paints faster than answers come
// back, and a picture finds it idle: then one more may be under way. Where the server drops pictures for newer ones,
// there are too many. A picture whose answer came tells of all before it: they were painted or dropped, too.

const LEAST = 2;
const MOST = 8;
const LOOKED_AT = 6; // answers between two changes
const IDLE = 0.1; // of the painting's time: who waited less found the server idle
const IDLE_MS = 2;
const GONE_MS = 5000; // or four times what an answer takes: no answer will come

export class Flights {
  #sent = new Map(); // index -> when
  #answers = 0;
  #idle = 0;
  #passed = 0;
  #wasFull = false;
  #usual = 0;

  size = LEAST;

  get count() {
    return this.#sent.size;
  }

  /** Whether another picture may be sent. */
  hasRoom(now) {
    for (const [index, sent] of this.#sent) if (now - sent > Math.max(GONE_MS, 4 * this.#usual)) this.#sent.delete(index);
    const isFull = this.#sent.size >= this.size;
    this.#wasFull ||= isFull;
    return !isFull;
  }

  sent(index, now) {
    this.#sent.set(index, now);
  }

  /** Its picture came back after `waited` and `painted` ms at the server; how long all of it took, null if unknown. */
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

  /** It will not come back. */
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
