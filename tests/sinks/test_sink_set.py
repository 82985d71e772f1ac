"""Several sinks at once: starting, stopping, and a failure that does not affect the others."""

import subprocess
import sys
import types
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from engine.errors import SinkError
from engine.ipc import FrameRing
from engine.sinks.null import NullSink
from engine.sinks.sink import SinkSpec
from engine.sinks.sink_set import MAX_END_S, MAX_ENDED, MAX_SINKS, SinkSet
from engine.system.clock import SteppedClock
from engine.values import LazyPicture
from osc_schema.sinks import KINDS, SinkKind
from tests.jobs.segment.disc_movie import pictures_of
from tests.support.programs import program

with suppress(ImportError):  # Windows has none
    import resource

REPOSITORY = Path(__file__).parents[2]
RENDER_THREAD_AT_WORK = program("render_thread")


class Fragile(NullSink):
    """A sink that fails in the methods that the test selects."""

    kind = "fragile"
    fails_in: ClassVar[set[str]] = set()
    error: Exception = SinkError("fragile: broken")
    closed = 0

    def _perhaps_fail(self, method: str) -> None:
        if method in type(self).fails_in:
            raise type(self).error

    def start(self, output_format, *, may_wait=False) -> None:
        self._perhaps_fail("start")

    def publish(self, frame) -> None:
        self._perhaps_fail("publish")
        super().publish(frame)

    def pump(self) -> None:
        self._perhaps_fail("pump")

    def set_format(self, output_format) -> None:
        self._perhaps_fail("set_format")

    def close(self) -> None:
        type(self).closed += 1
        self._perhaps_fail("close")


@pytest.fixture
def fragile(monkeypatch: pytest.MonkeyPatch) -> type[Fragile]:
    module = types.ModuleType("engine.sinks.fragile")
    module.FragileSink = Fragile
    monkeypatch.setitem(sys.modules, "engine.sinks.fragile", module)
    monkeypatch.setitem(KINDS, "fragile", SinkKind(help_name="a sink that fails", argument="name"))
    monkeypatch.setattr(Fragile, "fails_in", set())
    monkeypatch.setattr(Fragile, "error", SinkError("fragile: broken"))
    monkeypatch.setattr(Fragile, "closed", 0)
    return Fragile


@pytest.fixture
def sinks(make_format, clock: SteppedClock, reports):
    sink_set = SinkSet(make_format(), clock, reports)
    yield sink_set
    sink_set.close()


def states(sinks: SinkSet) -> dict[str, str]:
    return {status.kind: status.state for status in sinks.status()}


def test_several_run_at_once_each_with_its_own_name_and_stop_ends_one_or_all_of_a_kind(
    sinks: SinkSet, make_frame, tmp_path: Path
) -> None:
    for spec in ("null=x", "null=y", "shared=one", "shared=two", f"record={tmp_path / 'a.mp4'}"):
        sinks.start(SinkSpec.parse(spec))
    with pytest.raises(SinkError, match="shared: one is already running"):
        sinks.start(SinkSpec.parse("shared=one"))
    with pytest.raises(SinkError, match="unknown kind"):
        sinks.start(SinkSpec(kind="hologram"))
    sinks.publish(make_frame())
    assert sinks.kinds == {"null", "shared", "record"}
    for name in ("one", "two"):
        reader = FrameRing.open(name)
        assert reader.latest() is not None
        reader.close()
    assert sinks.stop("shared", "two") == 1
    assert sinks.stop("shared", "three") == 0
    assert sinks.stop("null") == 2
    sinks.publish(make_frame())
    assert [status.name for status in sinks.status() if status.kind != "record"] == ["one"]


def test_a_sink_that_cannot_start_is_closed_and_not_kept(
    sinks: SinkSet, fragile: type[Fragile]
) -> None:
    fragile.fails_in = {"start"}
    with pytest.raises(SinkError, match="broken"):
        sinks.start(SinkSpec(kind="fragile"))
    assert sinks.status() == () and fragile.closed == 1


