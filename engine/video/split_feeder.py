"""The thread that takes batches from wherever they come and gives them to the first processes."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

from engine.errors import PipeClosedError
from engine.handover import LOOK_UP_S
from engine.video.batches import VideoBatch
from engine.video.link import Producer


class Feeder:
    """One stream of batches: dealt in turn, then their end. Made, stopped and joined by the thread that paints."""

    def __init__(self, batches: Iterator[VideoBatch], links: list[Producer]) -> None:
        self.sent: deque[VideoBatch] = deque()
        """On their way, oldest first."""
        self.error: Exception | None = None
        """Of the iterator. What it gave before is painted as if it had ended there."""
        self._batches, self._links = batches, links
        self._is_stopped = False
        self._at_links = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="video feeder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        """After the end of the stream has come out."""
        self._thread.join()

    def stop(self) -> None:
        """It gives nothing more. It may wait for the next batch for ever, which is for the iterator's owner to end."""
        self._is_stopped = True
        with self._at_links:  # from here on it never touches a link
            pass

    def _run(self) -> None:
        try:
            for number, batch in enumerate(self._batches):
                if not self._give(number, batch):
                    return
        except PipeClosedError:  # the thread that takes sees it too, and finds out why
            return
        except Exception as error:  # the top of a thread: raised again by the thread that paints
            self.error = error
        with suppress(PipeClosedError), self._at_links:
            for link in [] if self._is_stopped else self._links:
                link.end()

    def _give(self, number: int, batch: VideoBatch) -> bool:
        """Whether it was given; not when this is to stop."""
        link = self._links[number % len(self._links)]
        with self._at_links:
            while not self._is_stopped and not link.has_room(LOOK_UP_S):
                pass
            if self._is_stopped:
                return False
            slot = link.room()
            slot.arrays["rgb"][...] = batch.pixels
            self.sent.append(batch)
            link.give(slot, number=number, pictures=len(batch.pictures))
            return True
