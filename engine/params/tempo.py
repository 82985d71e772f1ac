"""Tempo and beat: set, tapped, or from MIDI clock.

The beat is a linear function of time, `beat = beat0 + (t - t0) bpm / 60`. A change of tempo changes the slope at that
moment, so that synced LFOs continue without a jump. Only events that give the position of a beat shift it: a tap moves
to the nearest whole beat, reset and MIDI start go to 0, MIDI continue goes on where stop was.

Taps. The tempo is the mean of up to eight intervals. An interval outside the tempo range 20..300 (a pause, a bounce of
the finger), or more than a third off the mean so far (another song), starts over with this tap; the tempo stays until
the next tap.

MIDI clock. The 24 ticks per beat arrive through a network and a bridge: milliseconds early or late, in bursts, or not
at all. Using each interval as the tempo makes 120 bpm vary by 30; a mean over a beat is stable, but its position is two
beats late. So a straight line is fitted to the ticks: position and period are predicted, and the error of the
prediction corrects both with

    alpha_k = 2 (2k + 1) / ((k + 1)(k + 2)),   beta_k = 6 / ((k + 1)(k + 2))

with k the ticks so far. These are the gains of the growing-memory filter, the least squares line through all ticks
(Brookner, "Tracking and Kalman Filtering Made Easy", 1998, ch. 1). k is limited to 48, two beats, to follow a drifting
tempo. A tick more than half a beat off its prediction, or more than half a second late before there is a period, starts
a new line.

After MIDI stop the beat continues at its tempo, because a picture without movement looks broken. Ticks that arrive
while stopped, which many machines send, still set the tempo, but not the position.
"""

import threading
from collections import deque
from typing import Final

import osc_schema
from engine.params.store import ParamStore
from engine.system.clock import Clock

TICKS_PER_BEAT: Final = 24
MEMORY_TICKS: Final = 48
TAP_INTERVALS: Final = 8
TAP_TOLERANCE: Final = 1 / 3
CLOCK_BPM: Final = (10.0, 600.0)  # outside: a burst of delayed ticks, not a tempo
CLOCK_GONE_S: Final = 0.5  # a tick at 20 bpm comes every 0.125 s
WRITE_INTERVAL_S: Final = 0.25  # between two updates of /tempo/bpm
WRITE_STEP_BPM: Final = 0.05

_BPM = osc_schema.lookup("/tempo/bpm")
assert _BPM is not None and isinstance(_BPM.default, float)
_DEFAULT_BPM, _MIN_BPM, _MAX_BPM = _BPM.default, _BPM.low, _BPM.high
_MAX_BEAT_S, _MIN_BEAT_S = 60.0 / _MIN_BPM, 60.0 / _MAX_BPM


class Taps:
    """Tempo from the latest taps. Pure: time is an argument."""

    def __init__(self) -> None:
        self._taps: deque[float] = deque(maxlen=TAP_INTERVALS + 1)

    def tap(self, now_s: float) -> float | None:
        """Add a tap. Beats per minute from the second tap on; None for the first of a series."""
        taps = self._taps
        if taps:
            interval = now_s - taps[-1]
            mean = (taps[-1] - taps[0]) / (len(taps) - 1) if len(taps) > 1 else interval
            is_beat = _MIN_BEAT_S * 0.99 <= interval <= _MAX_BEAT_S * 1.01  # tolerates rounding at the limits
            if not is_beat or abs(interval - mean) > TAP_TOLERANCE * mean:
                taps.clear()
        taps.append(now_s)
        return 60.0 * (len(taps) - 1) / (taps[-1] - taps[0]) if len(taps) > 1 else None


class TickLine:
    """A straight line fitted to the latest ticks of a MIDI clock. Pure: time is an argument."""

    def __init__(self) -> None:
        self.ticks = 0
        """Number of ticks on this line."""
        self.at_s = 0.0
        """Filtered time of the latest tick."""
        self.period_s = 0.0
        """Time between two ticks; 0 before the second."""

    def tick(self, now_s: float) -> None:
        """Add a tick; `ticks` is 1 again if a new line starts."""
        error_s = now_s - self.at_s - self.period_s
        if not self.ticks or abs(error_s) > (self.period_s * TICKS_PER_BEAT / 2 or CLOCK_GONE_S):
            self.ticks, self.at_s, self.period_s = 1, now_s, 0.0
            return
        k = min(self.ticks, MEMORY_TICKS)
        self.at_s += self.period_s + error_s * 2 * (2 * k + 1) / ((k + 1) * (k + 2))
        self.period_s += error_s * 6 / ((k + 1) * (k + 2))
        self.ticks += 1

    @property
    def bpm(self) -> float | None:
        """The tempo; None for the first half beat, after which it is within 2 % for ticks 5 ms off, and for a burst."""
        if self.ticks <= TICKS_PER_BEAT / 2 or self.period_s <= 0:
            return None
        bpm = 60.0 / (TICKS_PER_BEAT * self.period_s)
        return bpm if CLOCK_BPM[0] <= bpm <= CLOCK_BPM[1] else None