@pytest.mark.parametrize("method", ["publish", "pump", "set_format"])
def test_a_failed_sink_is_closed_and_reported_while_others_continue(
    sinks: SinkSet, fragile: type[Fragile], make_frame, make_format, reports, method: str
) -> None:
    sinks.start(SinkSpec(kind="fragile"))
    sinks.start(SinkSpec(kind="null"))
    fragile.fails_in = {method, "close"}
    for index in range(5):
        sinks.publish(make_frame(index))
        sinks.pump()
        sinks.restart_all(make_format())
    assert reports.lines == [("sink.fragile", "fragile: broken")]
    assert fragile.closed == 1
    assert states(sinks) == {"fragile": "retrying", "null": "running"}
    assert {status.kind: status.frames for status in sinks.status()}["null"] == 5
    assert "fragile" in sinks.kinds
    fragile.fails_in = set()


def test_a_failed_sink_is_retried_with_growing_delays_until_half_a_minute_of_success_and_keeps_its_counts(
    sinks: SinkSet, fragile: type[Fragile], clock: SteppedClock, make_frame, reports
) -> None:
    sinks.start(SinkSpec(kind="fragile"))
    sinks.publish(make_frame(0))
    fragile.fails_in = {"publish", "start"}
    sinks.publish(make_frame(1))
    tries = []
    for _ in range(28):  # 7 s
        clock.advance(0.25)
        before = len(reports.lines)
        sinks.pump()
        if len(reports.lines) > before:
            tries.append(clock.now_s())
    assert tries == [0.5, 1.5, 3.5]  # 0.5, then 1, then 2, then 4 after each failure
    assert "next try in 4 s" in sinks.status()[0].detail
    fragile.fails_in = set()
    clock.advance(4)
    sinks.pump()
    sinks.publish(make_frame(2))
    assert states(sinks) == {"fragile": "running"}
    assert sinks.status()[0].frames == 2
    for success_s, lines in ((1, "next try in 8 s"), (31, "next try in 0.5 s")):
        clock.advance(success_s)
        fragile.fails_in = {"publish"}
        sinks.publish(make_frame())
        assert lines in sinks.status()[0].detail
        fragile.fails_in = set()
        clock.advance(8)
        sinks.pump()


def test_an_unexpected_error_is_logged_once_with_its_traceback(
    sinks: SinkSet, fragile: type[Fragile], clock: SteppedClock, make_frame, reports, caplog
) -> None:
    sinks.start(SinkSpec(kind="fragile"))
    fragile.error = ZeroDivisionError("by zero")
    fragile.fails_in = {"publish"}
    for _ in range(3):
        sinks.publish(make_frame())
        clock.advance(10)
        sinks.pump()
    assert reports.lines == [("sink.fragile", "fragile: ZeroDivisionError: by zero")] * 3
    assert [record.exc_info is not None for record in caplog.records] == [True]
    fragile.fails_in = set()


def test_a_stopped_recording_finishes_in_the_background_and_leaves_the_list(
    sinks: SinkSet, make_frame, tmp_path: Path, wait_for
) -> None:
    path = tmp_path / "a.mp4"
    sinks.start(SinkSpec(kind="record", argument=str(path)))
    for index in range(10):
        sinks.publish(make_frame(index))
    sinks.stop("record", str(path))
    assert "record" not in sinks.kinds
    assert states(sinks) in ({"record": "finishing"}, {})

    def has_left() -> bool:
        sinks.publish(make_frame(11))
        sinks.pump()
        return sinks.status() == ()

    wait_for(has_left, "the recording to be finished")
    assert len(pictures_of(path)) == 10


