"""Frame times, and warnings that are counted and throttled by cause."""

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.system.clock import Clock
from engine.system.reporting import Report

log = logging.getLogger("multiverse")

REPORT_INTERVAL_S = (
    1.0  # a few lines per second and cause: readable, and many packets cannot fill a disk
)
MAX_LINES = 5
MAX_WARNINGS = 20
MAX_PROBLEMS = 10  # of one file that are reported one by one; the rest are only counted
RECENT_S = 10.0  # the window over which late frames are reported to the performer
WINDOW_FRAMES = 600  # 10 s at 60 fps: the window of the live figures
RESERVOIR_FRAMES = 100_000  # 27 min at 60 fps: the window of the summary at exit; always 800 kB


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMs:
    """Percentiles of the milliseconds from a frame's start to its publication, without the wait for
    its due time."""

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    max: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFaults:
    """Late and dropped frames of the last ten seconds."""

    due: int = 0
    """Number of frames, published or dropped."""
    late: int = 0
    dropped: int = 0
    """Frames that were not drawn."""

    @property
    def is_overloaded(self) -> bool:
        """True if a tenth or more of the frames did not come in time: the machine is too slow, not
        one frame."""
        return 0 < self.due <= 10 * (self.late + self.dropped)


class FrameTimes:
    """Counts frames and keeps their times. Written by the render thread, read from any."""

    def __init__(self) -> None:
        self.frames = 0
        self.late = 0
        """Published more than one period after the due time."""
        self.dropped = 0
        """Due times skipped because the loop was behind by more than a period."""
        self._work_ms = np.zeros(RESERVOIR_FRAMES)
        self._draw_ms = np.zeros(RESERVOIR_FRAMES)
        self._published_s: deque[float] = deque(maxlen=WINDOW_FRAMES)
        self._first_s = 0.0
        self._last_s = 0.0
        self._marks: deque[tuple[float, int, int, int]] = deque(maxlen=int(RECENT_S) + 1)
        """Once per second: the time, and the counts of published, late and dropped frames so
        far."""

    def add(self, *, work_s: float, draw_s: float, published_s: float, is_late: bool) -> None:
        """Count one published frame. `work_s`: duration of all its work; `draw_s`: duration of the
        draw in it."""
        if self.frames == 0:
            self._first_s = published_s
        self._work_ms[self.frames % RESERVOIR_FRAMES] = work_s * 1000.0
        self._draw_ms[self.frames % RESERVOIR_FRAMES] = draw_s * 1000.0
        self.frames += 1
        self.late += is_late
        self._published_s.append(published_s)
        self._last_s = published_s
        if not self._marks or published_s - self._marks[-1][0] >= 1.0:
            self._marks.append((published_s, self.frames, self.late, self.dropped))

    def recent_faults(self) -> FrameFaults:
        """Late and dropped frames of the ten seconds before the newest frame. Any thread."""
        recent = [mark for mark in self._marks.copy() if mark[0] >= self._last_s - RECENT_S]
        if not recent:
            return FrameFaults()
        _, frames, late, dropped = recent[0]
        frames = self.frames - frames
        late = self.late - late
        dropped = self.dropped - dropped
        return FrameFaults(due=frames + dropped, late=late, dropped=dropped)

    def fps_now(self, standing_s: float = 0.0) -> float:
        """Frames per second over the latest two seconds, with the frame in progress if it has taken
        `standing_s`."""
        if standing_s >= 2.0:
            return 0.0
        stamps = list(self._published_s)
        recent = (
            [stamp for stamp in stamps if stamp > stamps[-1] + standing_s - 2.0] if stamps else []
        )
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / max(recent[-1] + standing_s - recent[0], 1e-9)

    def fps_overall(self) -> float:
        if self.frames < 2:
            return 0.0
        return (self.frames - 1) / max(self._last_s - self._first_s, 1e-9)

    def work_ms(self, newest: int = RESERVOIR_FRAMES) -> FrameMs:
        """Percentiles over the newest frames, at most `newest`."""
        return _percentiles(self._work_ms[self._newest(newest)])

    def draw_ms(self, newest: int = RESERVOIR_FRAMES) -> FrameMs:
        """Like `work_ms`, for the draw alone."""
        return _percentiles(self._draw_ms[self._newest(newest)])

    def overhead_ms(self, newest: int = RESERVOIR_FRAMES) -> FrameMs:
        """Like `work_ms`, for everything but the draw: parameters, audio features, upload,
        publication."""
        rows = self._newest(newest)
        return _percentiles(self._work_ms[rows] - self._draw_ms[rows])

    def _newest(self, count: int) -> np.ndarray:
        """Indices of the newest frames in the reservoirs, at most `count`."""
        frames = min(self.frames, RESERVOIR_FRAMES, count)
        return np.arange(self.frames - frames, self.frames) % RESERVOIR_FRAMES


def _percentiles(times_ms: np.ndarray) -> FrameMs:
    if len(times_ms) == 0:
        return FrameMs()
    p50, p95, p99 = np.percentile(times_ms, (50, 95, 99))
    return FrameMs(p50=float(p50), p95=float(p95), p99=float(p99), max=float(times_ms.max()))


class Warnings:
    """Counts warnings by cause, and logs each line at most once per second, a few of each cause.
    Any thread."""

    def __init__(self, clock: Clock, on_line: Callable[[str], None] = lambda line: None) -> None:
        """`on_line(line)` is called for each logged line, on the thread that reports it; it must
        not wait."""
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._logged: dict[str, tuple[float, set[str]]] = {}
        """When each cause was logged first in this second, and the lines since then."""
        self._latest: deque[tuple[str, bool]] = deque(maxlen=MAX_WARNINGS)  # (line, is_warning)
        self._on_line = on_line

    def report(self, key: str, message: str) -> None:
        """Count `key`; log `message` unless it, or MAX_LINES others of the key, were logged within
        a second."""
        now_s = self._clock.now_s()
        with self._lock:
            self._counts[key] += 1
            since_s, lines = self._logged.get(key, (now_s, set()))
            if now_s - since_s >= REPORT_INTERVAL_S:
                since_s = now_s
                lines = set()
            if message in lines or len(lines) >= MAX_LINES:
                self._skipped[key] += 1
                return
            self._logged[key] = since_s, lines | {message}
            skipped = self._skipped.pop(key, 0)
            line = f"{message} (and {skipped} more like it)" if skipped else message
            self._latest.append((line, True))
        self._log(line)

    def notice(self, line: str) -> None:
        """Log a line that is not a warning, such as a recovery, and pass it to the listeners."""
        with self._lock:
            self._latest.append((line, False))
        self._log(line)

    def _log(self, line: str) -> None:
        log.warning("%s", line)
        self._on_line(line)

    @property
    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    @property
    def latest(self) -> list[str]:
        """The newest logged lines, oldest first."""
        with self._lock:
            return [line for line, _ in self._latest]

    @property
    def notices(self) -> list[str]:
        """The lines of `latest` that are not warnings."""
        with self._lock:
            return [line for line, is_warning in self._latest if not is_warning]


def report_problems(report: Report, key: str, problems: Sequence[str]) -> None:
    """Report the problems of a file, one line each: the first ten, then the number of the rest."""
    for number, problem in enumerate(problems[:MAX_PROBLEMS]):
        report(f"{key}.{number}", problem)
    if len(problems) > MAX_PROBLEMS:
        report(f"{key}.more", f"{key}: {len(problems) - MAX_PROBLEMS} more invalid entries")
