"""A plug-in's source that fails while it plays: it is left out with one line, and the show
continues."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.sources.current import CurrentSource, SelectedSource
from engine.sources.opening import FROM_PROGRAMS, open_source
from engine.sources.source import HOLD_S
from engine.system.clock import SteppedClock
from tests.support import failing_plugins

NO_PICTURE = "is no picture of (height, width, 3) uint8, up to 8192 px"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("raises", "OSError: no cable"),
        ("text", "AttributeError: 'str' object has no attribute 'pixels'"),
        ("empty", f"ValueError: uint8 (0, 0, 3) {NO_PICTURE}"),
        ("nan", f"ValueError: float64 (72, 128, 3) {NO_PICTURE}"),
        ("grey", f"ValueError: uint8 (72, 128) {NO_PICTURE}"),
        ("vast", f"ValueError: uint8 (1, 99999, 3) {NO_PICTURE}"),
        ("blocks", "has not returned for 5 s"),
    ],
)
def test_a_plug_in_that_fails_twice_is_left_out_in_one_line(
    reports: Any,
    wait_for: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    line: str,
) -> None:
    monkeypatch.setitem(FROM_PROGRAMS, "bad", f"{failing_plugins.__name__}:BadSource")
    clock = SteppedClock()
    source = open_source(f"bad:{name}", offline=False, clock=clock, report=reports)
    camera = CurrentSource(SelectedSource(argument="bad", source=source), clock)
    camera.start()
    assert wait_for(camera.latest_frame, "a picture").pixels.mean() == 90

    def is_left_out() -> bool:
        clock.advance(1.0 if name == "blocks" else 0.0)
        camera.latest_frame()
        status = camera.status()
        return status is not None and "left out" in status.description

    wait_for(is_left_out, "the end of it")
    lines = [lines for _, lines in reports.lines]
    assert lines[-1] == f"bad {name}: {line}; failed twice, so it is left out until chosen again"
    assert lines[:-1] == ([] if name == "blocks" else [f"bad {name}: {line}"]), (
        "a thread that blocks cannot try again"
    )
    clock.advance(HOLD_S)
    assert camera.latest_frame() is None
    camera.close()
