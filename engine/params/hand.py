"""Moves a fade by the crossfader in place of time. Pure."""

import math
from collections.abc import Callable
from typing import Final

from engine.params.fade_time import FadeProgress

SMOOTHING_S: Final = 0.03  # as other faders: hides the 127 steps of a MIDI fader
LANDING: Final = 0.002  # a distance that counts as none: a quarter of a MIDI step
INVISIBLE: Final = 1 / 256  # of the new look: less than a step of a picture of 8 bits


class Hand:
    """The progress of a fade by hand, from the crossfader's first position (`begin`, 0..1) to
    whichever end it moves to. Frames in order; they get the crossfader smoothed, equally at any
    frame rate."""

    __slots__ = ("_last_s", "_read", "at", "begin")

    def __init__(self, begin: float, read: Callable[[], float], at: float | None = None) -> None:
        """`read()`: the crossfader's position now, 0..1. `at`: its position in the first frame;
        None: `begin`."""
        self.begin = begin
        self.at = begin if at is None else at
        """The smoothed position."""
        self._read = read
        self._last_s: float | None = None

    @property
    def has_begun(self) -> bool:
        return self._last_s is not None

    def fraction(self, now_s: float) -> float:
        """Progress of the fade: 0 where it began, 1 at either end. 0 in the first frame, unless
        `at` is elsewhere."""
        if self._last_s is not None:
            target = self._read()
            self.at += (target - self.at) * -math.expm1((self._last_s - now_s) / SMOOTHING_S)
            if abs(target - self.at) < LANDING:
                self.at = target
        self._last_s = now_s
        return self._progress

    @property
    def _progress(self) -> float:
        way = self.at - self.begin
        return way / (1.0 - self.begin) if way > 0.0 else -way / self.begin if way else 0.0

    @property
    def is_back(self) -> bool:
        """True if the hand rests where it began: the fade is undone."""
        return self.at == self._read() and self._progress < INVISIBLE

    @property
    def progress(self) -> FadeProgress:
        return FadeProgress(self._progress, 1.0, "hand")

    def left_s(self) -> float:
        """Always infinite, because a hand may stop anywhere."""
        return math.inf
