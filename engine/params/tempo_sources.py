"""The parts of the tempo: taps, the line through a MIDI clock's ticks, the beat as a line, the hand on a tracked beat.

Pure: time is an argument.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final, Self

import osc_schema

TAP_INTERVALS: Final = 8
TAP_TOLERANCE: Final = 1 / 3

_BPM = osc_schema.lookup("/tempo/bpm")
assert _BPM is not None
_MAX_BEAT_S, _MIN_BEAT_S = 60.0 / _BPM.low, 60.0 / _BPM.high


class Taps:
    """Tempo from taps: the mean of up to eight intervals.

    An interval outside the tempo range 20..300 (a pause, a bounce of the finger), or more than a third off the mean so
    far (another song), starts over with this tap; the tempo stays until the next tap.
    """

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


TICKS_PER_BEAT: Final = 24
MEMORY_TICKS: Final = 48
CLOCK_BPM: Final = (10.0, 600.0)  # outside: a burst of delayed ticks, not a tempo
CLOCK_GONE_S: Final = 0.5  # a tick at 20 bpm comes every 0.125 s


class TickLine:
    """Tempo and position of a MIDI clock: a straight line through its ticks.

    The 24 ticks per beat arrive through a network and a bridge: milliseconds early or late, in bursts, or not at all.
    Using each interval as the tempo makes 120 bpm vary by 30; a mean over a beat is stable, but its position is two
    beats late. So a straight line is fitted to the ticks: position and period are predicted, and the error of the
    prediction corrects both with

        alpha_k = 2 (2k + 1) / ((k + 1)(k + 2)),   beta_k = 6 / ((k + 1)(k + 2))

    with k the ticks so far. These are the gains of the growing-memory filter, the least squares line through all ticks
    (Brookner, "Tracking and Kalman Filtering Made Easy", 1998, ch. 1). k is limited to 48, two beats, to follow a
    drifting tempo. A tick more than half a beat off its prediction, or more than half a second late before there is a
    period, starts a new line.
    """

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


GLIDE: Final = 0.5  # beats of the rest that are made up per beat
MAX_GLIDE_BEATS: Final = 4.0  # farther off: the clock was moved to another place, so the beat goes there at once


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatLine:
    """The beat as a line in time that glides to a clock instead of jumping.

    `beat = beat0 + (t - t0) bpm / 60 + rest`. The rest is the distance to the clock when the line was made. It shrinks
    by half a beat per beat, so while it does, the beat runs at half or at one and a half times its tempo: it never
    stands still or runs back, because a beat that passes twice makes LFOs and pulses fire twice.

    Immutable, so one reference read on any thread is consistent. Times in seconds of one clock.
    """

    at_s: float
    beat: float
    bpm: float
    rest: float = 0.0
    """Beats by which the line is ahead of its clock at `at_s`; negative: behind."""

    def beat_at(self, now_s: float) -> float:
        """Beats at that time. Before `at_s` the line is extended without its glide."""
        passed = (now_s - self.at_s) * self.bpm / 60.0
        left = max(0.0, abs(self.rest) - GLIDE * max(0.0, passed))
        return self.beat + passed + (left if self.rest > 0.0 else -left)

    def glide_to(self, *, beat: float, bpm: float, at_s: float, now_s: float) -> Self:
        """A line that continues this one at `now_s` and ends on the clock with `beat` at `at_s`, at `bpm`."""
        there = beat + (now_s - at_s) * bpm / 60.0
        rest = self.beat_at(now_s) - there
        return type(self)(at_s=now_s, beat=there, bpm=bpm, rest=rest if abs(rest) <= MAX_GLIDE_BEATS else 0.0)

    def at_tempo(self, bpm: float, now_s: float) -> Self:
        """A line that goes on from here at another tempo, without a jump."""
        return type(self)(at_s=now_s, beat=self.beat_at(now_s), bpm=bpm)


RATIOS: Final = (1.0, 0.5, 2.0, 1.5, 2 / 3, 3.0, 1 / 3, 4.0, 0.25)
TOLERANCE: Final = 0.08
MAX_DISAGREEMENT_S: Final = 6.0
SHIFT_STEP: Final = 0.5  # beats


class HandOnBeat:
    """The hand on a tracked beat: taps choose which reading of the sound is the beat.

    Problem: a tracker can be right and still not play what the performer counts. 70, 140 and 280 beats a minute are
    readings of one groove, and so are the beat and the off-beat. Taps know which one, but their position is uneven by
    some 20 ms, while the tracker's is not.

    So taps choose, and the tracker measures. The tapped tempo picks the ratio to the tracked tempo (1/4, 1/3, 1/2, 2/3,
    1, 3/2, 2, 3, 4, within 8 %), and it stays chosen while the tracker stays within it, also when the tracker changes
    its own octave. The latest tap picks the beat: the beat is shifted by the multiple of half a beat that comes closest
    to it.

    If the tracked tempo fits no ratio, it is another song or wrong: for 6 s the hand is right, then the tracker is.

    Used under the lock of `Tempo`.
    """

    def __init__(self) -> None:
        self._bpm: float | None = None
        """The chosen tempo; follows the tracker."""
        self._tracked_bpm: float | None = None
        self._tap_s: float | None = None
        """The latest tap that has not yet picked a beat."""
        self._shift = 0.0
        self._disagrees_since_s: float | None = None

    def tap(self, now_s: float, bpm: float | None) -> None:
        """Take a tap; `bpm` is the tapped tempo, None for the first of a series."""
        self._tap_s = now_s
        if bpm is not None:
            self.choose(bpm, now_s)

    def choose(self, bpm: float, now_s: float) -> None:
        """Take a tempo set by hand."""
        self._bpm, self._disagrees_since_s = bpm, None

    @property
    def fits(self) -> bool:
        """True if the choice is a reading of the tracked tempo, or there is no choice."""
        return self._ratio() is not None

    def read(self, beat: float, bpm: float, at_s: float, now_s: float) -> tuple[float, float] | None:
        """The tracked beat and tempo as the hand counts them; None while the hand contradicts the tracker."""
        self._tracked_bpm = bpm
        ratio = self._ratio()
        if self._bpm is not None:
            if ratio is not None:
                self._bpm, self._disagrees_since_s = bpm * ratio, None
            else:
                self._disagrees_since_s = now_s if self._disagrees_since_s is None else self._disagrees_since_s
                if now_s - self._disagrees_since_s < MAX_DISAGREEMENT_S:
                    return None
                self._bpm, self._tap_s, self._shift = None, None, 0.0
        beat, bpm = beat * (ratio or 1.0), bpm * (ratio or 1.0)
        if self._tap_s is not None:
            tapped = beat + (self._tap_s - at_s) * bpm / 60.0
            self._tap_s = None
            self._shift = -math.floor(tapped / SHIFT_STEP + 0.5) * SHIFT_STEP
        return beat + self._shift, bpm

    def _ratio(self) -> float | None:
        """Chosen tempo to tracked tempo; None if they contradict."""
        if self._bpm is None or self._tracked_bpm is None:
            return 1.0
        off = {ratio: abs(self._tracked_bpm * ratio / self._bpm - 1.0) for ratio in RATIOS}
        nearest = min(off, key=off.__getitem__)
        return nearest if off[nearest] < TOLERANCE else None
