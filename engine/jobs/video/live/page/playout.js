// Adaptive playout (a jitter buffer): pictures arrive unevenly and are shown evenly. No DOM, no clock: the caller passes
// times, in ms on one clock.
//
// The problem. A picture leaves the camera, waits in the server's queue, is painted and comes back, sometimes after 80
// ms, sometimes after 140. The server serves other clients, a prompt changes, the network stalls. Showing each picture
// as it comes makes every one of these hitches visible. A fixed delay is either too short and hitches, or too long and
// lags without need; and when the server gets three times slower, no fixed delay fits. Stretching the delay with each
// late picture causes the unevenness it should remove.
//
// The solution. Pictures are shown in slots, one period apart.
//
// 1. The period follows the rate of arriving pictures in small steps: at most 2 % per slot, 5 % while it is more than
//    15 % off. The rate is measured over the last 24 pictures, by their capture times, because latency shifts arrival
//    times. A long mean is needed to average out the beat between camera and server, a short one to notice a change
//    soon: if the mean of the last 8 differs by a factor of 1.5 from that of all, all but the last 4 are dropped. A
//    single long pause, a stall, does not count.
//
// 2. The delay adapts in advance. The slack of a picture is how long before its slot it came; the last 64 are kept. The
//    smallest should be a fifth of a period plus 15 % of the range of the slacks. If it is less, the slots are up to 4 %
//    further apart than the period, and the delay grows before a picture is missed; if it is more, 4 % closer, and the
//    delay shrinks, slowly, since all 64 have to agree. One picture later than all others by four periods is an outlier
//    and does not count. Moving the slots changes all kept slacks with them, so they always apply to the current slots.
//    So the correction ends when the delay is right, not when old pictures are dropped, which would overshoot.
//
// 3. If a slot's picture has not come, the previous one stays for another period, so the delay grows by a period at
//    once. The grid of slots continues: after the hitch everything is as even as before.
//
// 4. Pictures that are too old are skipped: with more than a period and a half of spare slack, one per slot; while the
//    server gets faster and the period still follows, all but the last two. So the delay shrinks without a burst, and
//    never grows without limit.
//
// 5. After a long pause playing stops, and restarts with the next picture.
//
// Deriving the delay from the recent spread of lateness comes from adaptive playout buffers for speech (Ramjee et al.
// 1994, Moon et al. 1998), playing slightly faster or slower from Liang et al. 2003; here both work on one grid of
// slots. Clock drift is left out, since capture and display share a clock.

const LONG = 24; // distances in the long mean
const SHORT = 8; // the last of these: notices a change first
const KEPT = 4;
const CHANGED = 1.5;
const STALL = 5; // times the median distance
const FIRST = 4; // pictures shown as they come, until the rate is known
const SLACKS = 64;
const MIN_SLACKS = 8;
const MARGIN = 0.2; // periods: target slack
const SPREAD = 0.15; // and this share of the range of the slacks
const FORGIVEN = 4; // periods: a single picture later than all others by this much is an outlier
const SPARE = 1.5; // periods: more spare slack than this is too much
const MAX_CORRECTION = 0.04;
const CORRECTED_WITHIN = 16; // slots
const STEP = 0.02;
const FAR_STEP = 0.05;
const FAR = 1.15;
const MAX_WAITING = 24;
const PAUSE_MS = 1500;
const PAUSE_PERIODS = 6;

/** The mean distance of arriving pictures. */
export class Pace {
  #captures = [];

  /** The distance in ms; null before four pictures have come. */
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

  /** The mean distance without the longest stall. */
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
  #next = null; // time of the next slot; null while not playing
  #period = null;
  #correction = 0;
  #lastIndex = -1;
  #newest = -Infinity; // newest capture time received
  #arrived = null; // arrival of the last picture
  #played = 0; // pictures since playing started
  #drop;

  shown = 0;
  /** Slots without a picture of their own. */
  held = 0;
  /** Pictures received but never shown: too old, or out of order. */
  passed = 0;
  /** Latency from capture to display of the last picture, ms. */
  delay = 0;

  /** `drop(frame)` is called for each frame that will not be shown. */
  constructor(drop = () => {}) {
    this.#drop = drop;
  }

  /** The current period in ms; null until the rate is known. */
  get period() {
    return this.#period;
  }

  /** Number of buffered pictures. */
  get depth() {
    return this.#waiting.length;
  }

  get isPlaying() {
    return this.#next !== null;
  }

  /** Adds a received picture: `frame` has at least `index`, which grows, and `captured`, a time. */
  push(frame, now) {
    if (frame.index <= this.#lastIndex) {
      this.#pass(frame);
      return;
    }
    if (frame.captured > this.#newest) this.#pace.add(frame.captured); // otherwise it came out of order
    this.#newest = Math.max(this.#newest, frame.captured);
    this.#arrived = now;
    let at = this.#waiting.length;
    while (at > 0 && this.#waiting[at - 1].frame.index > frame.index) at -= 1;
    this.#waiting.splice(at, 0, { frame, arrived: now });
    if (this.#next === null) this.#begin(now);
    this.#keepNewest(MAX_WAITING);
  }

  /** The picture to show from now on and the time of its slot, `{frame, slot, period}`; null if there is no new one. */
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

  /** Resets everything. */
  reset() {
    this.#keepNewest(0);
    this.#pace.forget();
    this.#slacks = [];
    this.#next = this.#period = null;
    this.#lastIndex = -1;
    this.#newest = -Infinity;
  }

  // -- start and end ------------------------------------------------------------------------

  /** Starts with the first picture; if the rate is known already, it waits half a period. */
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

  /** Stops after a long pause. A rate from only a few pictures is dropped. */
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
      this.#slacks = []; // they belong to another rate
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

  /** The slack missing from the target with the current slots; null if unknown. */
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

  /** Moves all later slots by this much. */
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
