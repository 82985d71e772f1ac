"""The thread that feeds batches from an iterator to the first stage processes."""

import threading
from collections import deque
from collections.abc import Iterator

from engine.errors import PipeClosedError
from engine.jobs.video.batches import VideoBatch
from engine.jobs.video.split.link import Producer
from engine.system.bounded_queue import WAKE_S

ENDING_S = 0.01


class Feeder:
    """Feeds one stream of batches, round robin, then its end. Created, stopped and joined by the painting thread."""

    def __init__(self, batches: Iterator[VideoBatch], links: list[Producer]) -> None:
        self.sent: deque[VideoBatch] = deque()
        """Batches in flight, oldest first."""
        self.error: Exception | None = None
        """Error of the iterator, or None. Batches from before the error are still painted."""
        self._batches, self._links = batches, links
        self._is_stopped = False
        self._is_asking = False
        """True while the thread waits for the iterator and uses no link."""
        self._thread = threading.Thread(target=self._run, name="video feeder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        """Wait for the thread. Call this after the stream has ended."""
        self._thread.join()

    def stop(self) -> None:
        """Stop using the links. The thread may still be waiting for the iterator, without a timeout."""
        self._is_stopped = True
        while self._thread.is_alive() and not self._is_asking:
            self._thread.join(ENDING_S)

    def _run(self) -> None:
        try:
            number = 0
            while (batch := self._next()) is not None:
                self._give(number, batch)
                number += 1
            if not self._is_stopped:
                for link in self._links:
                    link.end()
        except PipeClosedError:  # the painting thread sees it too, and determines the cause
            pass

    def _next(self) -> VideoBatch | None:
        """The next batch, or None at the end and after `stop`."""
        self._is_asking = True
        try:
            batch = next(self._batches, None)
        except Exception as error:  # top of a thread; re-raised by the painting thread
            self.error, batch = error, None
        self._is_asking = False  # cleared before reading `_is_stopped`; `stop` sets `_is_stopped` before reading this
        return None if self._is_stopped else batch

    def _give(self, number: int, batch: VideoBatch) -> None:
        link = self._links[number % len(self._links)]
        while not link.has_room(WAKE_S):
            if self._is_stopped:
                return
        slot = link.room()
        slot.arrays["rgb"][...] = batch.pixels
        self.sent.append(batch)
        link.give(slot, number=number, pictures=len(batch.pictures))
