"""Ends a picture's shaders before they hold it up.

Problem: a shader that is short for an hour may be long at midnight, and what runs on a GPU cannot be stopped. So a
shader that could take long is drawn in bands, each so small that its worst case (loops.py, speed.py) is short, and the
clock is read in between. What is over the limit is given up in the middle of its picture.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from engine.errors import IsfError

LIMIT_S: Final = 0.2  # of all shaders of a picture
BAND_S: Final = 0.1  # worst case of a band: with it the shaders take 0.3 s, which leaves the rest of a picture 0.2 s


class OverrunError(IsfError):
    """The shaders of this picture take longer than the limit."""


class DrawClock:
    """Time that the shaders of one picture have taken. Render thread."""

    def __init__(self, limit_s: float = LIMIT_S, now_s: Callable[[], float] = time.perf_counter) -> None:
        self._limit_s, self._now_s = limit_s, now_s
        self._spent_s: dict[str, float] = {}
        self._began_s = 0.0

    def begin(self) -> None:
        """Another picture."""
        self._spent_s = {}

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """The shader of this name is drawn in the block."""
        self._began_s = self._now_s()
        try:
            yield
        finally:
            self._spent_s[name] = self._spent_s.get(name, 0.0) + self._now_s() - self._began_s

    def check(self) -> None:
        """OverrunError above the limit. Call it when the GPU has finished a band."""
        here_s = self._now_s() - self._began_s
        if here_s + sum(self._spent_s.values()) > self._limit_s:
            raise OverrunError(f"the shaders of a picture took more than {self._limit_s:g} s")

    @property
    def slowest(self) -> str:
        """The shader that has taken most of this picture's time."""
        return max(self._spent_s, key=lambda name: self._spent_s[name])

    def spent_s(self, name: str) -> float:
        return self._spent_s.get(name, 0.0)
