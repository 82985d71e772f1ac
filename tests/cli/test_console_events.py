"""Ctrl-C, Ctrl-Break, a closing window, a log-off and `taskkill` on Windows: what the handler does
at which event."""

import signal
import time
from types import SimpleNamespace

import pytest

from engine.cli import console_events
from engine.cli.console_events import CONTROL_C_EXIT, MAX_HOLD_S, ConsoleEvents
from engine.system import win32
from engine.system.win32 import CLOSE_REQUEST

CTRL_C, CTRL_BREAK, CLOSE, LOGOFF, SHUTDOWN = 0, 1, 2, 5, 6  # HandlerRoutine's dwCtrlType


class Recorder:
    """Console events with a fake clock, wait and force quit that only record their calls."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.calls: list[object] = []
        self.events = ConsoleEvents(
            now_s=lambda: self.now_s, hold=self._hold, force_quit=self._force_quit
        )  # type: ignore[arg-type]

    def stop(self) -> None:
        self.calls.append("stop")

    def _hold(self, seconds: float) -> None:
        self.calls.append(("hold", seconds))

    def _force_quit(self, code: int) -> None:
        self.calls.append(("quit", code))


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    # adds no handler to this process
    monkeypatch.setattr(console_events, "sys", SimpleNamespace(platform="linux"))
    recorder = Recorder()
    recorder.events.connect(recorder.stop)
    return recorder


@pytest.mark.parametrize("event", [CTRL_C, CTRL_BREAK])
def test_the_first_key_stops_and_a_later_one_kills(recorder: Recorder, event: int) -> None:
    assert recorder.events._on_event(event)
    assert recorder.calls == ["stop"]
    recorder.now_s += 0.5  # a held key repeats
    assert recorder.events._on_event(event)
    assert recorder.calls == ["stop"]
    recorder.now_s += 1.0
    recorder.events._on_event(CTRL_C)
    assert recorder.calls == ["stop", ("quit", CONTROL_C_EXIT)]


def test_a_program_that_asks_again_to_close_ends_nothing_by_force(recorder: Recorder) -> None:
    for _ in range(2):
        recorder.events._on_event(CLOSE_REQUEST)
        recorder.now_s += 2.0
    assert recorder.calls == ["stop"]


@pytest.mark.parametrize("event", [CLOSE, LOGOFF, SHUTDOWN])
def test_a_closing_window_waits_for_complete_files(recorder: Recorder, event: int) -> None:
    """Windows ends the process once the handler returns, and 5 s after the event in any case
    (microsoft/terminal, doc/ConsoleCtrlEvent.md)."""
    assert recorder.events._on_event(event)
    assert recorder.calls == ["stop", ("hold", MAX_HOLD_S)]
    assert MAX_HOLD_S <= 4.5


@pytest.mark.parametrize("later_s", [0.0, 1.5])
def test_a_window_closed_after_ctrl_c_waits_too(recorder: Recorder, later_s: float) -> None:
    recorder.events._on_event(CTRL_C)
    recorder.now_s += later_s
    recorder.events._on_event(CLOSE)
    assert recorder.calls == ["stop", ("hold", MAX_HOLD_S)]


def test_a_command_that_stops_on_an_exception_gets_one(recorder: Recorder) -> None:
    # a command that another test ran may have its own
    signal.signal(signal.SIGINT, signal.default_int_handler)
    recorder.events.listen()
    with pytest.raises(KeyboardInterrupt):
        recorder.events._on_event(CTRL_C)
        time.sleep(60.0)
    assert recorder.calls == []


def test_what_windows_refuses_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(handler: object) -> None:
        raise OSError("refused")

    monkeypatch.setattr(console_events, "sys", SimpleNamespace(platform="win32"))
    for name in ("add_console_handler", "serve_close_window"):
        monkeypatch.setattr(win32, name, refuse)
    events = ConsoleEvents()
    events.listen()
    events._serve_window()
    assert [record.getMessage() for record in caplog.records] == [
        f"console: {what} will end this program at once and leave files incomplete (refused)"
        for what in ("closing the window", "logging off")
    ]
