"""What Windows is asked for while a picture or a job runs. Answers that no Windows of a test gives
on request: Windows 11 and 10, granted and refused. `tests/on_windows/test_power.py` asks the real
one."""

import ctypes
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest
from typer.testing import CliRunner

from engine.children.child_main import prepare_windows
from engine.cli.main import commands_of
from engine.errors import MultiverseError
from engine.system import power, priority
from engine.system.power import kept_awake
from tests.support.fake_win32 import FakeWindows

CONTINUOUS, SYSTEM_REQUIRED = 0x80000000, 0x1  # ES_* (winnt.h)
THIS_PROCESS = ctypes.c_void_p(-1).value
WINDOWS_11, WINDOWS_10, WINDOWS_10_1703 = (10, 0, 22631), (10, 0, 19045), (10, 0, 15063)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> FakeWindows:
    windows = FakeWindows.installed(monkeypatch)
    windows.answers["SetThreadExecutionState"] = CONTINUOUS
    msvcrt = SimpleNamespace(
        SetErrorMode=lambda mode: 0, SEM_FAILCRITICALERRORS=1, SEM_NOGPFAULTERRORBOX=2
    )
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "platform", "win32")
    return windows


@pytest.mark.parametrize("starts", ["the engine", "a child"])
@pytest.mark.parametrize(
    ("version", "is_granted", "mask", "is_warned"),
    [
        (WINDOWS_11, True, 0x1 | 0x4, False),
        (WINDOWS_11, False, 0x1 | 0x4, True),
        (WINDOWS_10, True, 0x1, False),
        (WINDOWS_10_1703, False, 0x1, False),
    ],
    ids=["11", "11 refuses", "10 throttles no timers", "none throttled before 1709"],
)
def test_speed_and_timers_are_not_throttled_without_a_visible_window_and_a_refusal_is_told_where_it_matters(
    version: tuple[int, ...],
    is_granted: bool,
    mask: int,
    is_warned: bool,
    starts: str,
    windows: FakeWindows,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    windows.answers["SetProcessInformation"] = int(is_granted)
    # `build` as in a program without a manifest
    monkeypatch.setattr(
        sys,
        "getwindowsversion",
        lambda: SimpleNamespace(build=9200, platform_version=version),
        False,
    )
    if starts == "a child":
        prepare_windows()
    else:
        with kept_awake():
            pass
    [[process, information, state, size]] = windows.called("SetProcessInformation")
    assert (process, information, size) == (THIS_PROCESS, 4, 12)
    assert (state.version, state.control_mask, state.state_mask) == (1, mask, 0)
    assert ["SetProcessInformation" in line for line in caplog.messages] == [True] * is_warned


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
def test_the_machine_does_not_sleep_during_a_long_job(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a job that fails at once. Its imports must not see the disguise as Windows."""
    windows = FakeWindows.installed(monkeypatch)
    windows.answers["SetThreadExecutionState"] = CONTINUOUS
    monkeypatch.setattr(power, "sys", SimpleNamespace(platform="win32"))
    assert isinstance(CliRunner().invoke(commands_of(), command).exception, MultiverseError)
    assert windows.called("SetThreadExecutionState") == [
        [CONTINUOUS | SYSTEM_REQUIRED],
        [CONTINUOUS],
    ]


def test_a_machine_that_may_sleep_is_only_a_warning(
    windows: FakeWindows, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    windows.answers |= {"SetThreadExecutionState": 0, "SetProcessInformation": 1}
    monkeypatch.setattr(
        sys,
        "getwindowsversion",
        lambda: SimpleNamespace(platform_version=WINDOWS_11),
        raising=False,
    )
    with kept_awake():
        assert windows.called("timeBeginPeriod") == [[1]] and not windows.called("timeEndPeriod")
    assert "set Sleep to Never" in caplog.text
    assert windows.called("timeEndPeriod") == [[1]]


def test_a_painting_child_starts_at_lower_priority_and_the_voice_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wine's CreateProcess ignores the class."""
    below_normal = 0x4000  # winbase.h
    monkeypatch.setattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", below_normal, raising=False)
    assert (priority.creation_flags(10), priority.creation_flags(0)) == (below_normal, 0)


def test_a_refused_priority_stops_no_model(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(process: psutil.Process, value: int | None = None) -> None:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "nice", refused)
    monkeypatch.setattr(sys, "platform", "win32")
    priority.leave_idle_class(priority.enter_idle_class())
    assert len(caplog.messages) == 1 and "lower its priority" in caplog.messages[0]
