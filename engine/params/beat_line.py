"""The beat as a line in time that glides to a clock instead of jumping.

`beat = beat0 + (t - t0) bpm / 60 + rest`. The rest is the distance to the clock when the line was made. It shrinks by
half a beat per beat, so while it does, the beat runs at half or at one and a half times its tempo: it never stands
still or runs back, because a beat that passes twice makes LFOs and pulses fire twice.
"""

from dataclasses import dataclass
from typing import Final, Self

GLIDE: Final = 0.5  # beats of the rest that are made up per beat
MAX_GLIDE_BEATS: Final = 4.0  # farther off: the clock was moved to another place, so the beat goes there at once


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatLine:
    """Immutable, so one reference read on any thread is consistent. Times in seconds of one clock."""

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
