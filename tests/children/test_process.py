"""The state of a child, which its own process and its launcher tell at different times."""

from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, cast

import pytest

from engine.children.launcher import Launcher
from engine.children.policy import Deadlines, DeathPolicy
from engine.children.process import Child, GatePlace
from engine.children.spec import ChildSpec
from engine.ipc import Phase
from engine.ipc.control_pipe import open_pipe


@dataclass
class Requested:
    """A process that its fork server has started, or not yet: the engine knows its id, or 0."""

    pid: int = 0
    events: None = None
    exit_reason: str = ""

    def has_ended(self, now_s: float) -> bool:
        return False

    def kill(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def pipe() -> Iterator[tuple[Connection, Connection]]:
    ends = open_pipe()
    yield ends
    for end in ends:
        end.close()


def test_a_child_whose_process_id_has_not_arrived_is_loading_whatever_it_does_already(
    pipe: tuple[Connection, Connection], reports: Any
) -> None:
    """Its own words are read from shared memory, so they may come first. A busy child without an id would be one that
    nobody can end: to a kill, 0 means the engine itself and all its children."""
    requested = Requested()

    class OneLauncher:
        def launch(self, *_: object) -> tuple[Requested, Connection]:
            return requested, pipe[0]

    times = Deadlines()
    child = Child(
        ChildSpec(name="toy", loop="tests.children.toy:run", settings={}),
        {},
        values={},
        inputs={},
        gate=GatePlace(),
        launcher=cast(Launcher, OneLauncher()),
        policy=DeathPolicy(times),
        times=times,
        report=reports,
        now_s=0.0,
    )
    try:
        child.words.enter(Phase.RUNNING, 1)
        assert (child.state(0.0), child.pid) == ("loading", 0)
        requested.pid = 4711
        assert (child.state(0.0), child.pid) == ("busy", 4711)
    finally:
        child.words.close()
        child.close()
