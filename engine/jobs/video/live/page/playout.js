// Pictures come back unevenly and are played evenly. No DOM, no clock: every time is an argument, in ms of one clock.
//
// The problem. A picture leaves the camera, waits for its turn at the server, is painted and comes back: now 80 ms
// later, now 140. The server takes other clients in between, a prompt changes, the network stalls. The naive way,
// to show each picture as it comes, shows every one of these hitches. The next naive way, to delay every picture by a
// fixed time, needs that time to be known: too short and it hitches, too long and the picture lags for nothing; and
// when the server gets three times as slow no fixed time is right. To stretch the time at once with each late picture
// makes the very unevenness that was to go.
//
// The way here. Pictures are shown in slots, one after the other, a period apart.
//
// 1. The period follows the pace of the pictures that arrive, by small steps: at most 2 % a slot, and 5 % while it is
//    more than 15 % off. The pace is the mean distance of the last 24, not of their arrivals, which latency shifts, but
//    of their captures: in the long run both are the same. Only a long mean can tell pace from the beat of camera and
//    server, and only a short one notices a change soon: where the last 8 say 1.5 times more or less than all, all but
//    the last 4 are forgotten. A single long wait, a stall, does not count.
//
// 2. The delay looks ahead. For each of the last 64 pictures is kept by how much it came before its slot, its slack. The
//    least of them should be a fifth of a period and 15 % of what lies between the least and the most. While it is
//    less, the slots are up to 4 % further apart than the period, and the delay grows before a picture is missed; while
//    it is more, 4 % closer, and the delay shrinks, slowly, since all 64 have to agree. One picture that was later than
//    all others by four periods is an accident and buys no delay. What moves the slots moves all the slacks kept: they
//    always say how those pictures would fare now. So the correction ends when the delay is right, and not when the
//    pictures of before are forgotten, which would overshoot.
//
// 3. A slot whose picture is not there is held: the picture of before stays for one more period, and the delay has
//    grown by a period at once. The grid of slots goes on: after the hitch everything is as even as before.
//
// 4. What is too old is passed over, the newest first: where a period and a half of slack is to spare, one picture a
//    slot; while the server gets faster and the period still follows, all but the last two. So the delay comes back
//    without a burst, and never grows without end.
//
// 5. When nothing comes for a while the playing stops, and begins anew with what comes next: a pause is no pace.
//
// The idea of a delay from the recent spread of lateness is that of adaptive playout buffers for speech (Ramjee et al.
// 1994, Moon et al. 1998), that of playing a little faster or slower from Liang et al. 2003; here both work on one
// grid of slots. Left out: clocks that drift against each other, since capture and showing share one.

const LONG = 24; // distances of which the pace is the mean
const SHORT = 8; // of these the last: a change shows here first
const KEPT = 4;
const CHANGED = 1.5;
const STALL = 5; // times as long as the median
const FIRST = 4; // pictures that are shown as they come, until the pace is known
const SLACKS = 64;
const MIN_SLACKS = 8;
const MARGIN = 0.2; // periods of slack that are wanted
const SPREAD = 0.15; // and of what lies between the least and the largest: who varies much will vary more
const FORGIVEN = 4; // periods: one picture that was later than all others by so much is an accident
const SPARE = 1.5; // periods of slack more than that are too many
const MAX_CORRECTION = 0.04;
const CORRECTED_WITHIN = 16; // slots
const STEP = 0.02;
const FAR_STEP = 0.05;
const FAR = 1.15;
const MAX_WAITING = 24;
const PAUSE_MS = 1500;
const PAUSE_PERIODS = 6;

/** How far apart the pictures that arrive are, in the long run. */
export class Pace {
  #captures = [];

  /** ms; null while fewer than four have come. */
  get period() {
    return this.#captures.length < FIRST ? null : this.#usual(this.#captures);
  }

  add(captured) {
    this.#captures.push(captured);
    if (this.#captures.length > LONG + 1) this.#captures.shift();
    if (this.#captures.length <= SHORT + 1) return;
    const ratio = this.#usual(this.#captures.slice(-1 - SHORT)) / this.period;
    if (ratio > CHANGED || ratio < 1 / CHANGED) this.#captures = this.#captures.slice(-1 - KEPT);
  }

  forget() {
    this.#captures = [];
  }

  /** The mean distance, one stall left out. */
  #usual(captures) {
    const distances = captures.slice(1).map((captured, at) => captured - captures[at]);
    distances.sort((a, b) => a - b);
    if (distances.at(-1) > STALL * distances[distances.length >> 1]) distances.pop();
    return Math.max(1, distances.reduce((sum, distance) => sum + distance, 0) / distances.length);
  }
}

export class Playout {
  #pace = new Pace();
  #waiting = []; // {frame, arrived}, by index
  #slacks = [];
  #next = null; // when the next slot is; null while nothing plays
  #period = null;
  #correction = 0;
  #lastIndex = -1;
  #newest = -Infinity; // capture of what has come
  #arrived = null; // when the last came
  #played = 0; // pictures since the playing began
  #drop;

  shown = 0;
  /** Slots without a picture of their own. */
  held = 0;
  /** Pictures that came and were never shown: too old, or out of order. */
  passed = 0;
  /** From capture to showing, ms: of the last picture. */
  delay = 0;

  /** `drop(frame)` is called for each frame that will not be shown. */
  constructor(drop = () => {}) {
    this.#drop = drop;
  }

