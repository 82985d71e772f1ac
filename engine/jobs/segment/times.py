"""Measures the calling thread: time in the model's stages and waiting for other threads; advice on
a slow run."""

import time
from typing import Any

from engine.jobs.segment.report import StageTime
from engine.system.bounded_queue import BoundedQueue

READ = "read (wait)"
WRITE = "write (wait)"
OTHER = "other"
COARSEST_PX = 336
SLOW_S = 2.0  # per picture; a minute of video then takes an hour
# at COARSEST_PX; computed with models/sam3/shapes.py
WORK_FRACTIONS = {1008: "a tenth", 840: "a seventh", 672: "a quarter", 504: "a third"}


class RunTimes:
    """Average times without the first batch, in which kernels are selected and captured, unless it
    is the only one."""

    def __init__(self, read: BoundedQueue[Any], results: BoundedQueue[Any]) -> None:
        """Start the clock. `read`: the model's input queue; `results`: its output queue."""
        self._read = read
        self._results = results
        self._whole = _Span(read, results)
        self._steady: _Span | None = None
        self._end_s: float | None = None
        self._last_wait_s = 0.0

    def end_batch(self, frames: int, stages_ms: dict[str, float]) -> None:
        """Count a batch after it was queued for the writer. `stages_ms`: for the whole batch."""
        self._whole.add(frames, stages_ms)
        if self._steady is None:
            self._steady = _Span(self._read, self._results)
        else:
            self._steady.add(frames, stages_ms)

    def end(self, last_wait_s: float) -> None:
        """Stop measuring at the end of the run. `last_wait_s`: time spent at the end waiting for
        the writer."""
        self._end_s = time.perf_counter()
        self._last_wait_s = last_wait_s

    @property
    def seconds(self) -> float:
        return self._now_s() - self._whole.began_s

    @property
    def first_s(self) -> float:
        """Seconds to the end of the first batch."""
        return (self._steady.began_s if self._steady else self._now_s()) - self._whole.began_s

    @property
    def fps(self) -> float:
        return self._counted.frames / max(self._now_s() - self._counted.began_s, 1e-9)

    @property
    def ms_a_frame(self) -> float:
        return (self._now_s() - self._counted.began_s) * 1000 / max(self._counted.frames, 1)

    @property
    def read_waits(self) -> int:
        """How often the model had to wait for a batch."""
        return self._read.empty_takes - self._counted.empty_takes

    def table(self) -> tuple[StageTime, ...]:
        """One row per stage, in processing order; they add up to `ms_a_frame`."""
        span = self._counted
        total_ms = (self._now_s() - self._counted.began_s) * 1000
        read_ms = (self._read.take_wait_s - span.take_wait_s) * 1000
        write_ms = (self._results.put_wait_s - span.put_wait_s + self._last_wait_s) * 1000
        spare_ms = max(total_ms - sum(span.stages_ms.values()), 0.0)
        # the rest passed while the device worked
        wait_fraction = min(1.0, spare_ms / max(read_ms + write_ms, 1e-9))
        rest_ms = spare_ms - wait_fraction * (read_ms + write_ms)
        rows = {
            READ: wait_fraction * read_ms,
            **span.stages_ms,
            OTHER: rest_ms,
            WRITE: wait_fraction * write_ms,
        }
        return tuple(
            StageTime(name=name, ms=ms / max(span.frames, 1), fraction=ms / max(total_ms, 1e-9))
            for name, ms in rows.items()
        )

    @property
    def _counted(self) -> "_Span":
        return self._steady if self._steady and self._steady.frames else self._whole

    def _now_s(self) -> float:
        return time.perf_counter() if self._end_s is None else self._end_s


class _Span:
    """Counts since a start time, and the wait times at that start."""

    def __init__(self, read: BoundedQueue[Any], results: BoundedQueue[Any]) -> None:
        self.began_s = time.perf_counter()
        self.take_wait_s = read.take_wait_s
        self.empty_takes = read.empty_takes
        self.put_wait_s = results.put_wait_s
        self.frames = 0
        self.stages_ms: dict[str, float] = {}

    def add(self, frames: int, stages_ms: dict[str, float]) -> None:
        self.frames += frames
        for name, ms in stages_ms.items():
            self.stages_ms[name] = self.stages_ms.get(name, 0.0) + ms


def advise_resolution(resolution: int, device_kind: str, picture_s: float) -> str | None:
    """One line of advice for a slow CPU, or None. `picture_s`: seconds per picture."""
    work_fraction = WORK_FRACTIONS.get(resolution)
    if device_kind != "cpu" or work_fraction is None or picture_s <= SLOW_S:
        return None
    slow = f"{resolution} px take {picture_s:.1f} s a picture on this CPU"
    return f"{slow}; --resolution {COARSEST_PX} is {work_fraction} of the work"
