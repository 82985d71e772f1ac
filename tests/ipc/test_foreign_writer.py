"""Rings that one process makes and another writes: takeover, deaths, and heartbeats."""

import os
from collections.abc import Iterator

import numpy as np
import pytest

from engine.errors import SharedMemoryError
from engine.ipc import AudioRing, ChildCounters, FrameRing, Gate, RingOwner, RingReader, layout
from engine.ipc.ring_folder import read_info, system_folder

Ring = tuple[RingOwner, RingReader]
VISIT = """
import sys, numpy as np
from engine.ipc import AudioRing, ChildCounters, FrameRing, Gate
picture, counters, gate, sound = sys.argv[1:]
FrameRing.write_to(picture).write(np.full((4, 6, 3), 9, np.uint8), index=0, time_s=0)
ChildCounters.open(counters).beat(1)
Gate.open(gate).voice_begins(2)
AudioRing.write_to(sound).write(np.ones((3, 1), np.float32))
"""
WRITE_NUMBERS = """
import sys, numpy as np
from engine.ipc import FrameRing
writer = FrameRing.write_to(sys.argv[1])
height = writer.shape[0]
pictures = [np.full(writer.shape, value, np.uint8) for value in range(8)]
print(writer.sequence, flush=True)
while True:
    number = writer.sequence + 1
    picture = pictures[number % 8]
    picture.reshape(height, -1)[:, :8].view(np.uint64)[:] = number
    writer.write(picture, index=number, time_s=0.0)
"""


def picture(value: int, height: int = 4, width: int = 6) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


@pytest.fixture
def ring() -> Iterator[Ring]:
    owner = FrameRing.create("sd", 6, 4, channels=3)
    reader = FrameRing.attach(owner.segment)
    yield owner, reader
    reader.close()
    owner.close()


def test_the_next_writer_continues_number_and_generation(ring: Ring) -> None:
    owner, reader = ring
    first = FrameRing.write_to(owner.segment)
    first.generation = 4
    for number in range(5):
        first.write(picture(number), index=number, time_s=0)
    first.close()
    first.close()
    second = FrameRing.write_to(owner.segment)
    assert (second.sequence, second.generation) == (5, 4)
    second.write(picture(9), index=0, time_s=0)
    frame = reader.latest()
    assert frame is not None and (frame.sequence, frame.generation) == (6, 4)
    second.close()


def test_a_ring_that_is_gone_moved_or_invalid_cannot_be_written() -> None:
    owner = FrameRing.create("short", 6, 4)
    segment = owner.segment
    old = FrameRing.write_to(segment)
    owner.resize(8, 5)
    with pytest.raises(SharedMemoryError, match=segment):
        FrameRing.write_to(segment)
    owner.close()
    old.write(np.zeros((4, 6, 4), np.uint8), index=0, time_s=0)  # into memory without readers
    old.close()
    with pytest.raises(SharedMemoryError, match=r"frame ring nonsense: \w+"):
        FrameRing.write_to("nonsense")


def test_a_foreign_writer_that_exits_removes_nothing(children, ring: Ring) -> None:
    owner, reader = ring
    counters, gate = ChildCounters.create("sd"), Gate.create()
    sound = AudioRing.create("voice", channels=1, rate_hz=1000, seconds=0.1)
    segments = [owner, counters, gate, sound]
    assert children.start(VISIT, *(part.segment for part in segments)).wait() == 0
    frame = reader.latest()
    assert frame is not None and (frame.pixels == 9).all() and reader.state == "live"
    assert (counters.alive_ns, gate.is_voice_running(2), sound.end_sample) == (1, True, 3)
    assert {part.segment for part in segments} <= set(system_folder().segments())
    for part in segments[1:]:
        part.close()


def assert_whole(frame, since: int) -> None:
    """Every row holds the frame's number, and every other byte its remainder modulo 8."""
    assert frame.sequence >= since and frame.index == frame.sequence
    rows = frame.pixels.reshape(len(frame.pixels), -1)
    assert (rows[:, :8].copy().view(np.uint64) == frame.sequence).all(), (
        f"frame {frame.sequence} is torn"
    )
    assert (rows[:, 8:] == frame.sequence % 8).all(), f"frame {frame.sequence} is torn"


def test_a_writer_killed_in_the_middle_of_a_picture_is_followed_by_the_next(
    children, wait_for
) -> None:
    """The pictures are so large that a writer spends nearly all its time copying: most kills
    interrupt a copy."""
    owner = FrameRing.create("killed", 1024, 768, channels=3)
    reader = FrameRing.attach(owner.segment)
    cut = 0
    for _ in range(8):
        before = owner.sequence
        child = children.start(WRITE_NUMBERS, owner.segment)
        assert int(child.stdout.readline()) == before
        frame = wait_for(
            lambda before=before: (f := reader.latest()) and f.sequence > before + 20 and f,
            "frames",
        )
        assert_whole(frame, before)
        children.kill(child)
        newest = owner.sequence
        begun = max(int(counters[0]) for counters, _, _ in owner._block.slots)
        assert begun in (newest, newest + 1)
        cut += begun == newest + 1
        late = FrameRing.attach(owner.segment)  # has no earlier picture to fall back on
        frame = late.latest()
        assert frame is not None and frame.sequence == newest and late.torn == 0
        assert_whole(frame, newest)
        late.close()
    assert cut, "no kill interrupted a copy"
    assert reader.state == "live"
    info = read_info(owner.segment)
    assert info is not None and info.writer.pid == os.getpid()
    reader.close()
    owner.close()


@pytest.mark.parametrize("state", [layout.CLOSED, layout.MOVED])
def test_a_closing_ring_takes_no_new_writer(ring: Ring, state: int) -> None:
    owner, _ = ring
    owner._block.states[0] = state  # as its owner leaves it just before removing the name
    with pytest.raises(SharedMemoryError, match=f"{owner.segment}: closed, or moved"):
        FrameRing.write_to(owner.segment)