def test_after_the_end_the_status_shows_how_each_ended(
    make_format, clock, reports, make_frame, tmp_path
) -> None:
    sinks = SinkSet(make_format(is_offline=True), clock, reports)
    sinks.start(SinkSpec(kind="record", argument=str(tmp_path / "a.mp4")))
    sinks.start(SinkSpec(kind="snapshot", argument=str(tmp_path / "a.png")))
    sinks.start(SinkSpec(kind="snapshot", argument=str(tmp_path / "late.png@99")))
    for index in range(5):
        sinks.publish(make_frame(index))
        sinks.pump()
    sinks.close()
    sinks.close()
    assert [(s.kind, s.state, s.frames) for s in sinks.status()] == [
        ("record", "ended", 5),
        ("snapshot", "ended", 1),
        ("snapshot", "failed", 0),
    ]
    assert reports.lines == [
        ("sink.snapshot", "snapshot: the run ended at 0.133333 s, before 99 s: no picture")
    ]
    assert sinks.status()[2].detail == reports.lines[0][1]
    sinks.publish(make_frame(6))
    sinks.pump()


class Lasting(Fragile):
    """A sink that has data to write until the test ends it; must not be closed before."""

    drains: ClassVar[Callable[..., bool]]

    def drain(self) -> bool:
        return type(self).drains(self)

    def close(self) -> None:
        assert self.drain(), "closing it would wait"


@pytest.fixture
def lasting(fragile: type[Fragile], monkeypatch: pytest.MonkeyPatch) -> type[Lasting]:
    """The class Lasting in place of Fragile; it hangs unless the test sets `drains`."""
    monkeypatch.setattr(sys.modules["engine.sinks.fragile"], "FragileSink", Lasting)
    monkeypatch.setattr(Lasting, "drains", lambda sink: False, raising=False)
    return Lasting


def test_a_failed_sink_that_has_data_to_write_is_not_waited_for_and_counts_once(
    sinks: SinkSet, lasting: type[Lasting], clock: SteppedClock, make_frame
) -> None:
    sinks.start(SinkSpec(kind="fragile"))
    sinks.publish(make_frame(0))
    lasting.fails_in = {"publish"}
    sinks.publish(make_frame(1))
    lasting.fails_in = set()
    assert [(status.state, status.frames) for status in sinks.status()] == [
        ("retrying", 0),
        ("finishing", 1),
    ]
    clock.advance(0.5)
    sinks.pump()
    sinks.publish(make_frame(2))
    assert [(status.state, status.frames) for status in sinks.status()] == [
        ("running", 1),
        ("finishing", 1),
    ]
    lasting.drains = lambda sink: True
    sinks.pump()
    assert [(status.state, status.frames) for status in sinks.status()] == [("running", 1)]


def test_at_shutdown_a_hanging_sink_is_abandoned_and_the_others_are_completed(
    make_format, clock, reports, make_frame, lasting: type[Lasting], tmp_path: Path
) -> None:
    path = tmp_path / "a.mp4"
    lasting.drains = lambda sink: sink.name != "b"
    sinks = SinkSet(make_format(), clock, reports)
    for name in "bc":
        sinks.start(SinkSpec(kind="fragile", argument=name))
    sinks.start(SinkSpec(kind="record", argument=str(path)), may_wait=True)
    for index in range(10):
        sinks.publish(make_frame(index))
    sinks.finish_files()
    sinks.close()
    assert [each.state for each in sinks.status()] == ["failed", "ended", "ended"]
    assert (
        sinks.status()[0].detail
        == f"fragile: b not finished after {MAX_END_S:g} s; is the disk connected?"
    )
    assert len(pictures_of(path)) == 10


