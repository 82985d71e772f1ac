"""Separators of plug-ins: used while they work, else the engine's own stems."""

import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from engine.audio import separator
from engine.audio.layout import ChannelLayout
from osc_schema.audio import SEPARATORS

HOP = 480
BLOCK = np.random.default_rng(4).uniform(-0.5, 0.5, (HOP, 2)).astype(np.float32)


def left(block: np.ndarray) -> np.ndarray:
    return np.repeat(block[:, :1], 4, axis=1)


def throw(error: BaseException) -> None:
    raise error


class Theirs:
    latency_s = 0.0
    separate: Callable[[np.ndarray], object] = staticmethod(left)

    def __init__(self, sample_rate_hz: int) -> None:
        if sample_rate_hz != 48_000:
            raise OSError("only\n48 kHz")


ANSWERS: dict[str, Callable[[np.ndarray], object]] = {  # by the line that follows
    "ValueError: separate returned NoneType, not": lambda block: None,
    "ValueError: separate returned list, not": lambda block: left(block).tolist(),
    "ValueError: separate returned float32 (4, 480), not": lambda block: left(block).T,
    "ValueError: separate returned int64 (480, 4), not": lambda block: left(block).astype(np.int64),
    "ZeroDivisionError: ": lambda block: 1 / 0,
    "SystemExit: 3": lambda block: sys.exit(3),
    "KeyboardInterrupt: theirs": lambda block: throw(KeyboardInterrupt("theirs")),
    "has not returned for 0.2 s": lambda block: threading.Event().wait(),
    "is too slow: ": lambda block: time.sleep(0.05) or left(block),
}


@pytest.fixture
def layout_of(monkeypatch: pytest.MonkeyPatch, reports) -> Callable[..., ChannelLayout]:
    monkeypatch.setitem(SEPARATORS, "theirs", f"{__name__}:Theirs")
    monkeypatch.setattr(separator, "MAX_CALL_S", 0.2)
    monkeypatch.setattr(separator, "MAX_OFFLINE_S", 0.2)
    monkeypatch.setattr(separator, "MAX_LATE_S", 0.1)
    return lambda rate_hz=48_000, may_wait=True: ChannelLayout(
        rate_hz, HOP, reports, may_wait=may_wait
    )


def play(layout: ChannelLayout, name: str = "theirs", hops: int = 5) -> np.ndarray:
    layers = np.concatenate([layout.spread(BLOCK, name, (1, 2, 3, 4)) for _ in range(hops)], axis=1)
    layout.close()
    return layers


def test_the_layers_are_what_a_separator_returns(
    layout_of, monkeypatch: pytest.MonkeyPatch, reports
) -> None:
    assert np.array_equal(play(layout_of()), np.tile(left(BLOCK).T, 5))
    monkeypatch.setattr(Theirs, "separate", staticmethod(ANSWERS["is too slow: "]))
    assert np.array_equal(play(layout_of()), np.tile(left(BLOCK).T, 5)), (
        "offline it may take its time"
    )
    monkeypatch.setattr(Theirs, "separate", staticmethod(lambda block: left(block) * np.nan))
    assert not play(layout_of()).any(), "the analysis would keep a NaN"
    assert reports.lines == []


@pytest.mark.parametrize("reason", ["AttributeError: ", "OSError: only 48 kHz", *ANSWERS])
def test_what_fails_is_told_in_one_line_and_replaced_by_the_engines_stems(
    reason: str, layout_of, monkeypatch: pytest.MonkeyPatch, reports, wait_for
) -> None:
    monkeypatch.setattr(Theirs, "separate", staticmethod(ANSWERS.get(reason, left)))
    if reason == "AttributeError: ":
        monkeypatch.setitem(SEPARATORS, "theirs", f"{__name__}:Gone")
    rate_hz = 44_100 if "48 kHz" in reason else 48_000
    layout = layout_of(rate_hz, may_wait=False)
    wait_for(
        lambda: layout.spread(BLOCK, "theirs", (1, 2, 3, 4)) is not None and reports.lines,
        "the line",
    )
    play(layout, hops=30)  # until nothing of before is in its frames
    assert np.array_equal(play(layout), play(layout_of(rate_hz), "stems", hops=40)[:, -5 * HOP :])
    ((_, line),) = reports.lines
    assert line.startswith(f"separator theirs: {reason}") and line.endswith(
        "until it is chosen again"
    )
    assert layout.effective == "stems"


@pytest.mark.parametrize("reason", ["KeyboardInterrupt: theirs", "has not returned for 0.2 s"])
def test_offline_one_that_hangs_or_interrupts_is_left_out_too(
    reason: str, layout_of, monkeypatch: pytest.MonkeyPatch, reports
) -> None:
    monkeypatch.setattr(Theirs, "separate", staticmethod(left))
    layout = layout_of()
    play(layout, hops=1)
    assert layout.effective == "theirs"
    monkeypatch.setattr(Theirs, "separate", staticmethod(ANSWERS[reason]))
    layout = layout_of()
    play(layout, hops=2)
    assert layout.effective == "stems" and layout.has_stems
    assert [line.startswith(f"separator theirs: {reason}") for _, line in reports.lines] == [True]
