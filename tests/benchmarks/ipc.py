"""Pictures from one process to another: the frame ring compared with `multiprocessing.Queue`.

A transfer lasts from the call that sends a picture until the other process has its own copy. It has
two parts, measured separately. Copying grows with the picture size. For the ring, the copies in and
out are timed separately and together, while the reader polls without sleeping; for the queue, the
transfer of one pixel is subtracted. The wake-up time does not depend on size. There another
program's `SharedReader` waits for the ring's picture: on Linux the system wakes it, as it wakes one
in `Queue.get`; elsewhere it polls every millisecond.

Blocks of transfers alternate, so that a machine that gets busy slows both, and neither always finds
the picture in the caches.
"""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import numpy as np

from engine.ipc import FrameRing, RingOwner, RingReader, map_segment
from engine.jobs.kit.options import option
from engine.sinks.shared_reader import SharedReader
from tests.benchmarks.measuring import Progress

SIZES = ((512, 512, 3), (1920, 1080, 4))
"""(width, height, channels)"""
BLOCK = 10  # transfers of one kind in a row
SETTLING = 3  # transfers at the start of each block, not counted: every slot gets mapped
MAX_WAIT_S = 0.1
RING = "bench ipc"
ASLEEP_S = 0.003  # pause before a picture that wakes the reader


@dataclass(frozen=True, slots=True, kw_only=True)
class IpcBench:
    """Send pictures to another process: the ring compared with a queue."""

    blocks: int = option(10, "Blocks of ten pictures of each size and each way.", low=1)


def run(options: IpcBench, progress: Progress) -> dict[str, Any]:
    """Measure each size with ring and queue; times in ms."""
    steps = len(SIZES) + 1
    progress("waking up", 0.0)
    result = progress.begin({"wake_up": _wake_up(options.blocks)})
    for done, size in enumerate(SIZES, start=1):
        progress("x".join(map(str, size)), done / steps)
        result["x".join(map(str, size))] = _compare(
            size, options.blocks, result["wake_up"]["queue_ms_p50"]
        )
    return result


class _Pair:
    """A ring and a queue to one child process, and the pipe for its reports."""

    def __init__(self, ring: RingOwner, queue: Any, pipe: Connection) -> None:
        self.ring, self.queue, self.pipe = ring, queue, pipe
        self._sent_count = 0

    def send_by_queue(self, picture: np.ndarray) -> tuple[float, ...]:
        """Seconds of the transfer."""
        began_s = time.perf_counter()
        self.queue.put(picture)
        (got_s,) = self.pipe.recv()
        return (got_s - began_s,)

    def send_by_ring(self, picture: np.ndarray) -> tuple[float, ...]:
        """Seconds of the transfer, of the copy into the ring, and of the copy out of it."""
        self._sent_count += 1
        began_s = time.perf_counter()
        self.ring.write(picture, index=self._sent_count, time_s=began_s)
        written_s = time.perf_counter() - began_s
        found_s, got_s = self.pipe.recv()
        return got_s - began_s, written_s, got_s - found_s


@contextmanager
def _pair(size: tuple[int, int, int], blocks: int, *, is_asleep: bool) -> Iterator[_Pair]:
    """Start a child process that runs `take_in_turn`, and wait until it is ready."""
    context = multiprocessing.get_context("spawn")
    width, height, channels = size
    ring = FrameRing.create(RING, width, height, channels=channels)
    queue = context.Queue(2)
    pipe, child_pipe = context.Pipe()
    reading = (ring.segment, queue, child_pipe, blocks, is_asleep)
    child = context.Process(target=take_in_turn, args=reading, daemon=True)
    child.start()
    child_pipe.close()
    try:
        while not pipe.poll(MAX_WAIT_S):
            ring.beat()  # without it no program finds the ring
        pipe.recv()
        yield _Pair(ring, queue, pipe)
        child.join()
    finally:
        child.kill()  # it has exited already if all went well
        child.join()
        for part in (queue, pipe, ring, child):
            part.close()