def test_another_thread_finishes_the_files_and_leaves_the_sinks_of_the_gpu_alone(
    make_format,
    clock,
    reports,
    make_frame,
    lasting: type[Lasting],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    touched: list[Lasting] = []
    lasting.drains = lambda sink: touched.append(sink) is None
    monkeypatch.setitem(
        KINDS, "fragile", SinkKind(help_name="a texture", argument="name", is_on_gpu=True)
    )
    sinks = SinkSet(make_format(), clock, reports)
    sinks.start(SinkSpec(kind="fragile"))
    sinks.start(SinkSpec(kind="record", argument=str(tmp_path / "a.mp4")), may_wait=True)
    sinks.publish(make_frame())
    sinks.finish_files()
    assert len(pictures_of(tmp_path / "a.mp4")) == 1
    assert touched == []
    sinks.close()  # the frame loop has come back
    assert touched and {each.state for each in sinks.status()} == {"ended"}


@pytest.mark.parametrize(
    ("writes_s", "asked_s", "ends_s", "state"),
    [
        (10.0, 0.0, 10.0, "ended"),
        (5.0, 0.0, 7.0, "failed"),
        (1000.0, 0.0, 60.0, "failed"),
        (0.0, 4.5, 4.5, "failed"),
    ],
    ids=[
        "until it is whole",
        "until it stands still",
        "for a minute",
        "not again if it hung since it was asked",
    ],
)
def test_at_shutdown_a_file_still_being_written_is_waited_for(
    make_format,
    clock,
    reports,
    lasting: type[Lasting],
    writes_s: float,
    asked_s: float,
    ends_s: float,
    state: str,
) -> None:
    stopwatch = SteppedClock()

    def drains(sink: Lasting) -> bool:
        """Writes one picture per poll until it is done, or hangs at the end."""
        now_s = stopwatch.now_s()
        sink._frames += now_s < writes_s
        return state == "ended" and now_s >= writes_s

    lasting.drains = drains
    sinks = SinkSet(make_format(), clock, reports, stopwatch=stopwatch)
    sinks.start(SinkSpec(kind="fragile"))
    if asked_s:
        sinks.ask_to_end()
        stopwatch.advance(asked_s)
    sinks.close()
    assert sinks.status()[0].state == state
    assert stopwatch.now_s() == pytest.approx(ends_s, abs=0.1)


def test_after_the_end_the_status_includes_stopped_and_failed_sinks(
    sinks: SinkSet, fragile: type[Fragile], make_frame, tmp_path: Path
) -> None:
    sinks.start(SinkSpec(kind="null"))
    sinks.start(SinkSpec(kind="fragile"))
    fragile.fails_in = {"publish"}
    sinks.take_snapshot(str(tmp_path / "c.png"))
    sinks.publish(make_frame())  # still being written at the end
    sinks.stop("fragile")
    sinks.close()
    ended = {status.kind: (status.state, status.frames, status.detail) for status in sinks.status()}
    assert ended["fragile"] == ("failed", 0, "fragile: broken")
    assert ended["null"][:2] == ended["snapshot"][:2] == ("ended", 1)


def test_only_the_latest_stopped_sinks_are_remembered(sinks: SinkSet) -> None:
    for number in range(MAX_ENDED + 3):
        sinks.start(SinkSpec(kind="null", argument=str(number)))
        sinks.stop("null")
        assert sinks.status() == ()
    sinks.close()
    assert [status.name for status in sinks.status()] == [str(n) for n in range(3, MAX_ENDED + 3)]


def test_a_snapshot_is_taken_from_every_snapshot_sink(
    sinks: SinkSet, make_frame, wait_for, tmp_path
) -> None:
    assert sinks.take_snapshot() == 0
    sinks.start(SinkSpec(kind="snapshot", argument=str(tmp_path / "a.png")))
    sinks.start(SinkSpec(kind="snapshot"))
    assert sinks.take_snapshot() == 2
    sinks.publish(make_frame())
    wait_for(lambda: [status.frames for status in sinks.status()] == [1, 1], "two pictures")


def test_a_snapshot_under_a_new_name_takes_one_picture_and_leaves_nothing_running(
    sinks: SinkSet, make_frame, wait_for, tmp_path
) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(MAX_SINKS + 4)]
    for index, path in enumerate(paths):
        assert sinks.take_snapshot(str(path)) == 1
        assert sinks.kinds == frozenset()
        sinks.publish(make_frame(index))

        def has_left() -> bool:
            sinks.pump()
            return sinks.status() == ()

        wait_for(has_left, "the snapshot to be written")
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_the_number_of_sinks_is_limited_without_those_that_come_along(sinks: SinkSet) -> None:
    sinks.add_picture("sd", 32, 24)
    sinks.start(SinkSpec(kind="shared", argument="one"))
    assert len(sinks.status()) == 2
    for number in range(1, MAX_SINKS):
        sinks.start(SinkSpec(kind="null", argument=str(number)))
    with pytest.raises(SinkError, match=r"^null: 16 sinks are running, .*; stop one first$"):
        sinks.start(SinkSpec(kind="null", argument="one more"))
    sinks.stop("null", "1")
    sinks.start(SinkSpec(kind="null", argument="one more"))
    assert len(sinks.status()) == MAX_SINKS + 1


