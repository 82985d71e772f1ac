"""After kill -9 of the engine its children and their server exit, and no shared memory is left."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.children.launcher import CAN_FORK
from engine.ipc import sweep_dead_rings
from engine.ipc.ring_folder import read_info, system_folder
from tests.children.toys import FORKS, is_live
from tests.support.long_form import IS_SOAK, ONLY_SOAK

ROOT = Path(__file__).parents[2]
MAX_END_S = 3.0 if IS_SOAK else 10.0  # on an overloaded machine


@contextmanager
def stand_in_engine(kind: str) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A process that acts as the engine, with the processes it started: fork server or spares, and
    children."""
    engine = subprocess.Popen(
        [sys.executable, "-m", "tests.children.stand_in_engine", kind],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert engine.stdout is not None
    with engine.stdout:
        _, *theirs = (int(number) for number in engine.stdout.readline().split())
    family = [psutil.Process(pid) for pid in theirs if pid]
    try:
        yield engine, family
    finally:
        for process in (engine, *filter(is_live, family)):
            process.kill()
        engine.wait()


LINUX_WAKES = pytest.mark.only_on(
    "linux", reason="elsewhere a stopped process does not notice its parent's death"
)
CASES = [
    pytest.param("forked", False, marks=FORKS),
    pytest.param("spawned", True, marks=LINUX_WAKES),
    pytest.param("forked", True, marks=[FORKS, *ONLY_SOAK]),
    pytest.param("spawned", False, marks=ONLY_SOAK if CAN_FORK else ()),
]


@pytest.mark.parametrize(("kind", "is_stopped"), CASES)
def test_children_end_and_shared_memory_is_gone_when_the_engine_is_killed(
    kind: str, is_stopped: bool, wait_for: Any
) -> None:
    with stand_in_engine(kind) as (engine, family):
        names = {
            name
            for name in system_folder().segments()
            if name.startswith(f"multiverse-{engine.pid}-")
        }
        assert len(family) == (3 if kind == "forked" else 4), (
            "a server or two spare processes, and two children"
        )
        assert len(names) == 6, "a gate, an input ring, two segments of counters, two output rings"
        if is_stopped:
            # a spare one may not have begun
            for process in family if kind == "forked" else family[:2]:
                process.suspend()
        engine.kill()
        engine.wait()
        killed_s = time.perf_counter()
        wait_for(lambda: not any(map(is_live, family)), "their end")
        assert time.perf_counter() - killed_s < MAX_END_S
    wait_for(
        lambda: not any(map(read_info, names)),
        "the resource tracker, or Windows, to remove the segments",
    )
    sweep_dead_rings()  # their markers
    assert names.isdisjoint(system_folder().segments())


@FORKS
def test_a_fork_server_ends_with_its_engine_even_while_it_imports(wait_for: Any) -> None:
    with stand_in_engine("importing") as (engine, (server,)):
        wait_for(lambda: server.num_threads() > 1, "the beginning of the endless import")
        engine.kill()
        engine.wait()
        wait_for(lambda: not is_live(server), "the server's end")
