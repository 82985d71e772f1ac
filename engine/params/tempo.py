"""The beat: set, tapped, or told by MIDI clock.

A beat is a straight line through time, `beat = beat0 + (t - t0) bpm / 60`; every change of tempo bends it at that very
moment, so that locked LFOs turn on without a jump. Only what says where a beat *is* moves it: a tap puts the nearest
whole beat under it, reset and a MIDI start begin at 0, continue goes on where stop was.

Taps. The tempo is the mean of up to eight intervals. An interval that no tempo of 20..300 has (a pause, a bounce of
the finger), or that is more than a third off the mean so far (another song), begins anew with this tap; the tempo
stays until the next.

MIDI clock. 24 ticks a beat come over a network and a bridge, milliseconds off, lost or in a bunch. Taking each interval
as the tempo makes 120 bpm swing by 30; a mean over a beat is steady and two beats behind in place. So the ticks are
fitted by a straight line: place and period are predicted, and the error of the prediction corrects both by

    alpha_k = 2 (2k + 1) / ((k + 1)(k + 2)),   beta_k = 6 / ((k + 1)(k + 2))

with k the ticks so far: the gains of the growing-memory filter, the least squares line through all of them (Brookner,
"Tracking and Kalman Filtering Made Easy", 1998, ch. 1). k stops at 48, two beats, so that a drifting tempo is followed.
A tick more than half a beat from where it was expected, or a second tick without one before it, begins a new line.

Stop leaves the beat running at its tempo: a picture that stands still looks broken. Ticks that come while stopped, as
many machines send them, still tell the tempo, but no longer the place.
"""

import threading
from collections import deque
from typing import Final

import osc_schema
from engine.params.store import ParamStore
from engine.system.clock import Clock

TICKS_A_BEAT: Final = 24
MEMORY_TICKS: Final = 48
TAP_INTERVALS: Final = 8
TAP_TOLERANCE: Final = 1 / 3
CLOCK_BPM: Final = (10.0, 600.0)  # beyond it is a burst of ticks that a bridge or a network held back, no tempo
CLOCK_GONE_S: Final = 0.5  # a tick at 20 bpm comes every 0.125 s
TOLD_INTERVAL_S: Final = 0.25  # what is written to /tempo/bpm while a clock leads
TOLD_STEP_BPM: Final = 0.05

_BPM = osc_schema.lookup("/tempo/bpm")
_SLOWEST_S, _FASTEST_S = 60.0 / _BPM.low, 60.0 / _BPM.high  # of a beat


class Taps:
    """The tempo that the latest taps make. Pure: time comes in."""

    def __init__(self) -> None:
        self._taps: deque[float] = deque(maxlen=TAP_INTERVALS + 1)

    def tap(self, now_s: float) -> float | None:
        """Beats a minute from the second tap on; None for the first of a row."""
        taps = self._taps
        if taps:
            interval = now_s - taps[-1]
            mean = (taps[-1] - taps[0]) / (len(taps) - 1) if len(taps) > 1 else interval
            is_beat = _FASTEST_S * 0.99 <= interval <= _SLOWEST_S * 1.01  # a rounding off the limits is none
            if not is_beat or abs(interval - mean) > TAP_TOLERANCE * mean:
                taps.clear()
        taps.append(now_s)
        return 60.0 * (len(taps) - 1) / (taps[-1] - taps[0]) if len(taps) > 1 else None


class TickLine:
    """The straight line through the latest ticks of a MIDI clock. Pure: time comes in."""

    def __init__(self) -> None:
        self.ticks = 0
        """On this line."""
        self.at_s = 0.0
        """When the newest tick should have come."""
        self.period_s = 0.0
        """From tick to tick; 0 before the second."""

    def tick(self, now_s: float) -> None:
        """Take the next tick in; `ticks` is 1 again where a new line begins."""
        error_s = now_s - self.at_s - self.period_s
        if not self.ticks or abs(error_s) > (self.period_s * TICKS_A_BEAT / 2 or CLOCK_GONE_S):
            self.ticks, self.at_s, self.period_s = 1, now_s, 0.0
            return
        k = min(self.ticks, MEMORY_TICKS)
        self.at_s += self.period_s + error_s * 2 * (2 * k + 1) / ((k + 1) * (k + 2))
        self.period_s += error_s * 6 / ((k + 1) * (k + 2))
        self.ticks += 1

    @property
    def bpm(self) -> float | None:
        """None until half a beat of ticks tells it to some 2 %, where they are 5 ms off; and of a burst."""
        if self.ticks <= TICKS_A_BEAT / 2 or self.period_s <= 0:
            return None
        bpm = 60.0 / (TICKS_A_BEAT * self.period_s)
        return bpm if CLOCK_BPM[0] <= bpm <= CLOCK_BPM[1] else None


