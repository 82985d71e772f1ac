"""The engine's end of Ableton Link, with a real process and a session that has no network."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.control.link.follower import LinkFollower
from engine.control.link.messages import LinkStatus, Order, SessionReport, line_of, message_of
from engine.params import ParamStore
from engine.system.clock import SystemClock
from engine.system.installing import install_line
from tests.support.long_form import ONLY_SOAK

CEILING_S = 120.0
FAKE = Path(__file__).parents[2] / "support" / "fake_link"
SHIFT_MICROS = 12_345_678


class LateClock(SystemClock):
    """A real-time clock that the test can move ahead."""

    ahead_s = 0.0

    def now_s(self) -> float:
        return super().now_s() + self.ahead_s


class FollowerRig:
    """A Link follower, the script of its session, and a record of what it followed."""

    def __init__(self, script: Path, reports: Any) -> None:
        self.script, self.reports = script, reports
        self.store, self.clock = ParamStore(), LateClock()
        self.followed: list[tuple[float, float, float]] = []
        """(beat, bpm, at_s)"""
        self.transport: list[tuple[bool, int]] = []
        """(is playing, count)"""
        self.log: list[str] = []
        self._came = threading.Condition()
        self.follower = LinkFollower(
            self.store, self._follow, clock=self.clock, report=reports, notice=self.log.append
        )
        self.session("peers 1")

    def session(self, text: str) -> None:
        """Replace the script of the session: what happens in it from now on."""
        new = self.script.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(self.script)

    def choose(self, source: str) -> None:
        self.store.set("/tempo/source", source)
        self.follower.poll(self.clock.now_s())

    def wait(self, is_so: Callable[[], object]) -> None:
        """Poll like the engine until the condition holds."""
        end_s = time.perf_counter() + CEILING_S
        while not is_so():
            assert time.perf_counter() < end_s, (
                self.follower.status(),
                self.followed[-3:],
                self.reports.lines,
            )
            self.follower.poll(self.clock.now_s())
            with self._came:
                self._came.wait(0.02)

    def _follow(
        self, source: str, *, beat: float, bpm: float, at_s: float, is_playing: bool, count: int
    ) -> None:
        assert source == "link"
        with self._came:
            self.transport.append((is_playing, count))
            self.followed.append((beat, bpm, at_s))
            self._came.notify_all()


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reports: Any) -> Iterator[FollowerRig]:
    monkeypatch.syspath_prepend(FAKE)
    monkeypatch.setenv("FAKE_LINK", str(tmp_path / "session.txt"))
    opened = FollowerRig(tmp_path / "session.txt", reports)
    yield opened
    opened.follower.close()


def test_the_beat_is_that_of_the_session_at_the_moment_of_the_report(rig: FollowerRig) -> None:
    rig.store.set("/tempo/bpm", 90.0)
    rig.choose("link")
    rig.wait(lambda: len(rig.followed) >= 3)
    for beat, bpm, at_s in rig.followed:
        assert bpm == 90.0, "the first in a session brings its own tempo"
        assert beat == pytest.approx((at_s + SHIFT_MICROS / 1e6) * 90.0 / 60.0, abs=0.01)
    assert rig.follower.status() == LinkStatus(state="following", peers=1, bpm=90.0)
    assert rig.log == ["Ableton Link: in a session with 1 other program, 90.00 beats/min"]
    rig.session("peers 0")
    rig.wait(lambda: rig.follower.status().state == "alone")
    assert len(rig.log) == 2
    assert rig.reports.lines == []


def test_a_tempo_that_somebody_sets_becomes_that_of_the_session(rig: FollowerRig) -> None:
    rig.choose("link")
    rig.wait(lambda: rig.followed)
    rig.store.set("/tempo/bpm", 33.0, by="tempo")  # what the engine shows is no order
    rig.store.set("/layer/1/angle", 10.0, by="ws 127.0.0.1:1")
    before = len(rig.followed)
    rig.wait(lambda: len(rig.followed) > before + 3)
    rig.store.set("/tempo/bpm", 140.0, by="udp 127.0.0.1:5000")
    rig.wait(lambda: rig.followed[-1][1] == 140.0)
    count = len(rig.followed)
    rig.wait(lambda: len(rig.followed) > count + 3)
    tempos = [bpm for _, bpm, _ in rig.followed]
    assert tempos == sorted(tempos) and set(tempos) == {120.0, 140.0}, (
        "no report from before pulls it back"
    )


def test_a_start_of_the_session_begins_the_count_and_a_stop_leaves_the_beat_running(
    rig: FollowerRig,
) -> None:
    rig.store.set("/tempo/start_stop_sync", True)
    rig.choose("link")
    rig.wait(lambda: rig.transport and rig.transport[-1] == (False, 0))
    assert rig.follower.status().state == "stopped"
    rig.session("peers 1 playing")
    rig.wait(lambda: rig.transport[-1] == (True, 1))
    began = len(rig.followed)
    assert 0.0 <= rig.followed[-1][0] < 120.0, "the beats are counted from the start"
    rig.session("peers 1")
    rig.wait(lambda: not rig.transport[-1][0])
    assert rig.followed[-1][0] > rig.followed[began - 1][0] and rig.transport[-1] == (False, 1)
    rig.session("peers 1 playing")
    rig.wait(lambda: rig.transport[-1] == (True, 2))


def test_the_process_is_started_again_after_it_died(rig: FollowerRig) -> None:
    rig.choose("link")
    rig.wait(lambda: rig.followed)
    rig.session("die")
    rig.wait(lambda: rig.follower.status().state == "failed")
    assert rig.reports.lines == [
        ("link", "Ableton Link: exit code 7; the beat runs on, next try in 0.5 s")
    ]
    rig.session("peers 2")
    count = len(rig.followed)
    rig.wait(lambda: len(rig.followed) > count)
    assert rig.follower.status().peers == 2


@pytest.mark.only_on("linux", "darwin", reason="signals have other names there")
def test_a_process_that_hangs_is_replaced(rig: FollowerRig) -> None:
    rig.choose("link")
    rig.wait(lambda: rig.followed)
    rig.session("hang")
    count = 0
    while count != len(rig.followed):
        count = len(rig.followed)
        time.sleep(0.2)
    rig.clock.ahead_s = 6.0
    rig.wait(lambda: rig.reports.lines)
    assert "killed by SIGKILL" in rig.reports.lines[0][1]


def test_without_the_library_one_line_says_how_to_install_it(rig: FollowerRig) -> None:
    rig.session("missing")
    rig.choose("link")
    rig.wait(lambda: rig.follower.status().state == "missing")
    (line,) = [line for _, line in rig.reports.lines]
    assert line.startswith(f"Ableton Link is not installed; {install_line('[link]')}")
    rig.choose("manual")
    assert rig.follower.status() == LinkStatus()


def test_the_process_ends_with_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "session.txt").write_text("peers 0", encoding="utf-8")
    monkeypatch.setenv("FAKE_LINK", str(tmp_path / "session.txt"))
    call = (
        f"import sys; sys.path.insert(0, {str(FAKE)!r}); from engine.control.link.program "
        "import main; main(120.0)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", call], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        assert message_of(process.stdout.readline(), SessionReport) is not None
        process.stdin.close()
        process.stdout.read()
        assert process.wait(CEILING_S) == 0


def test_a_damaged_line_is_no_report_and_no_order() -> None:
    report = SessionReport(
        at_s=1.5, beat=2.0, bpm=120.0, is_playing=True, count=1, peers=1, order=3
    )
    assert message_of(line_of(report), SessionReport) == report
    for bpm in (120.0, None):
        order = Order(bpm=bpm, beats_a_bar=3, start_stop_sync=True, order=3)
        assert message_of(line_of(order), Order) == order
    for line in (
        b"", b"\n", b"{}", b"[1]", b"null", b"\xff\n", line_of(report)[:-5],
        line_of(report).replace(b"2.0", b"NaN"),
        line_of(report).replace(b"2.0", b'"2"'), line_of(report).replace(b"120.0", b"-1"),
        line_of(report).replace(b"peers", b"pears"), line_of(report).replace(b"120.0", b"true"),
    ):  # fmt: skip
        assert message_of(line, SessionReport) is None and message_of(line, Order) is None, line


PEER = """
import link, sys, time
own = link.Link(133.0)
own.enabled = True
while True:
    at_s, micros = time.perf_counter(), own.clock().micros()
    state = own.captureAppSessionState()
    print(at_s, state.beatAtTime(micros, 4.0), state.tempo(), own.numPeers(), flush=True)
    time.sleep(0.05)
