"""Fixtures with a real supervisor and child process per live model, closed at the end of the
test."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from engine.children.launcher import LAUNCHER
from engine.children.spec import ChildSpec
from engine.ipc import Gate
from tests.live.child_rig import ChildRig
from tests.live.rvc.rig import VoiceRig
from tests.live.sam3.rig import Sam3Rig
from tests.live.sd.rig import SdRig

S = TypeVar("S", bound=ChildRig)


@pytest.fixture(scope="session")
def fork_server(fork_server: None) -> Iterator[None]:
    """Run the fork server at normal priority: at the show's low one a child beside other tests
    takes long to start."""
    LAUNCHER.join(("tests.live.normal_priority",), {})
    yield
    LAUNCHER.leave()


@pytest.fixture(scope="module", autouse=True)
def children_at_normal_priority() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ChildSpec.__init__.__kwdefaults__, "niceness", 0)
        yield


@pytest.fixture
def started(fork_server: None) -> Iterator[Callable[[S], S]]:
    """`started(rig)` starts the rig's child and returns the rig; closed at the end. pytest shows
    what it prints for a test that failed."""
    rigs: list[ChildRig] = []

    def start(rig: S) -> S:
        rigs.append(rig)
        rig.supervisor.start()
        return rig

    yield start
    for rig in rigs:
        print(*rig.facts_for_people, sep="\n")
        rig.close()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate.create()
    yield gate
    gate.close()


def opener(rig_class: Callable[..., ChildRig]) -> Any:
    """Make the fixture `open_NAME(model, **more)`: a started rig whose child fails on demand."""
    loop = f"{rig_class.__module__.removesuffix('.rig')}.faults:run"

    @pytest.fixture
    def opened(started: Callable[[Any], Any]) -> Callable[..., ChildRig]:
        return lambda model, **more: started(rig_class(model, loop=loop, **more))

    return opened


open_sd, open_sam3, open_rvc = opener(SdRig), opener(Sam3Rig), opener(VoiceRig)
