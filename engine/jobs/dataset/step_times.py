"""Times the steps of a picture."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StepTimes:
    """Time and processor time of all threads, by step; a step within another does not count for that one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}
        self._inner = [(0.0, 0.0)]
        """Times of the steps that ended within the open ones, from the outermost."""

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        began = _now()
        self._inner.append((0.0, 0.0))
        yield
        ended, inner = _now(), self._inner.pop()
        taken = ended[0] - began[0], ended[1] - began[1]
        self._inner[-1] = self._inner[-1][0] + taken[0], self._inner[-1][1] + taken[1]
        self.seconds[step] = round(taken[0] - inner[0], 3)
        self.cpu_seconds[step] = round(taken[1] - inner[1], 3)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()
