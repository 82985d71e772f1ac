"""The engine is killed with SIGKILL: its children and their server end by themselves, and nothing stays in memory."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.children.toys import is_live

ROOT = Path(__file__).parents[2]
LONGEST_END_S = 3.0 if os.environ.get("MULTIVERSE_SOAK") == "1" else 10.0  # on a machine that may be far too busy


@pytest.mark.parametrize("kind", ["forked", "spawned"])
def test_children_end_and_shared_memory_is_gone_when_the_engine_is_killed(
    kind: str, wait_for: Callable[..., Any], require: Callable[..., None]
) -> None:
    require(sys.platform == "linux", "Linux, where shared memory can be listed")
    engine = subprocess.Popen(
        [sys.executable, "-m", "tests.children.stand_in_engine", kind], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert engine.stdout is not None
    with engine.stdout:
        pid, *theirs = (int(word) for word in engine.stdout.readline().split())
    family = [psutil.Process(child) for child in theirs if child]
    names = [name for name in os.listdir("/dev/shm") if name.startswith(f"multiverse-{pid}-")]
    assert len(family) == (3 if kind == "forked" else 2)
    assert len(names) == 6, "a gate, a ring in, two of words, two rings out"
    engine.kill()
    engine.wait()
    killed_s = time.perf_counter()
    wait_for(lambda: not any(map(is_live, family)), "their end")
    assert time.perf_counter() - killed_s < LONGEST_END_S
    wait_for(
        lambda: not any(name.startswith(f"multiverse-{pid}-") for name in os.listdir("/dev/shm")),
        "the resource tracker to remove the segments",
    )