@pytest.mark.parametrize("spec", ["record=nowhere/a.mp4", "snapshot=nowhere/a.png"])
def test_an_impossible_file_fails_the_start_before_a_show_and_is_reported_later_during_it(
    make_format,
    clock: SteppedClock,
    reports,
    make_frame,
    wait_for,
    monkeypatch,
    tmp_path: Path,
    spec: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nowhere").touch()  # in place of the folder
    for is_offline in (False, True):
        sinks = SinkSet(make_format(is_offline=is_offline), clock, reports)
        with pytest.raises(SinkError, match=r"cannot create the folder .*nowhere"):
            sinks.start(SinkSpec.parse(spec), may_wait=not is_offline)
        assert sinks.status() == () and reports.lines == []
        sinks.close()

    sinks = SinkSet(make_format(), clock, reports)
    sinks.start(SinkSpec.parse(spec))

    def is_reported() -> bool:
        sinks.publish(make_frame())
        sinks.pump()
        return bool(reports.lines)

    wait_for(is_reported, "the report")
    assert "cannot create the folder" in reports.lines[0][1]
    assert [status.state for status in sinks.status()] == ["retrying"]
    (tmp_path / "nowhere").unlink()
    clock.advance(1)
    sinks.pump()
    sinks.publish(make_frame())
    sinks.close()
    assert [status.state for status in sinks.status()] == ["ended"]
    assert len(list((tmp_path / "nowhere").iterdir())) == 1


def test_in_a_show_the_render_thread_neither_opens_files_nor_imports(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RENDER_THREAD_AT_WORK, str(tmp_path / "recordings")],
        cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.strip() == "[] [] 5"


@pytest.mark.only_on(
    "linux", reason="elsewhere a limit of the file size does not hold for shared memory"
)
def test_a_second_output_that_was_too_large_comes_again_in_the_size_that_it_has_by_then(
    make_format, clock: SteppedClock, reports, make_frame
) -> None:
    def picture(width: int, height: int) -> LazyPicture:
        pixels = np.full((height, width, 4), 7, np.uint8)
        return LazyPicture(
            width=width, height=height, draw_texture=lambda: None, read_rgba=lambda: pixels
        )

    sinks, spec = (
        SinkSet(make_format(), clock, reports),
        SinkSpec(kind="shared", argument="two", picture="2"),
    )
    sinks.start(spec)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))
    try:
        sinks.publish_extra(make_frame(), "2", picture(1024, 1024))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [status.state for status in sinks.status()] == ["retrying"] and not sinks.wants("2")
    for again in ("retried", "started again"):
        if again == "started again":
            sinks.stop("2:shared")
            sinks.start(spec)
        clock.advance(1)
        sinks.pump()
        with closing(FrameRing.open("two")) as ring:
            assert ring.shape == (48, 64, 4), again
            sinks.publish_extra(make_frame(1), "2", picture(32, 16))
            frame = ring.latest()
            assert frame is not None and frame.pixels.shape == (16, 32, 4), again
    assert len([line for _, line in reports.lines if "2:shared" in line]) == 1
    sinks.close()
