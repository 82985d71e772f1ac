"""Power requests to each system while the picture runs, undone afterwards."""

import sys

import pytest

from engine.system.power import kept_awake
from tests.support.fake_win32 import FakeWindows


def test_windows_gives_exact_timers_while_the_picture_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = FakeWindows.installed(monkeypatch)
    monkeypatch.setattr(sys, "platform", "win32")
    with kept_awake():
        assert windows.called("timeBeginPeriod") == [[1]]
        assert windows.called("timeEndPeriod") == []
    assert windows.called("timeEndPeriod") == [[1]]
