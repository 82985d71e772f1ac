"""Fixtures with a real supervisor and child process per live model, closed at the end of the test."""

from collections.abc import Callable, Iterator
from pathlib import Path
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
    """Of children with a share of the processor: in the show's low priority a start beside other tests takes long."""
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


@pytest.fixture
def open_sd(started: Callable[[Studio], Studio]) -> Callable[..., Studio]:
    """`open_sd(model, **more)`: a studio whose child fails on demand."""

    def opened(model: Path | str, **more: Any) -> Studio:
        return started(Studio(model, loop="tests.live.sd.faults:run", **more))

    return opened


@pytest.fixture
def open_sam3(started: Callable[[Sam3Studio], Sam3Studio]) -> Callable[..., Sam3Studio]:
    """The same for SAM3."""

    def opened(model: Path | str, **more: Any) -> Sam3Studio:
        return started(Sam3Studio(model, loop="tests.live.sam3.faults:run", **more))

    return opened


@pytest.fixture
def open_rvc(started: Callable[[VoiceStudio], VoiceStudio]) -> Callable[..., VoiceStudio]:
    """The same for a voice."""

    def opened(voice: Path | str, **more: Any) -> VoiceStudio:
        return started(VoiceStudio(voice, loop="tests.live.rvc.faults:run", **more))

    return opened
