"""NDI as a source: another process sends with NDI's own library, is killed and restarted."""

import os
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from engine.errors import SourceError
from engine.sources.opening import open_source
from engine.sources.senders import SenderLists
from engine.sources.source import Source
from engine.system.clock import SystemClock
from tests.support.ndi_network import NDI_CLOSES, NdiSender

pytestmark = NDI_CLOSES
TOLERANCE = 24  # of 255: NDI's codec is lossy


@pytest.fixture
def send(require, tmp_path: Path) -> Iterator[Callable[..., NdiSender]]:
    require(find_spec("cyndilib"), "cyndilib")
    senders: list[NdiSender] = []

    def start(name: str, picture: np.ndarray, fourcc: str = "RGBX") -> NdiSender:
        senders.append(NdiSender(f"{name} {os.getpid()}", picture, tmp_path, fourcc))
        return senders[-1]

    yield start
    for sender in senders:
        sender.end()


def corners(pixels: np.ndarray) -> np.ndarray:
    """Mean colours of the corners, (4, 3), row by row."""
    height, width = pixels.shape[:2]
    rows, columns = height // 12, width // 12
    parts = (
        pixels[:rows, :columns],
        pixels[:rows, -columns:],
        pixels[-rows:, :columns],
        pixels[-rows:, -columns:],
    )
    return np.array([part[..., :3].reshape(-1, 3).mean(axis=0) for part in parts])


def shows(source: Source, card: np.ndarray) -> bool:
    frame = source.latest_frame()
    if frame is None or frame.pixels.shape != (*card.shape[:2], 3):
        return False
    return bool(np.abs(corners(frame.pixels) - corners(card)).max() <= TOLERANCE)


def test_another_programs_picture_is_upright_in_its_colours(send, watch, f_card, wait_for) -> None:
    card = f_card(128, 96)
    sender = send("Arena - Composition", card)  # as Resolume names it
    source = watch(f"ndi:arena composition {os.getpid()}")
    wait_for(lambda: shows(source, card), "the picture")
    assert sender.full_name.endswith(f"(Arena - Composition {os.getpid()})")
    wait_for(lambda: source.status().fps > 5, "a measured rate")
    assert source.status().state == "playing"


def test_it_reconnects_after_the_other_program_was_killed(
    send, watch, f_card, wait_for, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.sources.live.HOLD_S", 0.5)
    monkeypatch.setattr("engine.sources.ndi.LOST_AFTER_S", 0.3)
    first, second = f_card(128, 96), f_card(64, 64)
    sender = send("comeback", first)
    source = watch(f"ndi:COMEBACK {os.getpid()}")
    wait_for(lambda: shows(source, first), "the first picture")
    sender.end()
    wait_for(lambda: source.latest_frame() is None, "the loss")
    assert source.status().state == "lost"
    send("comeback", second)
    wait_for(lambda: shows(source, second), "the picture of the second program")
    assert source.status().state == "playing"


def test_without_the_library_the_line_says_what_to_install(
    reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cyndilib.finder", None)
    with pytest.raises(
        SourceError, match=r"^ndi stage: needs cyndilib .*: .* -m pip install .*cyndilib$"
    ):
        open_source("ndi:stage", offline=False, clock=SystemClock(), report=reports)


def test_ndi_senders_are_listed_only_while_requested(send, f_card, wait_for) -> None:
    sender = send("offered", f_card(64, 64))
    lists = SenderLists(SystemClock())
    lists.refresh()
    assert not any(one.kind == "ndi" for one in lists.now)
    lists.wants_ndi = True
    argument = f"ndi:{sender.full_name}"
    wait_for(
        lambda: (lists.refresh(), argument in [one.word for one in lists.now])[1], "the sender"
    )
    sender.end()
    wait_for(
        lambda: (lists.refresh(), argument not in [one.word for one in lists.now])[1],
        "the sender to go",
    )
    lists.close()
