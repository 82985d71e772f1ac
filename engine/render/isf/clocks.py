"""Limits the time that shaders may take per picture.

Problem: a shader that is fast for an hour may be slow at midnight, and work on a GPU cannot be
stopped. So a possibly slow shader is drawn in bands, each so small that its worst case (loops.py,
speed.py) is short, and the clock is read in between. A shader over the limit is aborted in the
middle of its picture. Passes and shaders that are fast even in the worst case are not waited for
while their sum since the last reading stays below one band.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from engine.errors import IsfError

DateAt = Callable[[float], datetime]
"""`date_at(time_s)`: the date of the picture due `time_s` after the start of the run."""

OFFLINE_START = datetime(2000, 1, 1)
LIMIT_S: Final = 0.15  # for all shaders of a picture
BAND_S: Final = (
    0.05  # worst case of a band: together 0.2 s, which leaves a margin for a busy machine
)
FIRST_POINTS: Final = (
    4  # of a pass: even if each takes milliseconds, the picture does not wait for them
)
MAX_POINTS_FACTOR: Final = (
    8  # from one chunk of points to the next, as some may take longer than those before
)
POINTS_S: Final = 0.01  # of a chunk
# of a playing shader's textures in one picture: memory may come at 250 MB/s
MAX_GROWTH_BYTES: Final = 64 << 20


def date_live(time_s: float) -> datetime:
    """Return the date of the computer's clock."""
    return datetime.now()


def date_offline(time_s: float) -> datetime:
    """Return the start of 2000 plus the picture's time: the same in each run."""
    return OFFLINE_START + timedelta(seconds=time_s)


def isf_date(date: datetime) -> tuple[float, float, float, float]:
    """Return ISF's DATE: year, month, day, seconds of the day."""
    seconds = date.hour * 3600 + date.minute * 60 + date.second + date.microsecond / 1e6
    return float(date.year), float(date.month), float(date.day), seconds


def next_points(points: int, took_s: float) -> int:
    """How many points to draw before the clock is read again, as so many of them took that long.
    Pure."""
    return max(1, int(points * min(POINTS_S / max(took_s, 1e-9), MAX_POINTS_FACTOR)))


class OverrunError(IsfError):
    """The shaders of this picture take longer than the limit."""


class DrawClock:
    """Measures and limits the time of one picture's shaders. Render thread."""

    def __init__(
        self, limit_s: float = LIMIT_S, now_s: Callable[[], float] = time.perf_counter
    ) -> None:
        """limit_s: Infinite where nothing waits for a picture."""
        self._limit_s = limit_s
        self.now_s = now_s
        self.max_growth_bytes: float = MAX_GROWTH_BYTES if math.isfinite(limit_s) else math.inf
        self._spent_s: dict[str, float] = {}
        self._began_s = 0.0
        self._unchecked = 0.0

    def begin(self) -> None:
        """Reset the clock for the next picture."""
        self._spent_s = {}
        self._unchecked = 0.0

    def is_due(self, band_fraction: float) -> bool:
        """Return True if the clock must be read before this draw. band_fraction: Worst case
        relative to a band's."""
        is_due = self._unchecked > 0 and self._unchecked + band_fraction > 1
        self._unchecked = band_fraction if is_due else self._unchecked + band_fraction
        return is_due

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Measure the block as time of this shader."""
        self._began_s = self.now_s()
        try:
            yield
        finally:
            self._spent_s[name] = self._spent_s.get(name, 0.0) + self.now_s() - self._began_s

    def check(self) -> None:
        """Raise OverrunError above the limit. Call it when the GPU has finished."""
        here_s = self.now_s() - self._began_s
        if here_s + sum(self._spent_s.values()) > self._limit_s:
            raise OverrunError(f"the shaders of a picture took more than {self._limit_s:g} s")

    @property
    def slowest(self) -> str:
        """The shader that has taken most of this picture's time."""
        return max(self._spent_s, key=lambda name: self._spent_s[name])

    def spent_s(self, name: str) -> float:
        return self._spent_s.get(name, 0.0)
