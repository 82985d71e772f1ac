"""A pipeline of three threads: one reads ahead, the caller's thread does the work, one writes.

    reader thread    read()          yields pieces       at most `ahead` queued
    caller's thread  work(pieces)    yields results, in the order to be written
    writer thread    write(results)  takes each result   at most `unwritten` queued

The two bounded queues give backpressure: a slow writer blocks the work, slow work blocks the
reader. `work` gets an iterator and returns one, so it may keep several pieces in flight in other
processes or on other machines. An error on any thread ends the other two and is raised by `run`. A
stop (`is_stopped`) ends the work between two results; results made until then are still written.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Generic, TypeVar

from engine.system.bounded_queue import BoundedQueue, QueueAborted, Worker

Piece = TypeVar("Piece")
Result = TypeVar("Result")

MIN_WAITING, MAX_WAITING = 2, 8


class Pipeline(Generic[Piece, Result]):
    """One run of the reading, working and writing threads, with bounded queues between them.
    `pieces` and `results` report lengths of the queues and wait times of their sides, on any
    thread."""

    def __init__(
        self, name: str, *, ahead: int, unwritten: int, is_stopped: Callable[[], bool]
    ) -> None:
        """`name`: of the job, used as thread names. `is_stopped` is called on the caller's
        thread."""
        self.pieces: BoundedQueue[Piece] = BoundedQueue(ahead)
        self.results: BoundedQueue[Result] = BoundedQueue(unwritten)
        self.is_interrupted = False
        """True if the work ended before all pieces were taken. Valid once the writer sees the end
        of the results."""
        self.read_s = 0.0
        """Seconds spent reading pieces."""
        self.last_wait_s = 0.0
        """Seconds the caller waited at the end for the writer."""
        self._name = name
        self._is_stopped = is_stopped

    def run(
        self,
        read: Callable[[], Iterable[Piece]],
        work: Callable[[Iterator[Piece]], Iterable[Result]],
        write: Callable[[Iterator[Result]], None],
        *,
        on_result: Callable[[Result], object] = lambda result: None,
        on_worked: Callable[[], object] = lambda: None,
        stop_reading: Callable[[], object] = lambda: None,
    ) -> None:
        """Run to the end; re-raises an error of any of the threads. `on_result` is called on this
        thread after each result is queued for the writer, `on_worked` after the last one.
        `stop_reading` must unblock a reader that waits for its source; it is called after the work,
        and after an error."""
        reader = Worker(f"{self._name} reader", lambda: self._read(read()), self.pieces)
        writer = Worker(
            f"{self._name} writer", lambda: write(self.results.items()), self.results, self.pieces
        )
        reader.start()
        writer.start()
        try:
            with suppress(QueueAborted):  # the worker's own error says more
                for result in work(self.pieces.items(self._is_stopped)):
                    self.results.put(result)
                    on_result(result)
                self.is_interrupted = not self.pieces.is_done
                on_worked()
        except BaseException:
            self.results.abort()
            raise
        finally:
            self.pieces.abort()
            stop_reading()
            reader.join()
            if reader.error is not None:
                self.results.abort()
            self.results.end()
            ending_s = time.perf_counter()
            writer.join()
            self.last_wait_s = time.perf_counter() - ending_s
        for worker in (reader, writer):
            if worker.error is not None:
                raise worker.error

    def _read(self, pieces: Iterable[Piece]) -> None:
        """Run on the reader thread."""
        source = iter(pieces)
        while True:
            began_s = time.perf_counter()
            piece = next(source, None)
            self.read_s += time.perf_counter() - began_s
            if piece is None:
                self.pieces.end()
                return
            self.pieces.put(piece)


def waiting_for(piece_bytes: int, budget_bytes: int) -> int:
    """Length of a queue: long enough to absorb one slow piece, within the memory budget, but at
    least MIN_WAITING."""
    return min(max(budget_bytes // piece_bytes, MIN_WAITING), MAX_WAITING)
