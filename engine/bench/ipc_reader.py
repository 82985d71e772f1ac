"""The reader process of the ring benchmark: takes pictures and reports their arrival times through a pipe."""

import time
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

from engine.ipc import FrameRing, RingFrame, RingReader

MAX_WAIT_S = 60.0
REPORT_EVERY = 10_000  # pictures


class Numbered(NamedTuple):
    read: int
    torn: int
    """Torn pictures that were delivered; must be 0."""
    thrown_away: int
    """Copies that the reader discarded, because the writer overwrote them meanwhile."""


def take_in_turn(segment: str, queue: Any, pipe: Connection, blocks: int, block: int) -> None:
    """Alternately take `block` pictures from the queue and from the ring; polls the ring without sleeping."""
    reader = FrameRing.attach(segment)
    pipe.send(None)
    spare = None
    for _ in range(blocks):
        _take_queue(queue, pipe, block)
        for _ in range(block):
            found_s, frame = _spin(reader, spare)
            pipe.send((found_s, time.perf_counter()))
            spare = frame.pixels
    reader.close()


def sleep_in_turn(segment: str, queue: Any, pipe: Connection, blocks: int, block: int) -> None:
    """`take_in_turn`, but sleeping while it waits for the ring."""
    reader = FrameRing.attach(segment)
    pipe.send(None)
    for _ in range(blocks):
        _take_queue(queue, pipe, block)
        for _ in range(block):
            reader.wait_newer(MAX_WAIT_S)
            got_s = time.perf_counter()
            pipe.send((got_s, got_s))
    reader.close()


def check_numbers(segment: str, queue: Any, pipe: Connection, frames: int) -> None:
    """Read `frames` pictures with their number in every byte; reports a Numbered periodically and at the end."""
    reader = FrameRing.attach(segment)
    pipe.send(None)
    torn = 0
    spare = None
    for read in range(1, frames + 1):
        _, frame = _spin(reader, spare)
        numbers = frame.pixels.reshape(-1).view(np.uint64)
        torn += not (numbers == frame.sequence).all() or frame.index != frame.sequence
        spare = frame.pixels
        if read % REPORT_EVERY == 0 or read == frames:
            pipe.send(Numbered(read, torn, reader.torn))
    reader.close()


def _take_queue(queue: Any, pipe: Connection, count: int) -> None:
    for _ in range(count):
        queue.get()
        pipe.send((time.perf_counter(),))


def _spin(reader: RingReader, spare: np.ndarray | None) -> tuple[float, RingFrame]:
    """The next frame, and the start time of the poll that found it."""
    before = reader.sequence
    while True:
        began_s = time.perf_counter()
        frame = reader.latest(spare)
        if frame is not None and reader.sequence != before:
            return began_s, frame
