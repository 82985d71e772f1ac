"""Two controllers as one fader of 14 bits: n tells the coarse half (MSB), n + 32 the fine one (LSB). Pure.

The problem: the halves come one after the other, and what stands between them is no position of the fader. From
63 * 128 + 127 to 64 * 128 + 0 the fader moves by 1, but with the new coarse half and the old fine one it would jump up
by 128, or down by 127 with the fine one first. MIDI 1.0 wants the coarse half first and lets a sender leave it out
while it stays the same; devices that send the fine half first exist.

- Coarse first: a new coarse half alone is taken for the nearest position that it allows, so a move upwards begins at
  its lowest one. That lies between the old position and the new one whatever the fine half turns out to be.
- Fine first: the fine half waits for the coarse one. (A device that does so and leaves the coarse half out cannot be
  told from the rule above, and jitters by less than a hundredth.)
- Which of them it is, the first half after a pause tells: a hand moves in strokes. The coarse half first settles it,
  and so do two fine ones in a row: the coarse one was left out. A fine one first counts until then only.
"""

from typing import Literal

PAUSE_S = 0.05  # halves of one position follow each other within a few ms, strokes of a hand after far longer
HALF = 128


class ControllerPair:
    """One fader: the position 0..16383 after each half, or None while there is none to tell."""

    __slots__ = ("_coarse", "_fine", "_heard_s", "_is_settled", "_order", "_waiting", "is_whole")

    def __init__(self) -> None:
        self._coarse: int | None = None
        self._fine = 0
        self._waiting: int | None = None
        """A fine half that has no coarse one yet."""
        self._order: Literal["", "coarse", "fine"] = ""
        self._is_settled = False
        self._heard_s = float("-inf")
        self.is_whole = False
        """Both halves of the position last told were heard, or the other one is left out: no correction follows."""

    def coarse(self, value: int, now_s: float) -> int | None:
        """The coarse half, 0..127, was heard."""
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
        """The fine half, 0..127, was heard."""
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
        """Whether this half begins a stroke; also notes when it came."""
        pause_s, self._heard_s = now_s - self._heard_s, now_s
        return pause_s > PAUSE_S
