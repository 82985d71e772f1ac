"""A plug-in's sink that fails while it runs: the other outputs and the show continue."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.sinks.registry import make_sink
from engine.sinks.sink import SinkSpec
from engine.sinks.sink_set import SinkSet
from engine.system.clock import SteppedClock
from osc_schema import sinks as declared
from tests.support import failing_plugins


@pytest.fixture
def sinks(
    make_format: Any, clock: SteppedClock, reports: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SinkSet]:
    for name, kind in failing_plugins.KINDS.items():
        monkeypatch.setitem(declared.KINDS, name, kind)
    sink_set = SinkSet(make_format(), clock, reports)
    sink_set.start(SinkSpec(kind="null"))
    yield sink_set
    sink_set.close()


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("raises", "ValueError: no laser (failing_plugins.py:"),
        ("silent", "its status is a str, not a SinkStatus"),
        ("leaves", "SystemExit: 3 (failing_plugins.py:"),
        ("blocks", "has not returned for 0.2 s"),
    ],
)
def test_a_plug_in_that_fails_is_tried_again_once_and_then_left_out_in_one_line(
    sinks: SinkSet,
    make_frame: Any,
    clock: SteppedClock,
    reports: Any,
    wait_for: Callable[..., Any],
    kind: str,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.sinks.plugin_sink.MAX_CALL_S", 0.2)
    sinks.start(SinkSpec(kind=kind, argument="stage"))
    published = 0

    def is_left_out() -> bool:
        nonlocal published
        sinks.publish(make_frame(published))
        sinks.pump()
        clock.sleep_until(clock.now_s() + 0.1)
        published += 1
        return {status.kind: status.state for status in sinks.status()}[kind] == "failed"

    wait_for(is_left_out, "the end of it")
    assert [key for key, _ in reports.lines] == [f"sink.{kind}"] * 2
    first, second = (text for _, text in reports.lines)
    assert first.startswith(f"{kind}: stage: {line}") and "\n" not in first
    assert second.endswith("; failed twice, so it is left out until started again")
    assert {status.kind: status.frames for status in sinks.status()}["null"] == published
    assert sinks.stop(kind) == 1
    sinks.start(SinkSpec(kind=kind, argument="stage"))


def test_a_plug_in_whose_close_blocks_holds_up_neither_the_show_nor_its_end(
    sinks: SinkSet, make_frame: Any, wait_for: Callable[..., Any]
) -> None:
    def has_published() -> bool:
        sinks.publish(make_frame(0))
        return any(status.kind == "hangs" and status.frames for status in sinks.status())

    for _ in range(2):
        sinks.start(SinkSpec(kind="hangs"))
        wait_for(has_published, "its first picture")
        assert sinks.stop("hangs") == 1
        sinks.pump()
    assert [status.state for status in sinks.status()] == ["running", "finishing", "finishing"]
    sinks.close()
    assert sorted(status.state for status in sinks.status()) == ["ended", "failed", "failed"]


def test_a_plug_in_gets_each_picture_of_an_offline_run(
    make_format: Any,
    make_frame: Any,
    clock: SteppedClock,
    reports: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(declared.KINDS, "sound", failing_plugins.SOUND)
    offline = SinkSet(make_format(is_offline=True), clock, reports)
    make_sink(SinkSpec(kind="sound")).close()  # one that was never started
    offline.start(SinkSpec(kind="sound", argument="all"))
    for index in range(9):
        offline.publish(make_frame(index))
    offline.close()
    (status,) = offline.status()
    assert (status.name, status.state, status.frames, status.dropped) == ("all", "ended", 9, 0)
