"""Toy children, and a look at what is left of them."""

import threading
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from typing import Any

import psutil
import pytest

from engine.children import ChildSpec, Deadlines, Supervisor
from engine.children.launcher import Launcher
from tests.children.toys import SOON, Toy, descriptors, processes, segments


@pytest.fixture
def launcher() -> Launcher:
    """What the test's children come from; its server ends with the last of them."""
    return Launcher()


@pytest.fixture
def toys(
    wait_for: Callable[..., Any], reports: Callable[[str, str], None], launcher: Launcher
) -> Iterator[Callable[..., Toy]]:
    """`toys(settings, times=..., ...)`: a supervised toy child, off at first, closed at the end. Nothing is left."""
    resource_tracker.ensure_running()  # or its pipe would be one more afterwards
    before = processes(), segments(), descriptors(), threading.active_count()
    made: list[Toy] = []
    default = launcher

    def make(
        settings: dict[str, Any] | None = None,
        *,
        times: Deadlines = SOON,
        launcher: Launcher = default,
        loop: str = "tests.children.toy:run",
        name: str = "toy",
        **spec: Any,
    ) -> Toy:
        supervisor = Supervisor(
            ChildSpec(name=name, loop=loop, settings=settings or {}, **spec),
            report=reports,
            times=times,
            launcher=launcher,
        )
        made.append(Toy(supervisor, wait_for))
        return made[-1]

    yield make
    for toy in made:
        toy.supervisor.close()
    assert [toy.heard for toy in made] == [toy.swaps for toy in made], "the end of each swap, once"
    assert (processes(), segments(), descriptors(), threading.active_count()) == before
    assert [pid for toy in made for pid in toy.pids if _is_running(pid)] == [], "nor orphans of a killed server"


def _is_running(pid: int) -> bool:
    """Also of a process that is no descendant any more."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
