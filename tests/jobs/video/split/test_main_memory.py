"""The measured main memory of processes that hold known amounts. Torch is not needed."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.jobs.video.split.main_memory import MainMemory
from engine.jobs.video.split.pool import StagePool
from tests.children.toys import is_live
from tests.jobs.video.split.toy_job import batches, layout

WaitFor = Callable[..., Any]

HELD_MB = 96
HOLDER = """
import mmap, sys
held = None
for line in sys.stdin:
    order, _, what = line.rstrip().partition(" ")
    if order == "hold":
        held = b"x" * (int(what) << 20)
    elif order == "map":
        with open(what, "rb") as file:
            held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        held[::4096]
    print("done", flush=True)
"""


class Holder:
    """A process that allocates the requested memory."""

    def __init__(self) -> None:
        command = [sys.executable, "-S", "-c", HOLDER]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.tell("begin")

    def tell(self, order: str) -> None:
        """Done when this returns."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def holders() -> Iterator[list[Holder]]:
    made = [Holder(), Holder()]
    yield made
    for holder in made:
        if holder.process.poll() is None:
            holder.kill()


@pytest.fixture
def memory(holders: list[Holder]) -> Iterator[MainMemory]:
    """Memory of the holders."""
    made = MainMemory([holder.process.pid for holder in holders])
    yield made
    made.close()


def alone_mb(pid: int | None = None) -> float:
    """Resident size of a process in MiB, without shared memory where the system reports it."""
    info = psutil.Process(pid).memory_info()
    return (info.rss - getattr(info, "shared", 0)) / 2**20


def test_the_peak_is_measured_without_a_request_and_after_the_process_has_ended(
    holders: list[Holder], memory: MainMemory, wait_for: WaitFor
) -> None:
    memory.look()
    before_mb = memory.peak_mb
    holders[0].tell(f"hold {HELD_MB}")
    wait_for(lambda: memory.peak_mb > before_mb + 0.9 * HELD_MB, "a look")
    most_mb = memory.peak_mb
    assert most_mb < before_mb + 1.5 * HELD_MB
    holders[0].kill()
    memory.look()
    holders[1].tell(f"hold {HELD_MB // 2}")
    memory.look()
    assert memory.peak_mb == most_mb, "less than was held before"
    memory.close()
    holders[1].tell(f"hold {3 * HELD_MB}")
    memory.look()
    assert memory.peak_mb == most_mb


def test_two_that_hold_at_once_are_added_up(holders: list[Holder], memory: MainMemory) -> None:
    memory.look()
    before_mb = memory.peak_mb
    for holder in holders:
        holder.tell(f"hold {HELD_MB}")
    memory.look()
    assert 1.9 * HELD_MB < memory.peak_mb - before_mb < 2.5 * HELD_MB


def test_a_file_mapped_by_two_processes_counts_once(
    holders: list[Holder], memory: MainMemory, tmp_path: Path, require: Callable[..., None]
) -> None:
    require(sys.platform == "linux", "Linux, which tells what is shared")
    weights = tmp_path / "weights"
    weights.write_bytes(b"x" * (HELD_MB << 20))
    memory.look()
    before_mb = memory.peak_mb
    for holder in holders:
        holder.tell(f"map {weights}")
    memory.look()
    assert 0.9 * HELD_MB < memory.peak_mb - before_mb < 1.5 * HELD_MB


def test_one_that_is_gone_before_the_first_look_holds_nothing(holders: list[Holder]) -> None:
    holders[0].kill()
    memory = MainMemory([holder.process.pid for holder in holders])
    memory.look()
    assert memory.peak_mb > 0.9 * alone_mb(holders[1].process.pid)
    memory.close()


def test_stage_processes_count_beside_this_one_also_when_one_has_died(wait_for: WaitFor) -> None:
    pool = StagePool(layout(count=1))
    try:
        assert len(list(pool.paint(batches(4)))) == 2
        parts_mb = [alone_mb(), *map(alone_mb, pool.pids)]
        told_mb = pool.processes_mb()
        assert told_mb > 0.95 * sum(parts_mb)
        assert min(parts_mb) > 5, "each of them is something"
        killed = psutil.Process(pool.pids[1])
        killed.kill()
        wait_for(lambda: not is_live(killed), "its end")
        assert pool.processes_mb() >= told_mb
    finally:
        pool.close()
    assert pool.processes_mb() >= told_mb
