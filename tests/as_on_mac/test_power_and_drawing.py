"""As on a Mac: two threads that draw with Numba's own threads, and preventing sleep."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from engine.system.power import kept_awake, kept_from_sleep
from tests.render.test_renderers import run_python

# NSActivityOptions (NSProcessInfo.h)
IDLE_SYSTEM_SLEEP_DISABLED, IDLE_DISPLAY_SLEEP_DISABLED, LATENCY_CRITICAL = (
    1 << 20,
    1 << 40,
    0xFF00000000,
)

TWO_THREADS = """
import threading
import numba, numpy as np
from engine.render.numba_finish import publish_deep
picture, limits = np.zeros((360, 640, 4), np.uint16), np.ones((18, 18, 2), np.float32)
def draw():
    out = np.zeros_like(picture)
    start.wait()
    for _ in range(300):
        publish_deep(out, picture, limits, np.float32(1), False, False)
start = threading.Barrier(2)
threads = [threading.Thread(target=draw) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(numba.threading_layer())
"""


def test_two_threads_may_draw_with_the_layer_that_numba_has_on_a_mac() -> None:
    """Without a lock Numba ends the process: "Concurrent access has been detected"."""
    assert (
        run_python(TWO_THREADS, NUMBA_THREADING_LAYER="workqueue", NUMBA_NUM_THREADS="2")
        == "workqueue"
    )


@pytest.mark.parametrize("display", [False, True], ids=["a picture", "a window"])
def test_app_nap_and_sleep_are_disabled_while_the_picture_runs(
    activities: list[list[Any]], display: bool
) -> None:
    with kept_awake(display=display):
        [[options, _, is_over]] = activities
        assert (
            options & IDLE_SYSTEM_SLEEP_DISABLED and options & LATENCY_CRITICAL == LATENCY_CRITICAL
        )
        assert bool(options & IDLE_DISPLAY_SLEEP_DISABLED) is display and not is_over
    assert activities[0][2]


def test_the_machine_does_not_sleep_during_a_long_job(activities: list[list[Any]]) -> None:
    with kept_from_sleep("working on files"):
        [[options, reason, is_over]] = activities
        assert (
            options & IDLE_SYSTEM_SLEEP_DISABLED and not options & LATENCY_CRITICAL and not is_over
        )
    assert reason == "working on files" and activities[0][2]


def test_without_pyobjc_the_picture_runs_and_the_log_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setitem(sys.modules, "Foundation", None)
    with kept_awake():
        pass
    assert "pyobjc-framework-Cocoa" in caplog.text


@pytest.fixture
def activities(monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """[options, reason, has_ended] of each activity requested from NSProcessInfo."""
    begun: list[list[Any]] = []

    def begin(options: int, reason: str) -> list[Any]:
        begun.append([options, reason, False])
        return begun[-1]

    def end(activity: list[Any]) -> None:
        activity[2] = True

    process = SimpleNamespace(beginActivityWithOptions_reason_=begin, endActivity_=end)
    foundation = ModuleType("Foundation")
    foundation.NSProcessInfo = SimpleNamespace(processInfo=lambda: process)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "Foundation", foundation)
    monkeypatch.setattr(sys, "platform", "darwin")
    return begun
