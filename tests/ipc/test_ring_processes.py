"""Rings between real processes: torn frames, killed processes, leftover segments, foreign
processes."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from engine.errors import SharedMemoryError
from engine.ipc import FrameRing, sweep_dead_rings
from engine.ipc.owned_segment import Fence
from engine.ipc.ring_folder import read_info, system_folder
from tests.support.long_form import IS_SOAK

MAKE_RING = """
import sys, numpy as np
from engine.ipc import FrameRing
ring = FrameRing.create(sys.argv[1], 6, 4)
ring.write(np.full((4, 6, 4), 7, np.uint8), index=0, time_s=0.0)
"""

REPORT_AND_WAIT = """
print(ring.segment, flush=True)
sys.stdin.read()
"""

WRITE_WITHOUT_PAUSE = """
import sys, numpy as np
from engine.ipc import FrameRing
ring = FrameRing.create(sys.argv[1], 64, 64)
picture = np.empty((64, 64, 4), np.uint8)
numbers = picture.reshape(-1).view(np.uint64)
print(ring.segment, flush=True)
number = 0
while True:
    number += 1
    numbers[:] = number
    ring.write(picture, index=number, time_s=number / 30)
"""
MAKE_ALL = """
import sys
from engine.ipc import AudioRing, ChildCounters, FrameRing, Gate
segments = [FrameRing.create("forked", 6, 4), ChildCounters.create("forked"), Gate.create()]
segments.append(AudioRing.create("forked", channels=1, rate_hz=1000, seconds=1))
"""
FORK_AND_CLOSE = """
import gc, os
pid = os.fork()
if pid == 0:
    for segment in segments: segment.close()
    del segments, segment; gc.collect(); os._exit(0)
os.waitpid(pid, 0)
print(*(segment.segment for segment in segments), flush=True)
sys.stdin.read()
"""


def line_of(child) -> str:
    return child.stdout.readline().strip()


class FenceThatPauses(Fence):
    """A fence that lets others run for a millisecond at every 97th call, before or after a copy, as
    if busy."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0

    def __call__(self) -> None:
        super().__call__()
        self._calls += 1
        if self._calls % 97 == 0:
            time.sleep(0.001)


@pytest.mark.soak
def test_no_reader_ever_sees_a_torn_frame(children, wait_for) -> None:
    """The writer never pauses, and the reader at times does, so that its slot is overwritten also
    on one core."""
    min_frames, min_torn = (1_000_000, 500) if IS_SOAK else (2000, 10)
    reader = FrameRing.attach(line_of(children.start(WRITE_WITHOUT_PAUSE, "torn")))
    reader._fence = FenceThatPauses()
    frames, spare = 0, None

    def is_proven() -> bool:
        nonlocal frames, spare
        for _ in range(1000):
            before = reader.sequence
            frame = reader.latest(spare)
            if frame is None or reader.sequence == before:
                time.sleep(0.0001)
                continue
            assert frame.sequence > before
            assert frame.index == frame.sequence
            rows = frame.pixels.reshape(64, -1).view(np.uint64)
            assert (rows == frame.sequence).all(), f"frame {frame.index} is torn"
            frames, spare = frames + 1, frame.pixels
        return frames >= min_frames and reader.torn >= min_torn

    wait_for(
        is_proven, "frames enough, and torn copies among them", ceiling_s=600 if IS_SOAK else 120
    )
    reader.close()


def test_a_reader_distinguishes_a_dead_writer_from_a_live_one(children, wait_for) -> None:
    child = children.start(MAKE_RING + REPORT_AND_WAIT, "dying")
    reader = FrameRing.attach(line_of(child))
    frame = reader.latest()
    assert reader.state == "live" and reader.heartbeat_age_s < 30
    child.kill()
    # not reaped yet: a zombie counts as dead
    wait_for(lambda: reader.state == "dead", "the writer's death")
    assert reader.latest() is frame
    reader.close()
    with pytest.raises(SharedMemoryError):
        FrameRing.open("dying")


def test_a_leftover_whose_process_id_is_in_use_again_is_swept(children) -> None:
    poke = (
        "ring._block.header['writer_start'] -= 1000; ring._block.header['heartbeat_ns'] -= 10**10\n"
    )
    assert (
        line_of(children.start(MAKE_RING + poke + REPORT_AND_WAIT, "reused id"))
        in sweep_dead_rings()
    )


@pytest.mark.only_on("linux", reason="only Linux has namespaces of process ids")
def test_a_ring_of_another_container_is_never_swept_and_lives_by_its_heartbeat(children) -> None:
    poke = "ring._block.header['writer_namespace'] += 1\n"
    child = children.start(MAKE_RING + poke + REPORT_AND_WAIT, f"container {os.getpid()}")
    segment = line_of(child)
    children.kill(child)
    assert segment not in sweep_dead_rings()
    info = read_info(segment)
    assert info is not None and info.is_live
    os.unlink(f"/dev/shm/{segment}")


@pytest.mark.only_on(
    "linux", reason="elsewhere a segment is listed when it is ready, by its marker"
)
def test_an_unready_segment_is_swept_only_when_it_is_old(children) -> None:
    dead = children.start("")
    dead.wait()
    segment = f"multiverse-{dead.pid}-1-half"
    with open(f"/dev/shm/{segment}", "wb") as file:
        file.truncate(8192)
    assert segment not in sweep_dead_rings()
    os.utime(f"/dev/shm/{segment}", (0, 0))
    assert segment in sweep_dead_rings()


@pytest.mark.only_on("linux", "darwin", reason="Windows has no fork")
def test_a_forked_child_does_not_remove_its_parents_segments(children) -> None:
    segments = line_of(children.start(MAKE_ALL + FORK_AND_CLOSE)).split()
    assert len(segments) == 4 and set(segments) <= set(system_folder().segments())
    reader = FrameRing.attach(segments[0])
    assert reader.state == "live"
    reader.close()


@pytest.mark.only_on(
    "linux", "darwin", reason="Windows removes the memory of an ended process itself"
)
def test_a_run_whose_segments_were_removed_when_its_user_logged_out_ends_without_a_line() -> None:
    program = MAKE_RING + (
        "import _posixshmem\n"
        "_posixshmem.shm_unlink('/' + ring.segment)\n"
        "ring.resize(8, 4)\n"
        "_posixshmem.shm_unlink('/' + ring.segment)\n"
        "ring.close()\n"
        "print('ended')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "gone"], capture_output=True, text=True, timeout=120
    )
    assert (done.stdout, done.stderr, done.returncode) == ("ended\n", "", 0)
