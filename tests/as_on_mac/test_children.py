"""Children as on a Mac: a separate interpreter for each, and its environment."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from engine.children import ChildSpec, Deadlines, Supervisor
from engine.children.launcher import Launcher
from engine.children.mailbox import EXIT_ORPHANED
from engine.children.messages import Begin, ToEngine
from engine.children.spec import child_environment
from engine.ipc import ChildWords, ControlPipe, FrameRing, RingOwner
from engine.system import metal

ROOT = Path(__file__).parents[2]


@pytest.fixture
def on_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delenv(metal.VARIABLE, raising=False)


@pytest.fixture
def source() -> Iterator[RingOwner]:
    ring = FrameRing.create("source", 4, 2, channels=3)
    yield ring
    ring.close()


def test_a_spawned_child_answers_restarts_after_a_kill_and_stops_on_request(
    on_a_mac: None, source: RingOwner, wait_for: Callable[..., Any]
) -> None:
    spec = ChildSpec(name="echo", loop="tests.children.echo:run", settings={"gain": 2.0})
    refused: list[str] = []
    supervisor = Supervisor(
        spec, report=lambda key, line: None, times=Deadlines(first_delay_s=0.02), launcher=Launcher(is_forking=False)
    )
    try:
        supervisor.connect_input("source", source.segment)
        supervisor.set_values({"/echo/delay_ms": 1.0})
        supervisor.start()
        source.write(np.full((2, 4, 3), 30, np.uint8), index=1, time_s=0.0)
        wait_for(lambda: supervisor.outputs, "the first picture")
        reader = FrameRing.attach(supervisor.outputs["picture"])
        frame = reader.latest()
        assert frame is not None and frame.pixels.max() == frame.pixels.min() == 60
        reader.close()
        supervisor.call("sing", on_answer=lambda is_done, text: refused.append(text))
        wait_for(lambda: refused, "the answer")
        assert refused == ["unknown command 'sing'; available: none"]

        first = supervisor.status().pid
        assert psutil.Process(first).ppid() == os.getpid()
        psutil.Process(first).kill()
        wait_for(lambda: supervisor.status().pid != first and supervisor.status().is_at_work, "another process")
        assert supervisor.status().detail == "killed by SIGKILL"
        second = psutil.Process(supervisor.status().pid)
        assert second.nice() == spec.niceness
        assert second.environ()[metal.VARIABLE] == "1"
    finally:
        supervisor.close()
    assert not second.is_running()


def test_a_spawned_child_exits_when_the_engine_dies(on_a_mac: None, wait_for: Callable[..., Any]) -> None:
    words = ChildWords.create("echo words")
    with tempfile.TemporaryFile() as stderr:
        process, connection = Launcher(is_forking=False).launch(stderr, child_environment(), 0)
        pipe: ControlPipe[ToEngine] = ControlPipe(connection, ToEngine)
        loop, settings = "tests.children.echo:run", {"gain": 1.0}
        pipe.send(
            Begin(loop=loop, settings=settings, environment={}, niceness=0, words=words.segment, gate="")
        )  # before its interpreter runs
        wait_for(lambda: pipe.receive(), "its first message")
        pipe.close()  # as the system does when an engine is killed
        wait_for(lambda: process.has_ended(time.perf_counter()), "its end")
    words.close()
    assert process.exit_reason == f"exit code {EXIT_ORPHANED}"


@pytest.mark.parametrize(("chosen", "told"), [(None, "1"), ("0", "0")], ids=["unasked", "the user's choice"])
def test_unsupported_gpu_operations_fall_back_to_the_cpu_unless_disabled(
    chosen: str | None, told: str, on_a_mac: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if chosen is not None:
        monkeypatch.setenv(metal.VARIABLE, chosen)
    assert ({**os.environ, **child_environment()})[metal.VARIABLE] == told
    job = (
        "import sys, os; sys.platform = 'darwin'; import engine.models;"
        f" print(os.environ['{metal.VARIABLE}'], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", job], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [told, "False"], "torch reads it when it is loaded"


def test_other_systems_do_not_set_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(metal.VARIABLE, raising=False)
    assert metal.VARIABLE not in child_environment()
