"""The parts of the tempo: taps, the line through a MIDI clock's ticks, the beat as a line, taps on
a tracked beat.

Pure: time is an argument.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import osc_schema

TAP_INTERVALS: Final = 8
TAP_TOLERANCE: Final = 1 / 3

_BPM = osc_schema.lookup("/tempo/bpm")
assert _BPM is not None
MAX_BEAT_S = 60.0 / _BPM.low
_MIN_BEAT_S = 60.0 / _BPM.high
TICKS_PER_BEAT: Final = 24
MEMORY_TICKS: Final = 48
CLOCK_BPM: Final = (10.0, 600.0)  # outside: a burst of delayed ticks, not a tempo
CLOCK_LOST_S: Final = 0.5  # a tick at 20 bpm comes every 0.125 s

GLIDE: Final = 0.5  # beats of the rest that are made up per beat
MAX_GLIDE_BEATS: Final = (
    4.0  # farther off: the clock was moved to another place, so the beat goes there at once
)

OCTAVES: Final = (1.0, 0.5, 2.0)
RATIOS: Final = (*OCTAVES, 1.5, 2 / 3, 3.0, 1 / 3, 4.0, 0.25)
OCTAVE_TOLERANCE: Final = 0.08
TOLERANCE: Final = 0.04  # of the other ratios, and of a tempo that taps contradict
SAME_SONG: Final = 0.03  # another tempo, or the same one elsewhere in the beat, is another song
SILENCE_S: Final = 2.0
FORGOTTEN_S: Final = 60.0
OPEN_S: Final = 6.0
ON_BEAT: Final = 1 / 6  # beats by which a tap, or the beat after a break, may be off


class Taps:
    """Computes the tempo from taps: the mean of up to eight intervals. A new series starts with an
    interval outside the tempo range 20..300 (a pause, a bounce), or more than a third off the mean
    so far (another song). The tempo stays until the next tap."""

    def __init__(self) -> None:
        self.times_s: deque[float] = deque(maxlen=TAP_INTERVALS + 1)
        """The taps of this series."""

    def tap(self, now_s: float, max_interval_s: float = MAX_BEAT_S) -> float | None:
        """Add a tap to the series. Beats per minute from the second tap on; None for the first of a
        series."""
        if taps := self.times_s:
            interval = now_s - taps[-1]
            mean = (taps[-1] - taps[0]) / (len(taps) - 1) if len(taps) > 1 else interval
            # tolerates rounding at the limits
            is_beat = _MIN_BEAT_S * 0.99 <= interval <= max_interval_s * 1.01
            if not is_beat or abs(interval - mean) > TAP_TOLERANCE * mean:
                taps.clear()
        taps.append(now_s)
        return 60.0 * (len(taps) - 1) / (taps[-1] - taps[0]) if len(taps) > 1 else None


class TickLine:
    """Estimates tempo and position of a MIDI clock by a straight line through its ticks, 24 per
    beat.

    They arrive milliseconds early or late, in bursts, or not at all. Position and period are
    predicted, and the error of the prediction corrects both. The gains are those of the
    growing-memory filter, the least squares line through all ticks (Brookner, "Tracking and Kalman
    Filtering Made Easy", 1998, ch. 1), with k the ticks so far, limited to 48 to follow a drifting
    tempo:

        alpha_k = 2 (2k + 1) / ((k + 1)(k + 2)),   beta_k = 6 / ((k + 1)(k + 2))

    A tick more than half a beat off, or more than half a second late before there is a period,
    starts a new line."""

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
        if not self.ticks or abs(error_s) > (self.period_s * TICKS_PER_BEAT / 2 or CLOCK_LOST_S):
            self.ticks = 1
            self.at_s = now_s
            self.period_s = 0.0
            return
        k = min(self.ticks, MEMORY_TICKS)
        self.at_s += self.period_s + error_s * 2 * (2 * k + 1) / ((k + 1) * (k + 2))
        self.period_s += error_s * 6 / ((k + 1) * (k + 2))
        self.ticks += 1

    @property
    def bpm(self) -> float | None:
        """The tempo; None for the first half beat, after which it is within 2 % for ticks 5 ms off,
        and for a burst."""
        if self.ticks <= TICKS_PER_BEAT / 2 or self.period_s <= 0:
            return None
        bpm = 60.0 / (TICKS_PER_BEAT * self.period_s)
        return bpm if CLOCK_BPM[0] <= bpm <= CLOCK_BPM[1] else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatLine:
    """The beat as a line in time that glides to a clock instead of jumping. Immutable. Times in
    seconds of one clock. `beat = beat0 + (t - t0) bpm / 60 + rest`. The rest, the distance to the
    clock when the line was made, shrinks by half a beat per beat: the beat runs at half or at one
    and a half times its tempo, and never back, as a beat that passes twice makes LFOs and pulses
    fire twice."""

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
        """A line that continues this one at `now_s` and ends on the clock with `beat` at `at_s`, at
        `bpm`."""
        there = beat + (now_s - at_s) * bpm / 60.0
        rest = self.beat_at(now_s) - there
        return type(self)(
            at_s=now_s, beat=there, bpm=bpm, rest=rest if abs(rest) <= MAX_GLIDE_BEATS else 0.0
        )

    def later(self, by_s: float) -> Self:
        """This line with all beats later by so many seconds."""
        return replace(self, at_s=self.at_s + by_s)

    def at_tempo(self, bpm: float, now_s: float) -> Self:
        """A line that continues from here at another tempo, without a jump."""
        return type(self)(at_s=now_s, beat=self.beat_at(now_s), bpm=bpm)


class TapChoice:
    """Corrects the tracked beat by taps, which choose one of its tempo hypotheses. Used under the
    lock of `Tempo`.

    70, 140 and 280 bpm are hypotheses of one groove, and so are the beat and the off-beat. Taps
    decide which one, but are uneven by some 20 ms; the tracker is not. So the tapped tempo selects
    the ratio to the tracked one, which stays as the song drifts. Taps between the beats shift the
    beat by half; taps a bar apart show where the bar begins. One tap may be a slip. Under a new
    ratio, bars begin on tracked beats on which bars began, so half and back changes nothing.

    After 2 s of silence, or a jump of the tracker, it may be another song: the chosen tempo stays
    only if it is 1/2, 1 or 2 times what is tracked within the next 6 s. If a tempo set by hand fits
    no ratio, for 6 s the hand is right.
    """

    def __init__(self) -> None:
        self._bpm: float | None = None
        """The chosen tempo; follows the tracker, except while the choice is open."""
        self._ratio = 1.0
        self._shift = 0.0
        """Tracked beats by which the beat is moved."""
        self._bar_at = 0.0
        self._offset = 0.0
        """Tracked beat on which a bar began, and the whole bars counted until then."""
        self._tracked: BeatLine | None = None
        self._read_s = float("-inf")
        self._chosen_s = float("-inf")
        self._open_until_s = float("-inf")
        self._is_contradicted = False
        self._has_bar = False
        """False: `_bar_at` is computed from the count of the beats that are played."""
        self._is_moved = False
        """True: the count has just been moved."""
        self.has_hand_bar = False
        """True: a hand tells where the bar begins, until `forget`."""

    def is_tracked(self, now_s: float) -> bool:
        return now_s - self._read_s < SILENCE_S

    def tap(self, taps_s: deque[float], played: BeatLine, beats_a_bar: int) -> BeatLine | None:
        """Take the taps of a series while a beat is tracked. The line to play from now on, or None
        for the same one."""
        tracked = self._tracked
        now_s = taps_s[-1]
        if tracked is None or len(taps_s) < 2:
            return None
        bpm = 60.0 * (len(taps_s) - 1) / (now_s - taps_s[0])
        is_bar = abs(tracked.bpm * self._ratio / bpm / beats_a_bar - 1.0) < OCTAVE_TOLERANCE
        if len(taps_s) > 2 and not is_bar:
            self.choose(bpm, now_s, played, beats_a_bar)
            if self._is_contradicted:
                return BeatLine(at_s=now_s, beat=float(round(played.beat_at(now_s))), bpm=bpm)
        elif self._is_contradicted:
            return None
        beats = [self._count(tracked.beat_at(tap_s)) for tap_s in (taps_s[-2], now_s)]
        is_between = all(abs(beat % 1.0 - 0.5) < ON_BEAT for beat in beats)
        if is_between:
            self._shift += 0.5 / self._ratio
        elif not is_bar or any(abs(beat - round(beat)) > ON_BEAT for beat in beats):
            return None
        self.recount()
        self.has_hand_bar |= is_bar
        beat = 0.0 if is_bar else float(round(played.beat_at(now_s)))
        return BeatLine(at_s=now_s, beat=beat, bpm=tracked.bpm * self._ratio)

    def choose(self, bpm: float, now_s: float, played: BeatLine, beats_a_bar: int) -> None:
        """Choose the ratio that fits a tempo set by hand."""
        self._bpm = bpm
        self._chosen_s = now_s
        self._is_contradicted = False
        if self._tracked is None or not self.is_tracked(now_s):
            return
        ratio = _nearest(RATIOS, bpm / self._tracked.bpm)
        self._open_until_s = float("-inf")
        if ratio is None:
            self._is_contradicted = True
            self._open_until_s = now_s + OPEN_S
        elif ratio != self._ratio:
            self._ratio = ratio
            self._offset = 0.0
            self._has_bar = True
            self._is_moved = True
            off = played.beat_at(now_s) - self._count(self._tracked.beat_at(now_s))
            self._offset = float(beats_a_bar * round(off / beats_a_bar))

    def forget(self, now_s: float, played: BeatLine, beats_a_bar: int) -> None:
        """Forget all taps: play the beat as it is tracked."""
        if self._tracked is not None:
            self.choose(self._tracked.bpm, now_s, played, beats_a_bar)
        self._bpm = None
        self._shift = 0.0
        self.has_hand_bar = False

    def recount(self) -> None:
        """Forget where the bar begins, because the beat count that is played has restarted."""
        self._has_bar = False
        self._is_moved = False

    def read(
        self, tracked: BeatLine, now_s: float, played: BeatLine, beats_a_bar: int
    ) -> tuple[BeatLine, bool] | None:
        """The tracked beat corrected by the taps, and True if its count was moved; None while the
        tempo set by hand is used. If the tracker counts half or double from now on, bars begin on
        beats on which bars began."""
        before = self._tracked
        is_silent = not self.is_tracked(now_s)
        is_same = before is not None and abs(tracked.bpm / before.bpm - 1.0) < SAME_SONG
        if is_silent or not is_same:
            slip = (
                0.5
                if before is None or not is_same
                else tracked.beat - before.beat_at(tracked.at_s)
            )
            self._shift *= abs(slip - round(slip)) < ON_BEAT
            self.recount()
            if now_s - max(self._read_s, self._chosen_s) > FORGOTTEN_S:
                self._bpm = None
            if not self._is_contradicted:
                self._open_until_s = now_s + OPEN_S
        self._tracked = tracked
        self._read_s = now_s
        if not self._settle(tracked.bpm, now_s):
            return None
        count = played.beat_at(tracked.at_s)
        octave = (
            None
            if before is None or is_silent
            else _nearest(OCTAVES, tracked.bpm / before.bpm, SAME_SONG)
        )
        if octave in (0.5, 2.0) and self._bpm is None:
            count = octave * count + beats_a_bar * round((1.0 - octave) * count / beats_a_bar)
            self._is_moved = True
        if not self._has_bar or (self._ratio == 1.0 and not self._is_moved):
            self._bar_at = 0.0
            self._offset = 0.0
            self._has_bar = True
            ahead = self._count(tracked.beat) - count
            step = max(1.0, self._ratio)
            self._bar_at = round(ahead / self._ratio * step) / step
        is_moved = self._is_moved
        self._is_moved = False
        return BeatLine(
            at_s=tracked.at_s, beat=self._count(tracked.beat), bpm=tracked.bpm * self._ratio
        ), is_moved

    def _settle(self, bpm: float, now_s: float) -> bool:
        """Let the ratio follow from the choice while it is open, else the choice from the ratio.
        False while the hand contradicts the tracker."""
        if self._bpm is not None and self._open_until_s == float("-inf"):
            self._bpm = bpm * self._ratio
            return True
        ratio: float | None = None
        if self._bpm is not None:
            target = self._bpm / bpm
            ratio = (
                _nearest(RATIOS, target)
                if self._is_contradicted
                else _nearest(OCTAVES, target, SAME_SONG)
            )
        if now_s >= self._open_until_s or (self._is_contradicted and ratio is not None):
            self._bpm = None if ratio is None else self._bpm
            self._open_until_s = float("-inf")
            self._is_contradicted = False
        elif self._is_contradicted:
            return False
        if (ratio or 1.0) != self._ratio:
            self._ratio = ratio or 1.0
            self.recount()
        return True

    def _count(self, tracked: float) -> float:
        """The number of a tracked beat as the hand counts."""
        return (
            tracked - self._bar_at - self._shift % (1.0 / self._ratio)
        ) * self._ratio + self._offset


def _nearest(ratios: Sequence[float], target: float, within: float | None = None) -> float | None:
    """The ratio nearest to the target; None if it is farther off than `within`, or its own
    tolerance."""
    nearest = min(ratios, key=lambda ratio: abs(ratio / target - 1.0))
    tolerance = within or (OCTAVE_TOLERANCE if nearest in OCTAVES else TOLERANCE)
    return nearest if abs(nearest / target - 1.0) < tolerance else None
