"""Separators of plug-ins: used while they work, else the engine's own stems."""

import sys
import threading
import time

import numpy as np
import pytest

from engine.audio import separator
from engine.audio.layout import ChannelLayout
from osc_schema.audio import SEPARATORS

HOP = 480
BLOCK = np.random.default_rng(4).uniform(-0.5, 0.5, (HOP, 2)).astype(np.float32)
WRONG = {"none": None, "list": [[0.0] * 4] * HOP, "turned": np.zeros((4, HOP), "f4"), "whole": np.zeros((HOP, 4), int)}


class Separator:
    """Works."""

    latency_s = 0.0

    def __init__(self, sample_rate_hz: int) -> None:
        assert sample_rate_hz == 48_000

    def separate(self, block: np.ndarray) -> object:
        return np.repeat(block[:, :1], 4, axis=1)


class Breaks(Separator):
    def __init__(self, sample_rate_hz: int) -> None:
        raise OSError("no\nweights")


class Raises(Separator):
    def separate(self, block: np.ndarray) -> object:
        raise ValueError("no\nmatrix")


class Leaves(Separator):
    def separate(self, block: np.ndarray) -> object:
        sys.exit(3)


class Hangs(Separator):
    def separate(self, block: np.ndarray) -> object:
        return threading.Event().wait()


class Slow(Separator):
    def separate(self, block: np.ndarray) -> object:
        time.sleep(0.05)
        return super().separate(block)


class NotFinite(Separator):
    def separate(self, block: np.ndarray) -> object:
        return np.full((len(block), 4), np.nan, np.float64)


class Wrong(Separator):
    answer: object = None

    def separate(self, block: np.ndarray) -> object:
        return self.answer


def play(monkeypatch: pytest.MonkeyPatch, name: str, reports, hops: int, *, may_wait: bool = True) -> list[np.ndarray]:
    monkeypatch.setitem(SEPARATORS, "theirs", f"{__name__}:{name}")
    layout = ChannelLayout(48_000, HOP, reports, may_wait=may_wait)
    played = [layout.spread(BLOCK, "theirs", (1, 2, 3, 4)) for _ in range(hops)]
    layout.close()
    return played


def own_stems(hops: int) -> list[np.ndarray]:
    layout = ChannelLayout(48_000, HOP, lambda key, line: None, may_wait=True)
    return [layout.spread(BLOCK, "stems", (1, 2, 3, 4)) for _ in range(hops)]


def test_the_layers_are_what_a_separator_returns(monkeypatch: pytest.MonkeyPatch, reports) -> None:
    for layers in play(monkeypatch, "Separator", reports, 3):
        assert np.array_equal(layers, np.repeat(BLOCK[:, :1], 4, axis=1).T)
    assert not any(layers.any() for layers in play(monkeypatch, "NotFinite", reports, 3)), "the analysis keeps no NaN"
    assert reports.lines == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Missing", "AttributeError: "),
        ("Breaks", "OSError: no weights"),
        ("Raises", "ValueError: no matrix"),
        ("Leaves", "SystemExit: 3"),
        *(("Wrong " + each, "ValueError: separate returned ") for each in WRONG),
    ],
)
def test_what_fails_is_told_in_one_line_and_replaced_by_the_engines_stems(
    name: str, reason: str, monkeypatch: pytest.MonkeyPatch, reports
) -> None:
    name, _, answer = name.partition(" ")
    monkeypatch.setattr(Wrong, "answer", WRONG.get(answer))
    for played, own in zip(play(monkeypatch, name, reports, 5), own_stems(5), strict=True):
        assert np.array_equal(played, own)
    ((_, line),) = reports.lines
    assert line.startswith(f"separator theirs: {reason}") and line.endswith("until it is chosen again")


@pytest.mark.parametrize(("name", "reason"), [("Hangs", "has not returned for 0.2 s"), ("Slow", "is too slow: ")])
def test_live_one_that_takes_longer_than_the_sound_is_left_out_and_offline_it_is_not(
    name: str, reason: str, monkeypatch: pytest.MonkeyPatch, reports, wait_for
) -> None:
    monkeypatch.setattr(separator, "MAX_CALL_S", 0.2)
    monkeypatch.setattr(separator, "MAX_LATE_S", 0.1)
    monkeypatch.setitem(SEPARATORS, "theirs", f"{__name__}:{name}")
    layout = ChannelLayout(48_000, HOP, reports, may_wait=False)
    wait_for(lambda: layout.spread(BLOCK, "theirs", (1, 2, 3, 4)) is not None and reports.lines, "the line")
    assert len(reports.lines) == 1 and f"separator theirs: {reason}" in reports.lines[0][1]
    layout.close()
    if name == "Slow":
        play(monkeypatch, name, reports, 5)
        assert len(reports.lines) == 1
