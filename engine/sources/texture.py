"""Base of sources that receive a texture of another program, with Syphon or Spout. Untested on a
real Mac or PC.

Both libraries must be used on the render thread (all GL is on one thread, which also runs macOS's
run loop). So these sources have no thread: the frame loop polls them. Tests check both against the
libraries' published interfaces.
"""

import logging
from abc import abstractmethod

import numpy as np

from engine.errors import SourceError
from engine.sources.live import NewestOnly
from engine.sources.names import best_match, missing_message
from engine.system.backoff import next_delay_s
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard
from engine.system.reporting import Report

log = logging.getLogger(__name__)

POLL_S = 0.5  # interval of the search for a sender
MAX_WAIT_S = 4.0  # maximum retry delay


class TextureSource(NewestOnly):
    """A `Polled` source. `poll`, `renew_context`, `close`: render thread, its context current; the
    rest: any."""

    def __init__(self, name: str, *, clock: Clock, report: Report) -> None:
        super().__init__(name, clock=clock, report=report)
        # Errors in another program's texture must not abort our frame.
        self._receiving = Guard(log, lambda key, problem: self._lose(problem), "camera", self.label)
        self._releasing = Guard(log, report, "camera", self.label)
        self._is_connected = False
        self._failures = 0
        self._next_poll_s = 0.0

    @abstractmethod
    def names(self) -> list[str]:
        """Names of the senders that other programs publish."""

    @abstractmethod
    def connect(self, name: str) -> None:
        """Connect to the sender of that name, one of `names`."""

    @abstractmethod
    def receive(self) -> np.ndarray | None:
        """A new picture, (height, width, 3) uint8 RGB, row 0 at the top, or None. SourceError if
        the sender ended."""

    @abstractmethod
    def disconnect(self) -> None:
        """Release the sender and everything of the GL context. Idempotent."""

    def start(self) -> None:
        self._next_poll_s = self._clock.now_s()

    def poll(self) -> None:
        """Take the newest picture, or search for the sender. Call it once per frame; never waits,
        never raises."""
        if self._is_connected or self._clock.now_s() >= self._next_poll_s:
            self._receiving.attempt(self._take_newest)

    def close(self) -> None:
        self._is_connected = False
        self._releasing.attempt(self.disconnect)  # fails if the context was lost

    renew_context = (
        close  # the renderer's new context is current, and the old one's objects are released
    )

    def _take_newest(self) -> None:
        try:
            if not self._is_connected and not self._look():
                return
            pixels = self.receive()
            if pixels is not None:
                self._failures = 0
                self.take(pixels)
        except SourceError as error:
            self._lose(str(error))

    def _look(self) -> bool:
        """Connect to the sender; False if it is not there."""
        self._next_poll_s = self._clock.now_s() + POLL_S
        names = self.names()
        name = best_match(self.name, names)
        if name is None:
            self.miss(missing_message(self.kind, self.name, names))
            return False
        self.connect(name)
        self._is_connected = True
        return True

    def _lose(self, problem: str) -> None:
        self.close()
        self._failures += 1
        self._next_poll_s = self._clock.now_s() + next_delay_s(self._failures, max_s=MAX_WAIT_S)
        self.lose(problem)
