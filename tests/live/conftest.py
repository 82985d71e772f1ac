"""Fixtures with a real supervisor and child process per live model, closed at the end of the test."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from engine.children.launcher import LAUNCHER
from engine.children.spec import ChildSpec
from tests.live.child_studio import ChildStudio
from tests.live.rvc.studio import VoiceStudio
from tests.live.sam3.studio import Sam3Studio
from tests.live.sd.studio import Studio

S = TypeVar("S", bound=ChildStudio)


@pytest.fixture(scope="session")
def fork_server(fork_server: None) -> Iterator[None]:
    """The fork server of children at normal priority: in the show's low one a start beside other tests takes long."""
    LAUNCHER.join(("tests.live.share",), {})
    yield
    LAUNCHER.leave()


@pytest.fixture(scope="module", autouse=True)
def children_have_their_share() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ChildSpec.__init__.__kwdefaults__, "niceness", 0)
        yield


@pytest.fixture
def started(fork_server: None) -> Iterator[Callable[[S], S]]:
    """`started(studio)` starts the studio's child and returns the studio; closed at the end."""
    studios: list[ChildStudio] = []

    def start(studio: S) -> S:
        studios.append(studio)
        studio.supervisor.start()
        return studio

    yield start
    for studio in studios:
        studio.close()


def opener(studio: Callable[..., ChildStudio]) -> Any:
    """The fixture `open_NAME(model, **more)`: a started studio whose child fails on demand."""

    loop = f"{studio.__module__.removesuffix('.studio')}.faults:run"

    @pytest.fixture
    def opened(started: Callable[[Any], Any]) -> Callable[..., ChildStudio]:
        return lambda model, **more: started(studio(model, loop=loop, **more))

    return opened


open_sd, open_sam3, open_rvc = opener(Studio), opener(Sam3Studio), opener(VoiceStudio)
