"""The hand on a tracked beat: taps choose which reading of the sound is the beat.

Problem: a tracker can be right and still not play what the performer counts. 70, 140 and 280 beats a minute are
readings of one groove, and so are the beat and the off-beat. Taps know which one, but their position is uneven by some
20 ms, while the tracker's is not.

So taps choose, and the tracker measures. The tapped tempo picks the ratio to the tracked tempo (1/4, 1/3, 1/2, 2/3, 1,
3/2, 2, 3, 4, within 8 %), and it stays chosen while the tracker stays within it, also when the tracker changes its own
octave. The latest tap picks the beat: the beat is shifted by the multiple of half a beat that comes closest to it.

If the tracked tempo fits no ratio, it is another song or wrong: for 6 s the hand is right, then the tracker is.
Pure: time is an argument.
"""

import math
from typing import Final

RATIOS: Final = (1.0, 0.5, 2.0, 1.5, 2 / 3, 3.0, 1 / 3, 4.0, 0.25)
TOLERANCE: Final = 0.08
MAX_DISAGREEMENT_S: Final = 6.0
SHIFT_STEP: Final = 0.5  # beats


class HandOnBeat:
    """State of the choice; no choice until the second tap. Used under the lock of `Tempo`."""

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
        self._tracked_bpm, ratio = bpm, self._ratio()
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