  /** ms between two pictures now; null until the pace is known. */
  get period() {
    return this.#period;
  }

  /** Pictures that wait. */
  get depth() {
    return this.#waiting.length;
  }

  get isPlaying() {
    return this.#next !== null;
  }

  /** A picture has come: `frame` has at least `index`, which grows, and `captured`, a time. */
  push(frame, now) {
    if (frame.index <= this.#lastIndex) {
      this.#pass(frame);
      return;
    }
    if (frame.captured > this.#newest) this.#pace.add(frame.captured); // else it was overtaken
    this.#newest = Math.max(this.#newest, frame.captured);
    this.#arrived = now;
    let at = this.#waiting.length;
    while (at > 0 && this.#waiting[at - 1].frame.index > frame.index) at -= 1;
    this.#waiting.splice(at, 0, { frame, arrived: now });
    if (this.#next === null) this.#begin(now);
    this.#keepNewest(MAX_WAITING);
  }

  /** What is to be shown from now on, and the time of its slot: `{frame, slot, period}`; null: nothing new. */
  due(now) {
    if (this.#next === null) return this.#period === null ? this.#asItComes(now) : null;
    let found = null;
    while (this.#next !== null && this.#next <= now) {
      const slot = this.#next;
      const entry = this.#play(slot);
      if (!entry) continue;
      if (found) this.#pass(found.frame);
      found = { frame: entry.frame, slot, period: this.#period };
    }
    if (found) this.#show(found.frame, found.slot);
    return found;
  }

  /** As if nothing had ever come. */
  reset() {
    this.#keepNewest(0);
    this.#pace.forget();
    this.#slacks = [];
    this.#next = this.#period = null;
    this.#lastIndex = -1;
    this.#newest = -Infinity;
  }

  // -- beginning and ending -----------------------------------------------------------------

  /** The first picture after nothing: with a pace from before it has half a period to wait. */
  #begin(now) {
    if (this.#period === null) {
      this.#period = this.#pace.period;
      if (this.#period === null) return;
    }
    this.#next = now + this.#period / 2;
    this.#slacks = [];
    this.#correction = 0;
    this.#played = 0;
  }

  #asItComes(now) {
    this.#keepNewest(1);
    const entry = this.#waiting.shift();
    if (!entry) return null;
    this.#show(entry.frame, now);
    return { frame: entry.frame, slot: now, period: null };
  }

  /** Nothing has come for so long that it is no pace any more. One that had hardly begun never was. */
  #pause() {
    if (this.#played < MIN_SLACKS) this.#period = null;
    this.#next = null;
    this.#pace.forget();
  }

  // -- a slot -------------------------------------------------------------------------------

  #play(slot) {
    const pace = this.#pace.period ?? this.#period;
    const ratio = pace / this.#period;
    const isFar = ratio > FAR || ratio < 1 / FAR;
    if (isFar) {
      this.#slacks = []; // of another pace
      if (ratio < 1) this.#keepNewest(2);
    } else this.#passSpare(pace);
    const entry = this.#waiting.shift();
    this.#period *= 1 + (isFar ? clip(ratio - 1, FAR_STEP) : clip((ratio - 1) / 5, STEP));
    this.#correction += (this.#wanted(pace, isFar) - this.#correction) / 4;
    const interval = this.#period * (1 + this.#correction);
    this.#next = slot + interval;
    if (entry) {
      this.#played += 1;
      this.#slacks.push(slot - entry.arrived);
      if (this.#slacks.length > SLACKS) this.#slacks.shift();
      this.#move(interval - pace);
    } else {
      this.held += 1;
      this.#move(interval);
      if (slot - this.#arrived > Math.max(PAUSE_MS, PAUSE_PERIODS * this.#period)) this.#pause();
    }
    return entry;
  }

  /** How much is missing of the slack that is wanted, as the slots lie now; null while that cannot be told. */
  #missing(pace) {
    if (this.#slacks.length < MIN_SLACKS) return null;
    const sorted = [...this.#slacks].sort((a, b) => a - b);
    const least = sorted[1] - sorted[0] > FORGIVEN * pace ? sorted[1] : sorted[0];
    return MARGIN * pace + SPREAD * (sorted.at(-1) - least) - least;
  }

  #wanted(pace, isFar) {
    const missing = isFar ? null : this.#missing(pace);
    return clip((missing ?? 0) / (CORRECTED_WITHIN * pace), MAX_CORRECTION);
  }

  #passSpare(pace) {
    const missing = this.#missing(pace);
    if (missing === null || this.#waiting.length < 2 || missing > -SPARE * pace) return;
    this.#pass(this.#waiting.shift().frame);
    this.#move(-pace);
  }

  /** The slots lie later by so much than they did, for whatever comes. */
  #move(ms) {
    for (let at = 0; at < this.#slacks.length; at += 1) this.#slacks[at] += ms;
  }

  #show(frame, slot) {
    this.shown += 1;
    this.delay = slot - frame.captured;
    this.#lastIndex = frame.index;
  }

  #keepNewest(count) {
    while (this.#waiting.length > count) this.#pass(this.#waiting.shift().frame);
  }

  #pass(frame) {
    this.passed += 1;
    this.#drop(frame);
  }
}

function clip(value, most) {
  return Math.min(most, Math.max(-most, value));
}
