"""Detects from outside the frame loop that no picture comes, and reports what the loop is doing.

The loop counts a late frame only when it has ended: while a driver, a disk or a sink blocks one,
the statistics look normal. So it marks each frame's beginning and end here, and a thread looks at
the mark ten times per second. It needs the GIL, which every wait of the loop releases.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from engine.system.clock import Clock
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report

LIMIT_S = 0.5  # a gap that everybody in the room sees
POLL_S = 0.1
STUCK_S = 3.0  # after this long at the end of a run, nobody waits for the frame any more
STACK_DEPTH = 8
OVERLOADED = "the machine is overloaded: use a smaller --size or a lower --fps; "

log = logging.getLogger(__name__)


class FrameMark:
    """The frame in progress. Written by the render thread, read by any."""

    def __init__(self) -> None:
        self.began_s: float | None = None
        """Start of the frame in progress, after the wait for its due time; None between frames."""
        self.step = ""
        """Part of the frame in progress: drawing, publishing ..."""
        self.thread_id = 0
        self.is_watched = False
        """True from the first published picture on: before it things are compiled. Offline nobody
        sees a standstill."""

    def begin(self, now_s: float) -> None:
        self.step = "reading values"
        self.thread_id = threading.get_ident()
        self.began_s = now_s

    def end(self, *, is_published: bool) -> None:
        self.began_s = None
        self.is_watched = self.is_watched or is_published

    def standing_s(self, now_s: float) -> float:
        """Duration of the frame in progress, if it is longer than LIMIT_S; else 0."""
        began_s = self.began_s
        if began_s is None or not self.is_watched:
            return 0.0
        return now_s - began_s if now_s - began_s >= LIMIT_S else 0.0


class Watchdog:
    """Reports a frame that takes more than LIMIT_S, on a thread of its own."""

    def __init__(
        self,
        mark: FrameMark,
        clock: Clock,
        *,
        describe: Callable[[], str],
        is_overloaded: Callable[[], bool],
        is_stopping: Callable[[], bool],
        finish_files: Callable[[], object] = lambda: None,
        on_stuck: Callable[[], object],
        report: Report,
        notice: Callable[[str], None],
    ) -> None:
        """`describe()`: what is being drawn. `is_overloaded()`: frames were late before, too.
        `finish_files()` and `on_stuck()` are called once if the run should end, but its last frame
        has taken STUCK_S more."""
        self._mark = mark
        self._clock = clock
        self._describe = describe
        self._is_overloaded = is_overloaded
        self._is_stopping = is_stopping
        self._finish_files = finish_files
        self._on_stuck = on_stuck
        self._report = report
        self._notice = notice
        self._reported_s: float | None = None  # beginning of the frame that was reported
        self._longest_s = 0.0
        self._stopping_s: float | None = None
        self._ended = threading.Event()
        self._thread = GuardedThread(
            "watchdog", self._run, Guard(log, report, "watchdog", "the watchdog failed")
        )

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def step(self, now_s: float) -> None:
        standing_s = self._mark.standing_s(now_s)
        began_s = self._mark.began_s
        if self._reported_s is not None and began_s != self._reported_s:
            self._notice(f"pictures come again, after {self._longest_s:.1f} s without one")
            self._reported_s = None
        self._longest_s = standing_s or self._longest_s
        if standing_s and self._reported_s is None:
            self._reported_s = began_s
            self._report(
                "standstill",
                f"no picture for {standing_s:.1f} s: "
                f"{OVERLOADED if self._is_overloaded() else ''}{self._describe()}; "
                f"stack: {stack_of(self._mark.thread_id)}",
            )
        if began_s is None or now_s - began_s < LIMIT_S or not self._is_stopping():
            self._stopping_s = None
            return
        self._stopping_s = self._stopping_s or now_s
        if now_s - self._stopping_s >= STUCK_S:
            self._ended.set()
            self._finish_files()
            self._on_stuck()

    def _run(self) -> None:
        while not self._ended.wait(POLL_S):
            self.step(self._clock.now_s())


def stack_of(thread_id: int) -> str:
    """The stack of a thread in one line, innermost call first."""
    frame: FrameType | None = sys._current_frames().get(thread_id)
    calls = traceback.extract_stack(frame)[::-1][:STACK_DEPTH] if frame is not None else []
    return (
        " < ".join(f"{Path(call.filename).name}:{call.lineno} {call.name}" for call in calls)
        or "unknown"
    )
