"""Tempo and position of a MIDI clock: a straight line through its ticks.

The 24 ticks per beat arrive through a network and a bridge: milliseconds early or late, in bursts, or not at all. Using
each interval as the tempo makes 120 bpm vary by 30; a mean over a beat is stable, but its position is two beats late.
So a straight line is fitted to the ticks: position and period are predicted, and the error of the prediction corrects
both with

    alpha_k = 2 (2k + 1) / ((k + 1)(k + 2)),   beta_k = 6 / ((k + 1)(k + 2))

with k the ticks so far. These are the gains of the growing-memory filter, the least squares line through all ticks
(Brookner, "Tracking and Kalman Filtering Made Easy", 1998, ch. 1). k is limited to 48, two beats, to follow a drifting
tempo. A tick more than half a beat off its prediction, or more than half a second late before there is a period, starts
a new line.
"""

from typing import Final

TICKS_PER_BEAT: Final = 24
MEMORY_TICKS: Final = 48
CLOCK_BPM: Final = (10.0, 600.0)  # outside: a burst of delayed ticks, not a tempo
CLOCK_GONE_S: Final = 0.5  # a tick at 20 bpm comes every 0.125 s


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
