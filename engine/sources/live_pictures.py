"""Pictures of a camera or a stream for a job that is slower than the source: only the newest, no
queue.

    the device ─► a thread reads at its rate ─► the newest picture ─► read(), on demand

A camera that is not read queues old pictures, and a server closes a stream that is not read. So the
thread starts with the device and never waits for the job; pictures that arrived before `read` do
not count. Time stamps are times of arrival, so that painted pictures play back in real time.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av.error
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from engine.errors import SourceError
from engine.sources.camera import CameraSource
from engine.sources.decoding import USUAL_FPS
from engine.sources.pictures import InputPicture, Kind, ReadCounts, video_picture
from engine.sources.pixels import UNTAGGED, VideoFormat
from engine.system.backoff import next_delay_s
from engine.system.clock import Clock, SystemClock
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.translate_errors import translate_errors

log = logging.getLogger(__name__)

TICK_S = Fraction(1, 1000)
FIRST_TIMEOUT_S = (
    20.0  # opening takes up to 10 s and silence is detected after 5, but a driver may hang
)
MAX_AWAY_S = 10.0  # time to reconnect a cable; after that the job ends
WAKE_S = 0.1  # delay to notice a signal: on Windows it cannot interrupt a waiting lock
LIKELY_FPS = range(1, 1001)  # other values are placeholders, or the device's clock rate


class LivePictures:
    """The newest pictures of a live source. SourceError if there are none. A loss ends `read`; see
    `counts.notes`."""

    kind: Kind = "live"
    expected: int | None = None

    def __init__(
        self,
        name: str,
        open_container: Callable[[], InputContainer],
        *,
        opened: InputContainer | None = None,
        comes_back: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """`open_container` opens the device, also after a loss; `opened`, if given, is used the
        first time. `comes_back`: treat the end of the stream as a loss and reconnect, as for an
        unplugged camera."""
        self._clock = clock or SystemClock()
        self._camera = CameraSource(
            name, self._open, clock=self._clock, report=lambda key, message: None
        )
        self.label = self._camera.label
        self.path: Path | str = self.label
        self.files: tuple[Path, ...] = ()
        self.counts = ReadCounts()
        self._open_container = open_container
        self._opened = opened
        self._comes_back = comes_back
        self._rate = USUAL_FPS
        self._first: np.ndarray | None = None
        self._every = 0  # 0 before `read`
        self._arrived = 0  # pictures since `read`
        self._newest: tuple[int, float, np.ndarray] | None = (
            None  # number, time and pixels of the next one to yield
        )
        self._newest_s = self._clock.now_s()
        self._problem = ""
        self._losses = 0  # followed by a reconnect
        self._is_ended = False
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._guard = Guard(log, self._note_fault, "camera", self.label)
        self._thread = GuardedThread(
            self.label, self._run, self._guard, on_failure=lambda error: self._end()
        )
        self._thread.start()
        end_s = time.perf_counter() + FIRST_TIMEOUT_S
        with self._changed:
            while self._first is None and not self._is_ended and time.perf_counter() < end_s:
                self._changed.wait(WAKE_S)
        if self._first is None:
            self.close()
            raise SourceError(self._problem or f"{self.label}: delivers no picture")
        self.first = video_picture(0, self._first, Fraction(0), 1 / self._rate)
        self.video_format = VideoFormat(
            rate=self._rate,
            time_base=TICK_S,
            pixel_aspect=Fraction(1),
            tags=UNTAGGED,
            has_tracks=False,
        )

    def read(self, every: int, limit: int | None, start: int = 0) -> Iterator[InputPicture]:
        """Yield the newest picture at each request, none twice, until `close`, `limit`, or the end
        of the stream. The first is the next to arrive, at 0 s. A picture's end is an estimate: it
        lasts as long as the previous one."""
        if start:
            raise SourceError(f"{self.label}: a live source cannot be resumed")
        with self._changed:
            self._arrived = 0
            self._newest = None
            self._every = every
        return self._read(every, limit)

    def close(self) -> None:
        self._closing.set()
        self._camera.close()
        self._end()
        # A driver may hang inside its read; the thread is a daemon and then ends with the process.
        self._thread.join(timeout_s=2.0)

    def _read(self, every: int, limit: int | None) -> Iterator[InputPicture]:
        previous = -1
        yielded = 0
        began_s = 0.0
        shown_s = Fraction(0)
        length_s = every / self._rate
        while (newest := self._wait_for_newest()) is not None:
            number, came_s, pixels = newest
            self._count(previous, number, every)
            if previous < 0:
                began_s = came_s
            else:
                length_s = max(
                    round(Fraction(came_s - began_s) / TICK_S) * TICK_S - shown_s, TICK_S
                )
                shown_s += length_s
            previous = number
            yield video_picture(number, pixels, shown_s, shown_s + length_s)
            yielded += 1
            if yielded == limit:
                return
        if self._losses > 1:
            self.counts.notes.append(f"{self.label}: disconnected {self._losses} times")
        if not self._closing.is_set():
            left = self._arrived - 1 - previous
            self.counts.decoded += left
            self.counts.passed_over += left

    def _wait_for_newest(self) -> tuple[int, float, np.ndarray] | None:
        with self._changed:
            while self._newest is None and not self._is_ended:
                self._changed.wait(WAKE_S)
            newest = self._newest
            self._newest = None
            return None if self._closing.is_set() else newest

    def _count(self, previous: int, number: int, every: int) -> None:
        """Count picture `number` as delivered, and those since `previous` as dropped or passed
        over."""
        between = number - previous - 1
        dropped = (number - 1) // every - previous // every
        self.counts.decoded += between + 1
        self.counts.dropped += dropped
        self.counts.passed_over += between - dropped

    def _run(self) -> None:
        """Read, and reconnect after a loss. Runs on the reading thread."""
        failures = 0
        while not self._closing.is_set():
            newest_before_s = self._newest_s
            has_ended = self._guard.attempt(self._read_until_lost)
            failures = failures + 1 if self._newest_s == newest_before_s else 1
            is_away_too_long = self._clock.now_s() - self._newest_s > MAX_AWAY_S
            if has_ended or self._first is None or is_away_too_long:
                break
            self._closing.wait(next_delay_s(failures))
        if not self._closing.is_set():
            self.counts.notes.append(f"{self._problem}; the run stops here")
        self._end()

    def _read_until_lost(self) -> bool:
        """Take pictures until the source ends or fails. True if it reached its end; else `_problem`
        is the reason."""
        try:
            with (
                translate_errors(
                    {av.error.FFmpegError: self.label, OSError: self.label}, as_=SourceError
                ),
                closing(self._camera.pictures()) as pictures,
            ):
                for pixels in pictures:
                    if pixels is not None:
                        self._take(pixels)
                    elif self._every:
                        self.counts.unreadable += 1
            self._problem = f"{self.label}: {'disconnected' if self._comes_back else 'ended'}"
            return not self._comes_back
        except SourceError as error:
            self._problem = str(error)
            return False

    def _note_fault(self, key: str, problem: str) -> None:
        self._problem = problem

    def _take(self, pixels: np.ndarray) -> None:
        now_s = self._clock.now_s()
        with self._changed:
            if self._problem:
                if not self._losses:
                    away_s = now_s - self._newest_s
                    self.counts.notes.append(
                        f"{self._problem}; reconnected {away_s:.1f} s after its last picture"
                    )
                self._losses += 1
                self._problem = ""
            self._first = pixels if self._first is None else self._first
            self._newest_s = now_s
            if self._every:
                if self._arrived % self._every == 0:
                    self._newest = self._arrived, now_s, pixels
                self._arrived += 1
            self._changed.notify_all()

    def _open(self) -> InputContainer:
        container = self._opened or self._open_container()
        self._opened = None
        stream = container.streams.best("video")
        if isinstance(stream, VideoStream):
            rate = stream.average_rate or stream.guessed_rate
            self._rate = Fraction(rate) if rate and round(rate) in LIKELY_FPS else USUAL_FPS
        return container

    def _end(self) -> None:
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()
