"""Plays timed pictures by the clock.

A thread converts the next few pictures ahead of time; `latest_frame` returns the one that is due
when it is called. So a picture changes exactly with the frame that should show it. A thread
sleeping until the due time would be late by its wake-up time, which is visible as judder if the
file has the engine's rate.
"""

import logging
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from engine.errors import SourceError
from engine.sources.source import HOLD_S, SourceStatus
from engine.system.backoff import next_delay_s
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report
from engine.values import VideoFrame

log = logging.getLogger(__name__)

AHEAD = 3  # pictures prepared: covers reopening the file at the end of a loop; 75 MB at 4K
LATE_S = 0.25  # if further behind, the schedule is shifted instead of catching up
# A picture is due this long before the frame that first shows it. Frames are late more often than
# early, so with equal rates a slightly early frame does not show the previous picture again.
LEAD_S = 0.004


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A picture shown from `start_s` on, in seconds from the first shot; `start_s` never
    decreases."""

    start_s: float
    read_pixels: Callable[[], np.ndarray]


class PlayedSource(ABC):
    """A source that plays its shots; after an error they restart, with growing delays. When they
    end the last picture stays. Playing pauses while `latest_frame` is not called. Offline nothing
    is played: `frame_at` makes each picture when it is requested."""

    def __init__(self, name: str, *, offline: bool, clock: Clock, report: Report) -> None:
        self._name = name
        self._offline = offline
        self._clock = clock
        self._report = report
        self._change = threading.Condition()
        self._ahead: deque[VideoFrame] = deque()
        self._current: VideoFrame | None = None
        self._lost_since_s: float | None = None
        self._is_closing = False
        self._is_starved = False
        self._origin_s: float | None = None
        self._problem = ""  # why it is lost; "" while it plays
        # prepared so far
        self._frames = 0
        self._offline_count = 0
        # those whose time had passed before they were shown; those not decoded
        self._skipped = 0
        self._corrupt = 0
        self._guard = Guard(log, lambda key, problem: self._lose(problem), "source", name)
        self._thread = GuardedThread(f"source {name}", self._run, self._guard)

    @abstractmethod
    def _shots(self) -> Iterator[Shot]:
        """Yield the pictures from the beginning. SourceError if there are none."""

    def start(self) -> None:
        if not self._offline:
            self._thread.start()

    def close(self) -> None:
        with self._change:
            self._is_closing = True
            self._change.notify_all()
        self._thread.join(timeout_s=5.0)
        with self._change:  # now: the thread, the shots and this object refer to each other
            self._ahead.clear()
            self._current = None

    def latest_frame(self) -> VideoFrame | None:
        now_s = self._clock.now_s()
        with self._change:  # both threads hold it only briefly
            self._is_starved = not self._ahead
            if self._origin_s is None and self._ahead:
                self._origin_s = now_s - self._ahead[0].time_s - LEAD_S
            passed = -1
            while (
                self._ahead
                and self._origin_s is not None
                and self._origin_s + self._ahead[0].time_s <= now_s
            ):
                self._current = self._ahead.popleft()
                passed += 1
            if passed >= 0:
                self._skipped += passed
                self._change.notify()
            if self._lost_since_s is not None and now_s - self._lost_since_s >= HOLD_S:
                return None
            return self._current

    def _status(self, description: str, width: int, height: int, fps: float) -> SourceStatus:
        with self._change:
            is_played = self._offline or (self._frames > 0 and not self._problem)
            return SourceStatus(
                state="playing" if is_played else "lost" if self._problem else "starting",
                description=self._problem or description,
                width=width,
                height=height,
                fps=fps,
                frames=self._frames + self._offline_count,
                lost=self._corrupt + self._skipped,
            )

    def _run(self) -> None:
        failures = 0
        while not self._is_closing:
            played_before = self._frames
            if self._guard.attempt(self._play_to_end):
                return
            failures = failures + 1 if self._frames == played_before else 1
            with self._change:
                self._change.wait_for(lambda: self._is_closing, timeout=next_delay_s(failures))

    def _play_to_end(self) -> bool:
        """False after an error of the source, which is reported."""
        try:
            self._play(self._shots())
            return True
        except SourceError as error:
            self._lose(str(error))
            return False

    def _play(self, shots: Iterator[Shot]) -> None:
        with self._change:
            self._ahead.clear()
            self._origin_s = None
        for shot in shots:
            with self._change:
                self._change.wait_for(lambda: self._is_closing or len(self._ahead) < AHEAD)
                if self._is_closing:
                    return
                is_slow = self._move_when_late(shot.start_s) and self._is_starved
            if is_slow:
                self._report(
                    "source slow",
                    f"{self._name}: too slow to decode at its own rate; it plays slower",
                )
            frame = VideoFrame(
                pixels=shot.read_pixels(),
                index=self._frames,
                time_s=shot.start_s,
                source=self._name,
            )
            with self._change:
                self._frames += 1
                self._ahead.append(frame)
                self._problem = ""
                self._lost_since_s = None

    def _move_when_late(self, start_s: float) -> bool:
        """If far behind `start_s`, shift the schedule so that its picture is due at the next
        call."""
        if self._origin_s is None or self._clock.now_s() - (self._origin_s + start_s) <= LATE_S:
            return False
        self._origin_s = None
        return True

    def _lose(self, problem: str) -> None:
        with self._change:
            if self._lost_since_s is None:
                self._lost_since_s = self._clock.now_s()
            self._problem = problem
        self._report("source", problem)
