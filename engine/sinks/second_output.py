"""When the second output is drawn, and its status. It gets what is left of a frame."""

from collections import deque
from typing import NamedTuple

from engine.system.backoff import next_delay_s

COSTS = 16  # pictures whose dearest one must fit
# between two pictures of a second output that does not fit
FIRST_TRY_S = 1.0
MAX_TRY_S = 10.0


class SecondStatus(NamedTuple):
    """The second output: its size, the cost of the dearest of its last pictures with their sinks,
    the numbers of pictures drawn and dropped for the first, and what it shows: `program` or a
    preset."""

    width: int
    height: int
    ms: float
    frames: int
    dropped: int
    shows: str


class SparePace:
    """Decides whether the second picture fits into the rest of a frame. Pure: time comes in as an
    argument.

    One that does not fit is left out, but drawn after 1 s, then after 2, 4, 8 and each 10 s, which
    may delay a frame: its cost may have been an accident, and a still picture is better than
    none."""

    def __init__(self) -> None:
        self._costs_s: deque[float] = deque(maxlen=COSTS)
        self._try_at_s: float | None = None
        """When it is drawn although it does not fit; None while it does."""
        self.failures = 0
        """Pictures in a row that took longer than the rest of their frame."""

    @property
    def cost_s(self) -> float:
        return max(self._costs_s, default=0.0)

    def allows(self, now_s: float, free_s: float) -> bool:
        """True if a picture may be drawn now. `free_s`: until the next frame is due."""
        if 0 < free_s >= self.cost_s:
            return True
        if self._try_at_s is None:
            self._try_at_s = now_s + FIRST_TRY_S
        return now_s >= self._try_at_s

    def add(self, now_s: float, free_s: float, cost_s: float) -> None:
        """A picture was drawn that took `cost_s`."""
        if cost_s > free_s:
            self.failures += 1
            self._try_at_s = now_s + next_delay_s(
                self.failures, first_s=FIRST_TRY_S, max_s=MAX_TRY_S
            )
        elif self._try_at_s is not None:
            self._costs_s.clear()
            self.failures = 0
            self._try_at_s = None
        self._costs_s.append(cost_s)
