"""Base of live sources: reads the newest picture on a thread and reconnects after a loss.

    open ─► read pictures ─► it ends, fails, or is silent for 5 s ─► wait (0.5 s, 1, ... 30) ─► open

A source is found again under the name it was chosen by. While it is lost, its last picture stays
for 2 s; then there is none, and the show goes on without it.
"""

import logging
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Generator
from contextlib import closing
from typing import ClassVar

import av.error
import numpy as np

from engine.errors import SourceError
from engine.sources.pixels import MAX_SIDE_PX, fitted_size
from engine.sources.source import HOLD_S, SourceStatus
from engine.system.backoff import next_delay_s
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report
from engine.system.translate_errors import translate_errors
from engine.values import VideoFrame

log = logging.getLogger(__name__)

SILENT_S = 5.0  # a source without a picture for this long is reopened
RATE_PICTURES = 60  # pictures over which the rate is measured


class NewestOnly(ABC):
    """Base of sources of which only the newest picture counts. One thread adds pictures; any thread
    reads."""

    kind: ClassVar[str]
    """Kind in messages: camera, ndi, shared, syphon, spout."""

    def __init__(self, name: str, *, clock: Clock, report: Report) -> None:
        self.name = name
        self.label = f"{self.kind} {name}"
        self._clock = clock
        self._report = report
        self._newest: VideoFrame | None = None
        self._arrivals_s: deque[float] = deque(maxlen=RATE_PICTURES)
        self._picture_count = 0
        self._lost = 0
        """Pictures so far; damaged ones and disconnects."""
        self._problem = ""
        self._reduced_px = (0, 0)

    def latest_frame(self) -> VideoFrame | None:
        frame = self._newest
        return None if frame is None or self._clock.now_s() - frame.time_s >= HOLD_S else frame

    def frame_at(self, time_s: float) -> VideoFrame | None:
        raise SourceError(f"{self.label}: a live source cannot be used offline; use a video file")

    def status(self) -> SourceStatus:
        newest = self._newest
        problem = self._problem
        arrivals_s = list(self._arrivals_s)
        if newest is not None and self._clock.now_s() - newest.time_s >= HOLD_S and not problem:
            problem = f"{self.label}: no picture for {HOLD_S:.0f} s"
        height, width = newest.pixels.shape[:2] if newest is not None else (0, 0)
        measured_s = arrivals_s[-1] - arrivals_s[0] if arrivals_s else 0.0
        return SourceStatus(
            state="lost" if problem else "starting" if newest is None else "playing",
            description=problem or self.label,
            width=width,
            height=height,
            fps=(len(arrivals_s) - 1) / measured_s if measured_s > 0.0 else 0.0,
            frames=self._picture_count,
            lost=self._lost,
        )

    def take(self, pixels: np.ndarray) -> None:
        """Make this the newest picture; a larger one than a renderer takes is reduced, which is
        told once."""
        height, width = pixels.shape[:2]
        size_px = fitted_size(width, height)
        if size_px != (width, height):
            import cv2  # 0.1 s, and the pictures of most cameras are smaller

            pixels = np.asarray(cv2.resize(pixels, size_px, interpolation=cv2.INTER_AREA))
            if (width, height) != self._reduced_px:
                self._reduced_px = (width, height)
                line = f"{self.label}: {width}x{height} px, shown with {size_px[0]}x{size_px[1]}"
                self._report(
                    "camera",
                    f"{line}: {MAX_SIDE_PX} px a side are the most; choose a smaller format there",
                )
        arrived_s = self._clock.now_s()
        frame = VideoFrame(
            pixels=pixels, index=self._picture_count, time_s=arrived_s, source=self.name
        )
        self._picture_count += 1
        self._arrivals_s.append(arrived_s)
        self._problem = ""
        self._newest = (
            frame  # last: a thread that sees the picture does not see the old problem beside it
        )

    def lose(self, problem: str, then: str = "; retrying") -> None:
        """Count a loss, and report it, once per `problem` until a picture comes."""
        self._lost += 1
        self._arrivals_s.clear()
        if problem != self._problem:
            self._problem = problem
            self._report("camera", f"{problem}{then}")

    def miss(self, problem: str) -> None:
        """Report why the source cannot be opened yet, once per `problem`."""
        if problem != self._problem:
            self._problem = problem
            self._report("camera", f"{problem}; still searching")


class LiveSource(NewestOnly):
    """A source with its own reading thread. Subclasses implement `pictures`."""

    def __init__(self, name: str, *, clock: Clock, report: Report) -> None:
        super().__init__(name, clock=clock, report=report)
        self._closing = threading.Event()
        self._guard = Guard(log, lambda key, problem: self._lose(problem), "camera", self.label)
        self._thread = GuardedThread(self.label, self._run, self._guard)

    @abstractmethod
    def pictures(self) -> Generator[np.ndarray | None, None, None]:
        """Open the source and yield its pictures as they arrive, (height, width, 3) uint8 RGB, row
        0 at the top; None for a damaged one. Ends when the source has ended, or soon after
        `self._closing` is set; then releases everything. SourceError, FFmpegError or OSError if the
        source cannot be opened or fails."""

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        # A driver may hang inside its read; the thread is a daemon and then ends with the process.
        self._thread.join(timeout_s=2.0)

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            seen_before = self._picture_count
            self._guard.attempt(self._read_until_lost)
            failures = failures + 1 if self._picture_count == seen_before else 1
            self._closing.wait(next_delay_s(failures))

    def _read_until_lost(self) -> None:
        try:
            with (
                translate_errors(
                    {av.error.FFmpegError: self.label, OSError: self.label}, as_=SourceError
                ),
                closing(self.pictures()) as pictures,
            ):
                for pixels in pictures:
                    if pixels is None:
                        self._lost += 1
                    else:
                        self.take(pixels)
            self._lose(f"{self.label}: disconnected")
        except SourceError as error:
            self._lose(str(error))

    def _lose(self, problem: str) -> None:
        if not self._closing.is_set():
            self.lose(problem)