def _compare(size: tuple[int, int, int], blocks: int, queue_wake_ms: float) -> dict[str, float]:
    width, height, channels = size
    picture = np.random.default_rng(1).integers(0, 256, (height, width, channels), np.uint8)
    queue_s: list[tuple[float, ...]] = []
    ring_s: list[tuple[float, ...]] = []
    with _pair(size, blocks, is_asleep=False) as pair:
        for _ in range(blocks):
            queue_s += [pair.send_by_queue(picture) for _ in range(BLOCK)][SETTLING:]
            ring_s += [pair.send_by_ring(picture) for _ in range(BLOCK)][SETTLING:]
    (queue_ms,) = _medians_ms(queue_s)
    handover_ms, write_ms, read_ms = _medians_ms(ring_s)
    copied_ms = queue_ms - queue_wake_ms
    return {
        "queue_handover_ms": round(queue_ms, 4),
        "ring_handover_ms": round(handover_ms, 4),
        "ring_write_ms": round(write_ms, 4),
        "ring_read_ms": round(read_ms, 4),
        "times_faster_a_copy": round(copied_ms / max(write_ms, read_ms), 1),
        "times_faster_handover": round(copied_ms / handover_ms, 1),
    }


def _wake_up(blocks: int) -> dict[str, float]:
    """Measure how long a sleeping reader takes to receive a picture of one pixel."""
    pixel = np.zeros((1, 1, 3), np.uint8)
    queue_s: list[float] = []
    ring_s: list[float] = []
    with _pair((1, 1, 3), blocks, is_asleep=True) as pair:
        for _ in range(blocks):
            for give, times in ((pair.send_by_queue, queue_s), (pair.send_by_ring, ring_s)):
                for number in range(BLOCK):
                    # varies, to land anywhere between two polls
                    time.sleep(ASLEEP_S + number * 1e-4)
                    times.append(give(pixel)[0])
    return {
        f"{way}_ms_p{percent}": round(float(np.percentile(times, percent)) * 1000, 4)
        for way, times in (("queue", queue_s), ("ring", ring_s))
        for percent in (50, 99)
    }


def _medians_ms(rounds: list[tuple[float, ...]]) -> list[float]:
    """The median of each tuple position, in ms instead of seconds."""
    return [median(times) * 1000 for times in zip(*rounds, strict=True)]


# -- the reader process: takes pictures and reports their arrival times through a pipe


def take_in_turn(segment: str, queue: Any, pipe: Connection, blocks: int, is_asleep: bool) -> None:
    """Alternately take a block of pictures from the queue and from the ring, polled without pause
    or asleep."""
    reader, sleeper = FrameRing.attach(segment), SharedReader(RING)
    # by itself it would take the ring from our parent's resource tracker
    sleeper.ring = map_segment(segment)
    pipe.send(None)
    spare = None
    for _ in range(blocks):
        for _ in range(BLOCK):
            queue.get()
            pipe.send((time.perf_counter(),))
        for _ in range(BLOCK):
            found_s, spare = _sleep(sleeper) if is_asleep else _spin(reader, spare)
            pipe.send((found_s, time.perf_counter()))
    reader.close()


def _sleep(reader: SharedReader) -> tuple[float, None]:
    """Sleep until the next frame; like `_spin`."""
    before = reader.number
    while reader.latest() is None or reader.number == before:
        reader.wait(MAX_WAIT_S)
    return time.perf_counter(), None


def _spin(reader: RingReader, spare: np.ndarray | None) -> tuple[float, np.ndarray]:
    """The start time of the poll that found the next frame, and its pixels."""
    before = reader.sequence
    while True:
        began_s = time.perf_counter()
        frame = reader.latest(spare)
        if frame is not None and reader.sequence != before:
            return began_s, frame.pixels