"""


@pytest.mark.parametrize("seconds", [pytest.param(10.0, marks=ONLY_SOAK)])
def test_the_beat_agrees_with_another_program_in_a_real_session(
    seconds: float, reports: Any
) -> None:
    """Needs the library, and multicast between programs of this machine. The bar's phase agrees
    within 5 ms."""
    pytest.importorskip("link")
    store, followed = ParamStore(), []

    def follow(
        source: str, *, beat: float, bpm: float, at_s: float, is_playing: bool, count: int
    ) -> None:
        followed.append((beat, bpm, at_s))

    peer = subprocess.Popen([sys.executable, "-c", PEER], stdout=subprocess.PIPE, text=True)
    lines_out: list[str] = []
    follower = LinkFollower(
        store, follow, clock=SystemClock(), report=reports, notice=lines_out.append
    )
    try:
        time.sleep(1.0)  # the one that was there first keeps its tempo
        store.set("/tempo/source", "link")
        end_s = time.perf_counter() + seconds
        lines = []
        while time.perf_counter() < end_s:
            follower.poll(0.0)
            assert peer.stdout is not None
            lines.append([float(number) for number in peer.stdout.readline().split()])
        status = follower.status()
        assert (status.state, status.peers) == ("following", 1)
        # Link counts a beat in whole microseconds
        assert status.bpm == pytest.approx(133.0, abs=0.001)
        store.set("/tempo/bpm", 141.0, by="ws 127.0.0.1:1")
        while abs(lines[-1][2] - 141.0) > 0.001:
            assert peer.stdout is not None
            assert time.perf_counter() < end_s + CEILING_S
            lines.append([float(number) for number in peer.stdout.readline().split()])
    finally:
        follower.close()
        peer.kill()
        peer.communicate()
    errors_ms = []
    for at_s, beat, bpm, peers in lines:
        if not peers or at_s < end_s - seconds / 2:
            continue
        near = min(followed, key=lambda one: abs(one[2] - at_s))
        off = (near[0] + (at_s - near[2]) * near[1] / 60.0 - beat + 2.0) % 4.0 - 2.0
        if abs(bpm - near[1]) < 0.001:
            errors_ms.append(abs(off) * 60_000 / bpm)
    assert len(errors_ms) > 50 and max(errors_ms) < 5.0, errors_ms
