"""How far a hand has moved the crossfader: the share of a fade, in place of a course of time. Pure."""

import math
from collections.abc import Callable
from typing import Final

from engine.params.fade_time import FadeProgress

SMOOTHING_S: Final = 0.03  # as other faders: hides the 127 steps of a MIDI fader
LANDING: Final = 0.002  # from here it is there: a quarter of a MIDI step
UNSEEN: Final = 1 / 256  # of the new look: less than a step of a picture of 8 bits


class Hand:
    """Share of a fade, from where the crossfader stood (`begin`, 0..1) to whichever end it moves to. Frames in order.
    Frames see the crossfader smoothed, by the same way at any frame rate."""

    __slots__ = ("_last_s", "_read", "at", "begin")

    def __init__(self, begin: float, read: Callable[[], float], at: float | None = None) -> None:
        """`read()`: the crossfader's position now, 0..1. `at`: where the first frame sees it; None: at `begin`."""
        self.begin = begin
        self.at = begin if at is None else at
        """The smoothed position."""
        self._read = read
        self._last_s: float | None = None

    @property
    def has_begun(self) -> bool:
        return self._last_s is not None

    def share(self, now_s: float) -> float:
        """0 where it began, 1 at either end. 0 in the first frame, unless another position was given for it."""
        if self._last_s is not None:
            target = self._read()
            self.at += (target - self.at) * -math.expm1((self._last_s - now_s) / SMOOTHING_S)
            if abs(target - self.at) < LANDING:
                self.at = target
        self._last_s = now_s
        return self._moved

    @property
    def _moved(self) -> float:
        way = self.at - self.begin
        return way / (1.0 - self.begin) if way > 0.0 else -way / self.begin if way else 0.0

    @property
    def is_back(self) -> bool:
        """True if the hand rests where it began: the fade is undone."""
        return self.at == self._read() and self._moved < UNSEEN

    @property
    def progress(self) -> FadeProgress:
        return FadeProgress(self._moved, 1.0, "hand")

    def left_s(self) -> float:
        """A hand may rest for ever."""
        return math.inf