class Tempo:
    """Any thread; `step` on the frame loop's. Times are those of the frames' clock."""

    def __init__(self, store: ParamStore, clock: Clock) -> None:
        self._store = store
        self._lock = threading.Lock()  # a tap comes under the store's own: nothing in here may set a value
        self._line = (clock.now_s(), 0.0, float(_BPM.default))
        """A moment, the beat there, and beats a minute from there on. Replaced as a whole, so read without the lock."""
        self._taps = Taps()
        self._ticks = TickLine()
        self._tick_beat = 0.0
        """Beat of the newest tick."""
        self._tick_s = float("-inf")
        self._is_stopped = False
        self._stopped_at = 0.0
        self._goes_on_at: float | None = None
        """Beat of the next tick, after start or continue."""
        self._told = float(_BPM.default)
        self._tell_s = float("-inf")
        store.on_trigger("/tempo/tap", lambda: self.tap(clock.now_s()))
        store.on_trigger("/tempo/reset", lambda: self.reset(clock.now_s()))

    @property
    def bpm(self) -> float:
        return self._line[2]

    def beat_at(self, now_s: float) -> float:
        """Beats since the last reset; grows, but for a tap that finds the beat ahead of it. Whole numbers are beats."""
        at_s, beat, bpm = self._line
        return beat + (now_s - at_s) * bpm / 60.0

    def tap(self, now_s: float) -> None:
        """A beat is at `now_s`. Ignored while a MIDI clock leads."""
        with self._lock:
            if not self._is_led(now_s):
                bpm = self._taps.tap(now_s) or self.bpm
                self._line = (now_s, float(round(self.beat_at(now_s))), bpm)

    def reset(self, now_s: float) -> None:
        """Beat 0 is at `now_s`."""
        with self._lock:
            self._tick_beat -= self.beat_at(now_s)
            self._line = (now_s, 0.0, self.bpm)

    # -- MIDI clock ----------------------------------------------------------------------------

    def midi_clock(self, now_s: float) -> None:
        """0xF8, 24 a beat."""
        if not self._store.get("/tempo/midi"):
            return
        with self._lock:
            self._ticks.tick(now_s)
            self._tick_s = now_s
            self._tick_beat = self.beat_at(now_s) if self._ticks.ticks == 1 else self._tick_beat + 1 / TICKS_A_BEAT
            if self._goes_on_at is not None:
                self._tick_beat, self._goes_on_at = self._goes_on_at, None
            bpm = self._ticks.bpm or self.bpm
            if self._is_stopped:
                self._line = (now_s, self.beat_at(now_s), bpm)
            else:
                self._line = (self._ticks.at_s, self._tick_beat, bpm)

    def midi_start(self, now_s: float) -> None:
        """0xFA: the next tick is beat 0."""
        with self._lock:
            self._goes_on_at, self._is_stopped = 0.0, False

    def midi_continue(self, now_s: float) -> None:
        """0xFB: the next tick is the one that stop held back."""
        with self._lock:
            if self._is_stopped:
                self._goes_on_at, self._is_stopped = self._stopped_at, False

    def midi_stop(self, now_s: float) -> None:
        """0xFC: the beat goes on at its tempo; ticks no longer say where it is."""
        with self._lock:
            if not self._is_stopped:
                self._stopped_at, self._is_stopped = self._tick_beat + 1 / TICKS_A_BEAT, True

    # -- the frame loop's thread ---------------------------------------------------------------

    def step(self, now_s: float) -> None:
        """Take over `/tempo/bpm` where somebody has set it; else write there what was tapped or told."""
        held = float(self._store.get("/tempo/bpm"))
        if held != self._told:
            self._told = held
            with self._lock:
                self._line = (now_s, self.beat_at(now_s), held)
            return
        bpm = min(_BPM.high, max(_BPM.low, round(self.bpm, 2)))
        if abs(bpm - held) >= TOLD_STEP_BPM and now_s >= self._tell_s:
            self._tell_s = now_s + TOLD_INTERVAL_S
            self._told = bpm
            self._store.set("/tempo/bpm", bpm, by="tempo")

    def _is_led(self, now_s: float) -> bool:
        """Whether a MIDI clock tells the tempo now."""
        return now_s - self._tick_s < CLOCK_GONE_S and bool(self._store.get("/tempo/midi"))