class Tempo:
    """The current tempo and beat. Thread-safe; call `step` on the frame loop's thread. Times are those of the clock."""

    def __init__(self, store: ParamStore, clock: Clock) -> None:
        self._store = store
        self._lock = threading.Lock()  # a tap comes under the store's lock: never set a value while holding this one
        self._line = (clock.now_s(), 0.0, _DEFAULT_BPM)
        """A time, the beat at that time, and the tempo since then. Replaced as a whole, so read without the lock."""
        self._taps = Taps()
        self._ticks = TickLine()
        self._tick_beat = 0.0
        """Beat of the latest tick."""
        self._tick_s = float("-inf")
        self._is_stopped = False
        self._stopped_at = 0.0
        self._next_tick_beat: float | None = None
        """Beat of the next tick after start or continue, else None."""
        self._written_bpm = _DEFAULT_BPM
        self._next_write_s = float("-inf")
        store.on_trigger("/tempo/tap", lambda: self.tap(clock.now_s()))
        store.on_trigger("/tempo/reset", lambda: self.reset(clock.now_s()))

    @property
    def bpm(self) -> float:
        return self._line[2]

    def beat_at(self, now_s: float) -> float:
        """Beats since the last reset; whole numbers are beats. It increases, except when a tap moves it back."""
        at_s, beat, bpm = self._line
        return beat + (now_s - at_s) * bpm / 60.0

    def tap(self, now_s: float) -> None:
        """Set the nearest beat to `now_s`, and the tempo. Ignored while a MIDI clock is active."""
        with self._lock:
            if not self._has_clock(now_s):
                bpm = self._taps.tap(now_s) or self.bpm
                self._line = (now_s, float(round(self.beat_at(now_s))), bpm)

    def reset(self, now_s: float) -> None:
        """Set beat 0 to `now_s`."""
        with self._lock:
            self._tick_beat -= self.beat_at(now_s)
            self._line = (now_s, 0.0, self.bpm)

    # -- MIDI clock ----------------------------------------------------------------------------

    def midi_clock(self, now_s: float) -> None:
        """Handle 0xF8, 24 per beat."""
        if not self._store.get("/tempo/midi"):
            return
        with self._lock:
            self._ticks.tick(now_s)
            self._tick_s = now_s
            self._tick_beat = self.beat_at(now_s) if self._ticks.ticks == 1 else self._tick_beat + 1 / TICKS_PER_BEAT
            if self._next_tick_beat is not None:
                self._tick_beat, self._next_tick_beat = self._next_tick_beat, None
            bpm = self._ticks.bpm or self.bpm
            if self._is_stopped:
                self._line = (now_s, self.beat_at(now_s), bpm)
            else:
                self._line = (self._ticks.at_s, self._tick_beat, bpm)

    def midi_start(self, now_s: float) -> None:
        """Handle 0xFA: the next tick is beat 0."""
        with self._lock:
            self._next_tick_beat, self._is_stopped = 0.0, False

    def midi_continue(self, now_s: float) -> None:
        """Handle 0xFB: the next tick is the first after the stop."""
        with self._lock:
            if self._is_stopped:
                self._next_tick_beat, self._is_stopped = self._stopped_at, False

    def midi_stop(self, now_s: float) -> None:
        """Handle 0xFC: the beat continues at its tempo; ticks no longer set its position."""
        with self._lock:
            if not self._is_stopped:
                self._stopped_at, self._is_stopped = self._tick_beat + 1 / TICKS_PER_BEAT, True

    # -- the frame loop's thread ---------------------------------------------------------------

    def step(self, now_s: float) -> None:
        """Use a new value of `/tempo/bpm`, or else write the tapped or received tempo to it."""
        held = self._store.get("/tempo/bpm")
        assert isinstance(held, float)
        if held != self._written_bpm:
            self._written_bpm = held
            with self._lock:
                self._line = (now_s, self.beat_at(now_s), held)
            return
        bpm = min(_MAX_BPM, max(_MIN_BPM, round(self.bpm, 2)))
        if abs(bpm - held) >= WRITE_STEP_BPM and now_s >= self._next_write_s:
            self._next_write_s = now_s + WRITE_INTERVAL_S
            self._written_bpm = bpm
            self._store.set("/tempo/bpm", bpm, by="tempo")

    def _has_clock(self, now_s: float) -> bool:
        """True if a MIDI clock sets the tempo now."""
        return now_s - self._tick_s < CLOCK_GONE_S and bool(self._store.get("/tempo/midi"))
