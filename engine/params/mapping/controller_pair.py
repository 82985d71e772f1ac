"""Two controllers as one 14-bit fader: n is the coarse half (MSB), n + 32 the fine half (LSB). Pure.

The problem: the halves arrive one after the other, and the value in between is not a position of the fader. From
63 * 128 + 127 to 64 * 128 + 0 the fader moves by 1, but the new coarse half with the old fine half would jump up by
128, or with the fine half first, down by 127. MIDI 1.0 requires the coarse half first and allows omitting it while it
does not change; some devices send the fine half first.

- Coarse first: a new coarse half alone gives the nearest position that it allows, so an upward move starts at the
  lowest one. This position always lies between the old and the new one.
- Fine first: the fine half waits for the coarse half. (A device that does this and also omits the coarse half looks
  like the first kind, and jitters by less than a hundredth.)
- The order is detected by the first half after a pause, because hands move in strokes. A coarse half first is final,
  and so are two fine halves in a row, where the coarse half was omitted. A fine half first counts only until then.
"""

from typing import Literal

PAUSE_S = 0.05  # halves of one position are a few ms apart, strokes of a hand much more
HALF = 128


class ControllerPair:
    """One 14-bit fader. `coarse` and `fine` take a half and return the position 0..16383, or None if not known yet."""

    __slots__ = ("_coarse", "_fine", "_heard_s", "_is_settled", "_order", "_waiting", "is_whole")

    def __init__(self) -> None:
        self._coarse: int | None = None
        self._fine = 0
        self._waiting: int | None = None
        """A fine half that waits for its coarse half."""
        self._order: Literal["", "coarse", "fine"] = ""
        self._is_settled = False
        self._heard_s = float("-inf")
        self.is_whole = False
        """True if the last position is final, because both halves arrived or the other is left out."""

    def coarse(self, value: int, now_s: float) -> int:
        """Take a coarse half, 0..127."""
        if self._paused(now_s):
            self._is_settled = self._coarse is not None
            self._order = "coarse"
            self._waiting = None
        self.is_whole = self._waiting is not None and self._order != "coarse"
        if self._waiting is not None and self._order != "coarse":
            self._order = "fine"
            self._fine, self._waiting = self._waiting, None
        elif self._coarse is None or value > self._coarse:
            self._fine = 0
        elif value < self._coarse:
            self._fine = HALF - 1
        self._coarse = value
        return value * HALF + self._fine

    def fine(self, value: int, now_s: float) -> int | None:
        """Take a fine half, 0..127."""
        if self._paused(now_s):
            if not self._is_settled:
                self._order = "fine"
            self._waiting = None
        elif self._waiting is not None:
            self._order, self._is_settled = "coarse", True
        self.is_whole = self._order == "coarse" and self._coarse is not None
        if self._order == "coarse" and self._coarse is not None:
            self._fine, self._waiting = value, None
            return self._coarse * HALF + value
        self._waiting = value
        return None

    def _paused(self, now_s: float) -> bool:
        """Note the time of a half. True if it starts a new stroke."""
        pause_s, self._heard_s = now_s - self._heard_s, now_s
        return pause_s > PAUSE_S
