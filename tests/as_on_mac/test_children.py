"""Children as on a Mac: a separate interpreter for each, and its environment."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.children.launcher import Launcher
from engine.children.mailbox import EXIT_ORPHANED
from engine.children.messages import Begin, ToEngine
from engine.children.spec import ChildSpec, child_environment
from engine.ipc import ChildCounters, ControlPipe
from engine.system import metal

ROOT = Path(__file__).parents[2]


@pytest.fixture
def on_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delenv(metal.VARIABLE, raising=False)


@pytest.mark.only_on("linux", "darwin", reason="passes descriptors to a process")
def test_a_spawned_child_exits_when_the_engine_dies(
    on_a_mac: None, wait_for: Callable[..., Any]
) -> None:
    counters = ChildCounters.create("echo words")
    loop, settings = "tests.children.echo:run", {"gain": 1.0}
    process, connection, output = Launcher(is_forking=False).launch(
        ChildSpec(name="echo", loop=loop, settings=settings)
    )
    pipe: ControlPipe[ToEngine] = ControlPipe(connection, ToEngine)
    pipe.send(
        Begin(
            loop=loop,
            settings=settings,
            environment={},
            niceness=0,
            counters=counters.segment,
            gate="",
        )
    )  # before its interpreter runs
    wait_for(lambda: pipe.receive(), "its first message")
    pipe.close()  # as the system does when an engine is killed
    wait_for(lambda: process.has_ended(time.perf_counter()), "its end")
    output.close()
    counters.close()
    assert process.exit_reason == f"exit code {EXIT_ORPHANED}"


@pytest.mark.parametrize(
    ("chosen", "expected"), [(None, "1"), ("0", "0")], ids=["unasked", "the user's choice"]
)
def test_unsupported_gpu_operations_fall_back_to_the_cpu_unless_disabled(
    chosen: str | None, expected: str, on_a_mac: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if chosen is not None:
        monkeypatch.setenv(metal.VARIABLE, chosen)
    assert ({**os.environ, **child_environment()})[metal.VARIABLE] == expected
    job = (
        "import sys, os; sys.platform = 'darwin'; import engine.models;"
        f" print(os.environ['{metal.VARIABLE}'], 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", job], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [expected, "False"], "torch reads it when it is loaded"


def test_other_systems_do_not_set_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(metal.VARIABLE, raising=False)
    assert metal.VARIABLE not in child_environment()
