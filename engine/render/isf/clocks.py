"""Ends a picture's shaders before they hold it up.

Problem: a shader that is short for an hour may be long at midnight, and what runs on a GPU cannot be stopped. So a
shader that could take long is drawn in bands, each so small that its worst case (loops.py, speed.py) is short, and the
clock is read in between. What is over the limit is given up in the middle of its picture. Passes and shaders that are
short even at their worst are not waited for, as long as all of them since the last look at the clock make one band.
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
LIMIT_S: Final = 0.15  # of all shaders of a picture
BAND_S: Final = 0.05  # worst case of a band: together 0.2 s, which leaves as much for a machine that is busy with more
MAX_GROWTH_BYTES: Final = 64 << 20  # of a playing shader's textures in one picture: memory may come at 250 MB/s


def date_live(time_s: float) -> datetime:
    """The computer's clock."""
    return datetime.now()


def date_offline(time_s: float) -> datetime:
    """The start of 2000 plus the picture's time: the same in each run."""
    return OFFLINE_START + timedelta(seconds=time_s)


def isf_date(date: datetime) -> tuple[float, float, float, float]:
    """ISF's DATE: year, month, day, seconds of the day."""
    seconds = date.hour * 3600 + date.minute * 60 + date.second + date.microsecond / 1e6
    return float(date.year), float(date.month), float(date.day), seconds


class OverrunError(IsfError):
    """The shaders of this picture take longer than the limit."""


class DrawClock:
    """Time that the shaders of one picture have taken. Render thread."""

    def __init__(self, limit_s: float = LIMIT_S, now_s: Callable[[], float] = time.perf_counter) -> None:
        """`limit_s`: infinite where nothing waits for a picture."""
        self._limit_s, self._now_s = limit_s, now_s
        self.max_growth_bytes: float = MAX_GROWTH_BYTES if math.isfinite(limit_s) else math.inf
        self._spent_s: dict[str, float] = {}
        self._began_s = self._owed = 0.0

    def begin(self) -> None:
        """Another picture."""
        self._spent_s, self._owed = {}, 0.0

    def is_due(self, share: float) -> bool:
        """True if the clock must be read before this is drawn, too. `share`: its worst case, of that of a band."""
        is_due = self._owed > 0 and self._owed + share > 1
        self._owed = share if is_due else self._owed + share
        return is_due

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """The shader of this name is drawn in the block."""
        self._began_s = self._now_s()
        try:
            yield
        finally:
            self._spent_s[name] = self._spent_s.get(name, 0.0) + self._now_s() - self._began_s

    def check(self) -> None:
        """OverrunError above the limit. Call it when the GPU has finished what was drawn."""
        here_s = self._now_s() - self._began_s
        if here_s + sum(self._spent_s.values()) > self._limit_s:
            raise OverrunError(f"the shaders of a picture took more than {self._limit_s:g} s")

    @property
    def slowest(self) -> str:
        """The shader that has taken most of this picture's time."""
        return max(self._spent_s, key=lambda name: self._spent_s[name])

    def spent_s(self, name: str) -> float:
        return self._spent_s.get(name, 0.0)
