"""A texture that another program publishes with Syphon or Spout. Never run on a Mac or a PC by those who wrote it.

Both libraries belong to the render thread (all GL in one thread; macOS serves its run loop there), so these sources
have no thread: the frame loop polls them. Both are held against the libraries' published interfaces in the tests.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from engine.errors import SourceError
from engine.sources.live import NOT_OFFLINE, LatestPicture
from engine.sources.names import chosen_name, not_found
from engine.sources.source import SourceStatus
from engine.system.backoff import next_delay_s
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard
from engine.values import VideoFrame

log = logging.getLogger(__name__)

POLL_S = 0.5  # how often a sender is looked for
MAX_WAIT_S = 4.0  # after failures in a row


class TextureSource(ABC):
    """A `Polled` source. `poll`, `renew_context` and `close` on the render thread with its GL context current; the rest
    on any."""

    kind: ClassVar[str]

    def __init__(self, name: str, *, clock: Clock, report: Callable[[str, str], None]) -> None:
        self.name = name
        self.label = f"{self.kind} {name}"
        self._clock = clock
        self._report = report
        self._picture = LatestPicture(self.label, name, clock)
        # Another program's texture must not cost our frame.
        self._receiving = Guard(log, lambda key, problem: self._lose(problem), "camera", self.label)
        self._releasing = Guard(log, report, "camera", self.label)
        self._is_connected = False
        self._failures = 0
        self._look_at_s = 0.0

    @abstractmethod
    def names(self) -> list[str]:
        """What other programs publish now."""

    @abstractmethod
    def connect(self, name: str) -> None:
        """Receive from the sender of that name, one of `names`."""

    @abstractmethod
    def receive(self) -> np.ndarray | None:
        """(height, width, 3) uint8 RGB, row 0 at the top, if there is a new picture. SourceError when it is gone."""

    @abstractmethod
    def disconnect(self) -> None:
        """Let go of the sender and of everything of the GL context. Harmless when there is none."""

    def start(self) -> None:
        """Look for the sender at the next poll."""
        self._look_at_s = self._clock.now_s()

    def poll(self) -> None:
        """Take the newest picture, or look for the sender. Once a frame; never waits, never raises."""
        if self._is_connected or self._clock.now_s() >= self._look_at_s:
            self._receiving.attempt(self._take_newest)

    def renew_context(self) -> None:
        """The renderer has a new GL context: what was kept of the old one is let go."""
        self._let_go()

    def latest_frame(self) -> VideoFrame | None:
        return self._picture.latest()

    def frame_at(self, time_s: float) -> VideoFrame | None:
        raise SourceError(f"{self.label}: {NOT_OFFLINE}")

    def status(self) -> SourceStatus:
        return self._picture.status()

    def close(self) -> None:
        self._let_go()

    def _take_newest(self) -> None:
        try:
            if not self._is_connected and not self._look():
                return
            pixels = self.receive()
            if pixels is not None:
                self._failures = 0
                self._picture.take(pixels)
        except SourceError as error:
            self._lose(str(error))

    def _look(self) -> bool:
        """Connect to the sender; False if it is not there."""
        self._look_at_s = self._clock.now_s() + POLL_S
        names = self.names()
        name = chosen_name(self.name, names)
        if name is None:
            problem = not_found(self.kind, self.name, names)
            if problem != self._picture.problem:
                self._picture.problem = problem
                self._report("camera", f"{problem}; still looking for it")
            return False
        self.connect(name)
        self._is_connected = True
        return True

    def _lose(self, problem: str) -> None:
        self._let_go()
        self._failures += 1
        self._look_at_s = self._clock.now_s() + next_delay_s(self._failures, longest_s=MAX_WAIT_S)
        self._picture.lose(problem)
        self._report("camera", f"{problem}; it is tried again")

    def _let_go(self) -> None:
        self._is_connected = False
        self._releasing.attempt(self.disconnect)  # a dead context may not let go of everything
