"""Ctrl-C, Ctrl-Break and a closing window on Windows: SetConsoleCtrlHandler's handler runs on a separate thread."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest

from engine.cli import console_events
from engine.cli.console_events import CONTROL_C_EXIT, MAX_HOLD_S, ConsoleEvents
from engine.cli.signals import Signals
from tests.support.fake_win32 import FakeWindows

CTRL_C, CTRL_BREAK, CLOSE, LOGOFF, SHUTDOWN = 0, 1, 2, 5, 6  # HandlerRoutine's dwCtrlType
ROOT = Path(__file__).parents[2]


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> FakeWindows:
    fake = FakeWindows.installed(monkeypatch)
    monkeypatch.setattr(console_events, "sys", SimpleNamespace(platform="win32"))
    return fake


@pytest.fixture
def press(windows: FakeWindows) -> Callable[[int], int]:
    """`press(event)`: result of the handler that was added last, called on a separate thread."""
    press = windows.console()

    def call(event: int) -> int:
        returned: list[int] = []
        thread = threading.Thread(target=lambda: returned.append(press(event)))
        thread.start()
        thread.join(120.0)
        return returned[0]

    return call


class Recorder:
    """Console events with a fake clock, wait and force quit that only record their calls."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.calls: list[object] = []
        self.events = ConsoleEvents(now_s=lambda: self.now_s, hold=self._hold, force_quit=self._force_quit)  # type: ignore[arg-type]

    def stop(self) -> None:
        self.calls.append("stop")

    def _hold(self, seconds: float) -> None:
        self.calls.append(("hold", seconds))

    def _force_quit(self, code: int) -> None:
        self.calls.append(("quit", code))


@pytest.fixture
def recorder(press: Callable[[int], int]) -> Recorder:
    recorder = Recorder()
    recorder.events.connect(recorder.stop)
    return recorder


@pytest.mark.parametrize("event", [CTRL_C, CTRL_BREAK])
def test_the_first_key_stops_and_a_later_one_kills(recorder: Recorder, press: Callable[[int], int], event: int) -> None:
    assert press(event) == 1
    assert recorder.calls == ["stop"]
    recorder.now_s += 0.5  # a held key repeats
    assert press(event) == 1
    assert recorder.calls == ["stop"]
    recorder.now_s += 1.0
    press(CTRL_C)
    assert recorder.calls == ["stop", ("quit", CONTROL_C_EXIT)]


@pytest.mark.parametrize("event", [CLOSE, LOGOFF, SHUTDOWN])
def test_a_closing_window_waits_for_complete_files(recorder: Recorder, press: Callable[[int], int], event: int) -> None:
    """Windows ends the process once the handler returns, and 5 s after the event in any case (microsoft/terminal,
    doc/ConsoleCtrlEvent.md)."""
    assert press(event) == 1
    assert recorder.calls == ["stop", ("hold", MAX_HOLD_S)]
    assert MAX_HOLD_S <= 4.5


@pytest.mark.parametrize("later_s", [0.0, 1.5])
def test_a_window_closed_after_ctrl_c_waits_too(
    recorder: Recorder, press: Callable[[int], int], later_s: float
) -> None:
    press(CTRL_C)
    recorder.now_s += later_s
    press(CLOSE)
    assert recorder.calls == ["stop", ("hold", MAX_HOLD_S)]


@pytest.mark.parametrize("event", [CTRL_C, CTRL_BREAK, CLOSE])
def test_a_command_that_stops_on_an_exception_gets_one(press: Callable[[int], int], event: int) -> None:
    recorder = Recorder()
    recorder.events.listen()
    end_s = time.perf_counter() + 120.0
    with pytest.raises(KeyboardInterrupt):
        press(event)
        while time.perf_counter() < end_s:
            time.sleep(0.001)
    assert "stop" not in recorder.calls


