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
// 1. The period follows the pace of the pictures that arrive, by small steps: 2 % a slot, and 5 % while it is more than
//    15 % off. The pace is the mean distance of the last 24, not of their arrivals, which latency shifts, but of their
//    captures: in the long run both are the same. Only a long mean can tell pace from the beat of camera and server;
//    and only a short one notices a change soon, so where the last 8 say 1.5 times more or less than all, all but the
//    last 4 are forgotten. A single long wait, a stall, does not count.
//
// 2. The delay looks ahead. For each of the last 32 pictures is kept by how much it came before its slot, its slack.
//    The second smallest (the 95th percentile of lateness, one outlier forgiven) should be a fifth of a period. While
//    it is less, the period is up to 4 % longer than the pace, and the delay grows before a picture is missed; while
//    it is more, 4 % shorter, and the delay shrinks, slowly, since all 32 have to agree. What moves the slots moves
//    all the slacks kept: they always say how those pictures would fare now. So the correction ends when the delay is
//    right, and not when the pictures of before are forgotten, which would overshoot.
//
// 3. A slot whose picture is not there is held: the picture of before stays for one more period, and the delay has
//    grown by a period at once. The grid of slots goes on: after the hitch everything is as even as before.
//
// 4. What is too old is passed over, the newest first: where a whole period and a half of slack is to spare, one
//    picture a slot; while the server gets faster and the period still follows, all but the last two. So the delay
//    comes back without a burst, and never grows without end.
//
// 5. When nothing comes for a while the playing stops, and begins anew with what comes next: a pause is no pace.
//
// The idea of a delay from the percentiles of lateness is that of adaptive playout buffers for speech (Ramjee et al.
// 1994, Moon et al. 1998), that of playing a little faster or slower from Liang et al. 2003; here both work on one
// grid of slots. Left out: clocks that drift against each other, since capture and showing share one.

const LONG = 24; // distances of which the pace is the mean
const SHORT = 8; // of these the last: a change shows here first
const KEPT = 4;
const CHANGED = 1.5;
const STALL = 5; // times as long as usual, once
const FIRST = 4; // pictures that are shown as they come, until the pace is known
const SLACKS = 64;
const LEAST_SLACKS = 8;
const MARGIN = 0.2; // periods of slack that are wanted
const SPREAD = 0.15; // and of what lies between the least and the largest: who varies much will vary more
const FORGIVEN = 4; // periods: one picture that was later than all others by so much is an accident
const SPARE = 1.5; // periods of slack more than that are too many
const MOST_CORRECTION = 0.04;
const CORRECTED_WITHIN = 16; // slots
const STEP = 0.02;
const FAR_STEP = 0.05;
const FAR = 1.15;
const SILENT = 3; // periods without anything: it is getting slower
const MOST_WAITING = 24;
const PAUSE_MS = 1500;
const PAUSE_PERIODS = 6;
const ASLEEP_MS = 1000; // nobody asked for so long: the page was hidden

/** How far apart the pictures that arrive are, in the long run. */
export class Pace {
  #captures = [];

  /** The mean, ms; null while fewer than four have come. */
  get period() {
    return this.#captures.length < FIRST ? null : this.#mean(this.#captures.length - 1);
  }

  add(captured) {
    this.#captures.push(captured);
    if (this.#captures.length > LONG + 1) this.#captures.shift();
    this.#closeStall();
    if (this.#captures.length <= SHORT + 1) return;
    const ratio = this.#mean(SHORT) / this.period;
    if (ratio > CHANGED || ratio < 1 / CHANGED) this.#captures = this.#captures.slice(-1 - KEPT);
  }

  forget() {
    this.#captures = [];
  }

  /** One long wait, and then as before: what came before it is moved up to it. */
  #closeStall() {
    const all = this.#captures;
    if (all.length < FIRST + 2) return;
    const [before, after, now] = all.slice(-3);
    const usual = (before - all[0]) / (all.length - 3);
    const stalled = after - before;
    if (stalled < STALL * usual || now - after > CHANGED * usual) return;
    this.#captures = all.map((captured) => (captured <= before ? captured + stalled - usual : captured));
  }

  #mean(count) {
    return Math.max(1, (this.#captures.at(-1) - this.#captures.at(-1 - count)) / count);
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
  #played = 0; // slots since the playing began
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
    this.#keepNewest(MOST_WAITING);
  }

  /** What is to be shown from now on, and the time of its slot: `{frame, slot, period}`; null: nothing new. */
  due(now) {
    if (this.#next === null) return this.#period === null ? this.#asItComes(now) : null;
    if (now - this.#next > ASLEEP_MS) this.#wake(now);
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
    if (this.#played < LEAST_SLACKS) this.#period = null;
    this.#next = null;
    this.#pace.forget();
  }

  #wake(now) {
    this.#keepNewest(1);
    this.#slacks = [];
    this.#next = now;
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
    const silent = slot - this.#arrived;
    const isSlowing = !entry && silent > SILENT * pace; // the pace knows only of what has come
    const step = isFar || isSlowing ? FAR_STEP : STEP;
    this.#period *= 1 + clip(isFar ? ratio - 1 : isSlowing ? 1 : (ratio - 1) / 5, step);
    this.#correction += (this.#wanted(pace, isFar) - this.#correction) / 4;
    const interval = this.#period * (1 + this.#correction);
    this.#next = slot + interval;
    this.#played += 1;
    if (entry) {
      this.#slacks.push(slot - entry.arrived);
      if (this.#slacks.length > SLACKS) this.#slacks.shift();
      this.#move(interval - pace);
    } else {
      this.held += 1;
      this.#move(interval);
      if (silent > Math.max(PAUSE_MS, PAUSE_PERIODS * this.#period)) this.#pause();
    }
    return entry;
  }

  /** By how much less than wanted the slack is that all but one had at least, as the slots lie now; null while it
   *  cannot be told. */
  #missing(pace) {
    if (this.#slacks.length < LEAST_SLACKS) return null;
    const sorted = [...this.#slacks].sort((a, b) => a - b);
    const least = sorted[1] - sorted[0] > FORGIVEN * pace ? sorted[1] : sorted[0];
    return MARGIN * pace + SPREAD * (sorted.at(-1) - least) - least;
  }

  #wanted(pace, isFar) {
    const missing = isFar ? null : this.#missing(pace);
    return clip((missing ?? 0) / (CORRECTED_WITHIN * pace), MOST_CORRECTION);
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
