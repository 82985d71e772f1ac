"""As on Windows: sleep and timer throttling are off while a picture runs."""

import ctypes
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.cli.main import commands_of
from engine.errors import MultiverseError
from engine.render.context import MAX_MESSAGES_PER_PICTURE, load_message_pump
from engine.system import power, win32
from engine.system.power import kept_awake
from tests.support.fake_win32 import FakeWindows

CONTINUOUS, SYSTEM_REQUIRED, DISPLAY_REQUIRED = 0x80000000, 0x1, 0x2  # ES_* (winnt.h)
THIS_PROCESS = ctypes.c_void_p(-1).value
WM_SETTINGCHANGE = 0x1A


@pytest.mark.parametrize(("display", "more"), [(False, 0), (True, DISPLAY_REQUIRED)], ids=["a picture", "a window"])
def test_the_machine_does_not_sleep_while_the_picture_runs(windows: FakeWindows, display: bool, more: int) -> None:
    with kept_awake(display=display):
        assert windows.called("SetThreadExecutionState") == [[CONTINUOUS | SYSTEM_REQUIRED | more]]
    assert windows.called("SetThreadExecutionState")[1:] == [[CONTINUOUS]]


@pytest.mark.parametrize(
    "command",
    [
        ["sd", "nowhere.png", "out.png", "--prompt", "fog"],
        ["segment", "nowhere.mp4", "out.mp4"],
        ["convert", "nowhere.wav", "out.wav"],
        ["video"],
        ["dataset", __file__],
    ],
)
def test_the_machine_does_not_sleep_during_a_long_job(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With a job that fails at once. Its imports must not see the disguise as Windows."""
    windows = FakeWindows.installed(monkeypatch)
    windows.answers["SetThreadExecutionState"] = CONTINUOUS
    monkeypatch.setattr(power, "sys", SimpleNamespace(platform="win32"))
    assert isinstance(CliRunner().invoke(commands_of(), command).exception, MultiverseError)
    assert windows.called("SetThreadExecutionState") == [[CONTINUOUS | SYSTEM_REQUIRED], [CONTINUOUS]]


def test_a_machine_that_may_sleep_is_only_a_warning(windows: FakeWindows, caplog: pytest.LogCaptureFixture) -> None:
    windows.answers["SetThreadExecutionState"] = 0
    with kept_awake():
        assert windows.called("timeBeginPeriod") == [[1]] and not windows.called("timeEndPeriod")
    assert "set Sleep to Never" in caplog.text
    assert windows.called("timeEndPeriod") == [[1]]


def test_timers_stay_exact_without_a_visible_window(windows: FakeWindows) -> None:
    with kept_awake():
        [[process, information, state, size]] = windows.called("SetProcessInformation")
    assert (process, information, size) == (THIS_PROCESS, 4, 12)
    assert (state.version, state.control_mask, state.state_mask) == (1, 0x1 | 0x4, 0)


def test_windows_10_has_no_timer_throttling(windows: FakeWindows, caplog: pytest.LogCaptureFixture) -> None:
    windows.answers["SetProcessInformation"] = lambda process, kind, state, size: state.control_mask == 0x1
    with kept_awake():
        pass
    assert [call[2].control_mask for call in windows.called("SetProcessInformation")] == [0x5, 0x1]
    assert not caplog.records


def test_the_hidden_window_of_the_context_gets_its_messages(windows: FakeWindows) -> None:
    """A draw processes waiting messages, and continues even if they never end."""
    waiting = [WM_SETTINGCHANGE] * 2

    def peek(message: Any, *which: Any) -> bool:
        message.message = waiting.pop() if waiting else 0
        return bool(message.message)

    windows.answers["PeekMessageW"] = peek
    pump = load_message_pump()
    pump()
    assert len(windows.called("DispatchMessageW")) == 2
    windows.answers["PeekMessageW"] = 1
    pump()
    assert len(windows.called("DispatchMessageW")) == 2 + MAX_MESSAGES_PER_PICTURE


def test_the_message_struct_has_windows_size() -> None:
    assert ctypes.sizeof(win32._Message) == (48 if ctypes.sizeof(ctypes.c_void_p) == 8 else 28)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> FakeWindows:
    windows = FakeWindows.installed(monkeypatch)
    windows.answers |= {"SetThreadExecutionState": CONTINUOUS, "SetProcessInformation": 1}
    monkeypatch.setattr(sys, "platform", "win32")
    return windows