@pytest.fixture
def own_signals() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("own_signals")
def test_ctrl_c_while_the_engine_opens_stops_it_once_it_is_open(press: Callable[[int], int]) -> None:
    calls: list[str] = []
    signals = Signals()
    assert press(CTRL_C) == 1
    signals.connect(lambda: calls.append("stop"))
    assert calls == ["stop"]


@pytest.mark.usefixtures("own_signals")
def test_a_window_that_closes_while_the_engine_opens_ends_it_once_it_is_open(
    press: Callable[[int], int], monkeypatch: pytest.MonkeyPatch, wait_for: Callable[..., Any]
) -> None:
    is_blocked, ended, in_time = threading.Event(), threading.Event(), []

    def hold(seconds: float) -> None:
        is_blocked.set()
        in_time.append(ended.wait(2.0))

    monkeypatch.setattr("engine.cli.signals.console", ConsoleEvents(hold=hold))
    signals = Signals()
    window = threading.Thread(target=press, args=(CLOSE,))
    window.start()
    wait_for(is_blocked.is_set, "the handler that holds the window open")
    signals.connect(ended.set)
    window.join()
    assert in_time == [True]


@pytest.mark.usefixtures("own_signals")
def test_ctrl_c_reaches_a_command_before_its_libraries(windows: FakeWindows, press: Callable[[int], int]) -> None:
    """Handlers are called last registered first; the one of Intel's Fortran runtime aborts the process."""
    calls: list[str] = []
    signals = Signals()
    before = len(windows.called("SetConsoleCtrlHandler"))
    signals.connect(lambda: calls.append("stop"))
    assert len(windows.called("SetConsoleCtrlHandler")) == before + 1
    press(CTRL_BREAK)
    assert calls == ["stop"]


def test_without_console_events_commands_still_run(windows: FakeWindows, caplog: pytest.LogCaptureFixture) -> None:
    windows.answers["SetConsoleCtrlHandler"] = 0
    windows.last_error = 87
    ConsoleEvents().listen()
    assert [record.getMessage() for record in caplog.records] == [
        "console: closing the window will end this program at once and leave files incomplete "
        "(SetConsoleCtrlHandler: error 87)"
    ]


PREPARED = """
import sys, threading, time
from pathlib import Path
from types import SimpleNamespace
import pytest
from engine.cli import console_events
from tests.support.fake_win32 import FakeWindows
patch = pytest.MonkeyPatch()
windows = FakeWindows.installed(patch)
press = windows.console()
patch.setattr(console_events, "sys", SimpleNamespace(platform="win32"))
"""

STUCK = """
times_s = iter([0.0, 2.0, 4.0])
events = console_events.ConsoleEvents(now_s=lambda: next(times_s))
events.listen()
def press_twice():
    press(0)
    print("pressed once", flush=True)
    press(0)
lock = threading.Lock()
lock.acquire()
threading.Thread(target=press_twice).start()
lock.acquire()
"""


def test_a_second_ctrl_c_ends_a_program_whose_main_thread_waits_for_a_lock() -> None:
    """As on Windows before Python 3.14 (CPython #125541): a signal handled on another thread does not wake it."""
    done = subprocess.run(
        [sys.executable, "-c", PREPARED + STUCK], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=120
    )
    assert done.stdout == "pressed once\n"
    assert done.returncode == CONTROL_C_EXIT & 0xFF  # Windows keeps all 32 bits: 0xC000013A


CLOSED = """
from engine.cli.main import main
def close_window():
    while not any(path.stat().st_size for path in Path().glob("**/*out*.mp4*")):
        time.sleep(0.01)
    press(2)
    print("not held", flush=True)
threading.Thread(target=close_window, daemon=True).start()
main()
"""


def test_a_recording_is_complete_after_the_window_is_closed(tmp_path: Path) -> None:
    command = ["run", "--size", "160x90", "--fps", "30", "--renderer", "gl", "--audio", "demo", "--osc", "off"]
    done = subprocess.run(
        [sys.executable, "-c", PREPARED + CLOSED, *command, "--web", "off", "--sink", "record=out.mp4"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MULTIVERSE_HOME": str(tmp_path / "home")},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) >= 1
