"""Fixtures for toy children, and checks that they leave nothing behind."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import resource_tracker
from typing import Any

import pytest

from engine.children.launcher import Launcher
from engine.children.policy import Deadlines
from engine.children.spec import ChildSpec, child_environment
from engine.children.supervisor import Supervisor
from tests.children.toys import (
    SOON,
    Toy,
    descriptors,
    fork_one,
    processes,
    running,
    segments,
    threads,
)

TOY = "tests.children.toy:run"


@pytest.fixture
def launcher() -> Launcher:
    """A launcher for this test only; its server ends with the last child."""
    return Launcher()


@pytest.fixture(scope="session")
def toy_launcher() -> Iterator[Launcher]:
    """One fork server for the toys of most tests: starting an interpreter takes ten times as long
    as a fork."""
    launcher = Launcher()
    launcher.join(("tests.children.toy",), child_environment())
    fork_one(launcher)
    yield launcher
    launcher.leave()


@pytest.fixture
def toys(
    request: pytest.FixtureRequest,
    wait_for: Callable[..., Any],
    reports: Callable[[str, str], None],
    toy_launcher: Launcher,
) -> Iterator[Callable[..., Toy]]:
    """`toys(settings, times=..., ...)` creates a toy child, off at first; closes all and checks for
    leaks."""
    if sys.platform != "win32":
        resource_tracker.ensure_running()  # otherwise its pipe would count as a leak
    before, segments_before, descriptors_before, threads_before = (
        processes(),
        segments(),
        descriptors(),
        threads(),
    )
    created: list[Toy] = []
    default = request.getfixturevalue("launcher") if "launcher" in request.fixturenames else None
    launchers: set[Launcher] = set()

    def make(
        settings: dict[str, Any] | None = None,
        *,
        times: Deadlines = SOON,
        launcher: Launcher | None = None,
        loop: str = TOY,
        name: str = "toy",
        **spec: Any,
    ) -> Toy:
        launcher = launcher or default
        if launcher is None:  # a server's modules and environment are fixed at its start
            launcher = Launcher() if spec.keys() & {"preload", "environment"} else toy_launcher
        launchers.add(launcher)
        open_supervisor = partial(
            Supervisor,
            ChildSpec(name=name, loop=loop, settings=settings or {}, **spec),
            report=reports,
            times=times,
            launcher=launcher,
        )
        created.append(Toy(lambda on_swap: open_supervisor(on_swap=on_swap), wait_for))
        return created[-1]

    yield make
    for toy in created:
        toy.supervisor.close()
    assert [toy.received for toy in created] == [toy.swaps for toy in created], (
        "the end of each swap, once"
    )

    # what an earlier test began, such as compiling, may end meanwhile
    def left() -> tuple[Any, ...]:
        live = processes() - before
        shared = {pid for toy in created for pid in toy.pids} if toy_launcher in launchers else live
        opened = max(descriptors() - descriptors_before, 0)
        return live & shared, segments() - segments_before, opened, threads() - threads_before

    wait_for(lambda: not any(left()), lambda: f"the end of {left()}")  # a killed process ends later
    orphans = [running(pid) for toy in created for pid in toy.pids]
    assert "".join(orphans) == "", "orphans of a killed server"
    if toy_launcher in launchers:
        fork_one(toy_launcher)
        wait_for(
            lambda: not processes() - before,
            "the exit of children forked after they were abandoned",
        )
