"""After kill -9 of the engine its children and their server exit, and no shared memory is left."""

import os
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
from tests.children.toys import is_live
from tests.support.long_form import IS_SOAK, in_long_form

ROOT = Path(__file__).parents[2]
MAX_END_S = 3.0 if IS_SOAK else 10.0  # on an overloaded machine


@contextmanager
def stand_in_engine(kind: str) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A process that acts as the engine, with the processes it started: its fork server, if any, and its children."""
    engine = subprocess.Popen(
        [sys.executable, "-m", "tests.children.stand_in_engine", kind], cwd=ROOT, stdout=subprocess.PIPE, text=True
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


@pytest.mark.parametrize(
    ("kind", "is_stopped"), [("forked", False), ("spawned", True), *in_long_form(("forked", True), ("spawned", False))]
)
def test_children_end_and_shared_memory_is_gone_when_the_engine_is_killed(
    kind: str, is_stopped: bool, wait_for: Any, require: Any
) -> None:
    require(sys.platform == "linux", "Linux, where shared memory can be listed")
    with stand_in_engine(kind) as (engine, family):
        prefix = f"multiverse-{engine.pid}-"
        names = [name for name in os.listdir("/dev/shm") if name.startswith(prefix)]
        assert len(family) == (3 if kind == "forked" else 2)
        assert len(names) == 6, "a gate, an input ring, two segments of counters, two output rings"
        if is_stopped:
            for process in family:
                process.suspend()
        engine.kill()
        engine.wait()
        killed_s = time.perf_counter()
        wait_for(lambda: not any(map(is_live, family)), "their end")
        assert time.perf_counter() - killed_s < MAX_END_S
    wait_for(
        lambda: not any(name.startswith(prefix) for name in os.listdir("/dev/shm")),
        "the resource tracker to remove the segments",
    )


def test_a_fork_server_ends_with_its_engine_even_while_it_imports(wait_for: Any, require: Any) -> None:
    require(CAN_FORK, "Linux with pidfd")
    with stand_in_engine("importing") as (engine, (server,)):
        wait_for(lambda: server.num_threads() > 1, "the beginning of the endless import")
        engine.kill()
        engine.wait()
        wait_for(lambda: not is_live(server), "the server's end")
