"""Plays a source of a plug-in on a thread: it may fail, block, or return anything, and is then left
out in time."""

import math
from collections.abc import Callable, Generator
from typing import Final

import numpy as np

from engine.errors import SourceError, in_one_line
from engine.sources.live import LiveSource
from engine.sources.source import HOLD_S, Source
from engine.system.clock import Clock
from engine.system.reporting import Report
from engine.system.translate_errors import translate_errors
from engine.values import VideoFrame

POLL_S: Final = 0.004
MAX_CALL_S: Final = 5.0
MAX_PX: Final = 8192


class PluginSource(LiveSource):
    """Reads the pictures of the plug-in's source. It is opened again after a failure, and left out
    after another."""

    def __init__(
        self, kind: str, name: str, make: Callable[[], Source], *, clock: Clock, report: Report
    ) -> None:
        self.kind = kind  # type: ignore[misc]  # of the class for the engine's own
        super().__init__(name, clock=clock, report=report)
        self._make = make
        self._source = make()
        self._failures = 0
        self._call_began_s = math.inf

    def latest_frame(self) -> VideoFrame | None:
        if self._clock.now_s() - self._call_began_s > MAX_CALL_S:
            self._failures += 1  # its thread cannot try again
            self._lose(f"{self.label}: has not returned for {MAX_CALL_S:g} s")
        return super().latest_frame()

    def pictures(self) -> Generator[np.ndarray, None, None]:
        with translate_errors(
            {Exception: lambda error: f"{self.label}: {in_one_line(error)}"}, as_=SourceError
        ):
            self._call_began_s = newest_s = self._clock.now_s()
            source = self._make() if self._failures else self._source
            source.start()
            newest = None
            try:
                while not self._closing.wait(POLL_S):
                    self._call_began_s = self._clock.now_s()
                    frame = source.latest_frame()
                    if frame is not None and (
                        frame is not newest or self._call_began_s - newest_s > HOLD_S / 2
                    ):
                        newest = frame
                        newest_s = self._call_began_s
                        yield check_pixels(frame.pixels)
            finally:
                source.close()

    def _lose(self, problem: str) -> None:
        if self._closing.is_set():
            return
        self._call_began_s = math.inf
        self._failures += 1
        if self._failures > 1:
            problem += "; failed twice, so it is left out until chosen again"
            self._closing.set()
        self.lose(problem, "")


def check_pixels(pixels: np.ndarray) -> np.ndarray:
    if (
        pixels.dtype != np.uint8
        or pixels.shape[2:] != (3,)
        or not 0 < min(pixels.shape) <= max(pixels.shape) <= MAX_PX
    ):
        raise ValueError(
            f"{pixels.dtype} {pixels.shape} is no picture of (height, width, 3) uint8, up to "
            f"{MAX_PX} px"
        )
    return np.ascontiguousarray(pixels)
