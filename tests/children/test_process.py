"""The state of a child, which its own process and its launcher tell at different times."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import IO, Any, cast

import pytest

from engine.children import stderr_file
from engine.children.launcher import Launcher
from engine.children.messages import Begin, ToChild
from engine.children.policy import Deadlines, DeathPolicy
from engine.children.process import Child
from engine.ipc import ControlPipe, Gate, Phase
from engine.ipc.control_pipe import open_pipe
from tests.children.toys import SPEC


@dataclass
class Requested:
    """A fake process whose fork server has started it (`pid`), or not yet (0)."""

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


@pytest.fixture
def open_child(pipe: tuple[Connection, Connection], reports: Any) -> Iterator[Callable[..., Child]]:
    """`open_child(process, gate)`: the child of a process that was just requested from its
    launcher."""
    created: list[Child] = []
    times = Deadlines()

    def opened(process: Requested, gate: Gate | None = None) -> Child:
        class OneLauncher:
            def launch(self, *_: object) -> tuple[Requested, Connection, IO[bytes]]:
                return process, pipe[0], stderr_file.create()

        created.append(
            Child(
                SPEC,
                {},
                values={},
                inputs={},
                gate=gate,
                launcher=cast(Launcher, OneLauncher()),
                policy=DeathPolicy(times),
                times=times,
                report=reports,
                now_s=0.0,
            )
        )
        return created[-1]

    yield opened
    for child in created:
        child.close()


def test_a_child_whose_process_id_has_not_arrived_is_loading_whatever_it_does_already(
    open_child: Callable[..., Child],
) -> None:
    """Its own counters are read from shared memory, so they may come first. Nobody can end a busy
    child without an id: to a kill, 0 means the engine itself and all its children."""
    requested = Requested()
    child = open_child(requested)
    child.counters.enter(Phase.RUNNING, 1)
    assert (child.state(0.0), child.pid) == ("loading", 0)
    requested.pid = 4711
    assert (child.state(0.0), child.pid) == ("busy", 4711)


def test_the_two_processes_of_a_swap_have_turn_indices_of_their_own(
    open_child: Callable[..., Child], pipe: tuple[Connection, Connection]
) -> None:
    gate = Gate.create()
    for _ in range(2):
        open_child(Requested(), gate)
    received: ControlPipe[ToChild] = ControlPipe(pipe[1], ToChild)
    begins = [
        message for message in (received.receive() for _ in range(4)) if isinstance(message, Begin)
    ]
    assert [(begin.gate, begin.turn_index) for begin in begins] == [
        (gate.segment, 1),
        (gate.segment, 2),
    ]
    gate.close()
