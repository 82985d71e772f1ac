"""A live camera: its newest picture, for as long as it is there.

    open ─► read pictures ─► the device ends, fails, or is silent for 5 s ─► wait (0.5 s, 1, ... 30) ─► open

A camera that comes back is found again by the name it was chosen by. While it is away its last picture stays
for 2 s, then there is none, and the show goes on without.
"""

import logging
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator

import av
from av.container import InputContainer
from av.video.frame import VideoFrame as DecodedFrame
from av.video.stream import VideoStream

from engine.backoff import next_delay_s
from engine.clock import Clock
from engine.errors import SourceError
from engine.frame import VideoFrame
from engine.sources.devices import attempts, find_camera, list_cameras
from engine.sources.pixels import to_rgb
from engine.sources.source import HOLD_S, SourceStatus

log = logging.getLogger(__name__)

SILENT_S = 5.0  # a device that gives nothing for so long is closed and opened again
OPEN_TIMEOUT_S = 10.0
BUSY_WAIT_S = 0.005  # AVFoundation answers "try again" between two pictures instead of waiting
BUSY_OPENS = 20
RATE_PICTURES = 60  # the measured rate is taken over so many


class Camera:
    """`open_container` opens the device anew each time it is called; it raises SourceError or FFmpegError."""

    def __init__(
        self,
        name: str,
        open_container: Callable[[], InputContainer],
        *,
        clock: Clock,
        report: Callable[[str, str], None],
    ) -> None:
        self._name = name
        self._open_container = open_container
        self._clock = clock
        self._report = report
        self._closing = threading.Event()
        self._newest: VideoFrame | None = None
        self._arrivals_s: deque[float] = deque(maxlen=RATE_PICTURES)
        self._index = 0
        self._lost = 0
        self._problem = ""
        self._thread = threading.Thread(target=self._run, name=f"camera {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def latest_frame(self) -> VideoFrame | None:
        frame = self._newest
        if frame is None or self._clock.now_s() - frame.time_s >= HOLD_S:
            return None
        return frame

    def frame_at(self, time_s: float) -> VideoFrame | None:
        raise SourceError(f"camera {self._name}: what it sees cannot be repeated offline; use a video file")

    def status(self) -> SourceStatus:
        newest, problem = self._newest, self._problem
        is_silent = newest is not None and self._clock.now_s() - newest.time_s >= HOLD_S
        if is_silent and not problem:
            problem = f"camera {self._name}: no picture for {HOLD_S:.0f} s"
        height, width = newest.pixels.shape[:2] if newest is not None else (0, 0)
        return SourceStatus(
            state="lost" if problem else "starting" if newest is None else "playing",
            description=problem or f"camera {self._name}",
            width=width,
            height=height,
            fps=self._measured_fps(),
            frames=self._index,
            lost=self._lost,
        )

    def close(self) -> None:
        self._closing.set()
        if self._thread.is_alive():
            # A driver may be asleep inside its read; the thread is a daemon and ends with the process then.
            self._thread.join(timeout=2.0)

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            seen_before = self._index
            try:
                with self._open_container() as container:
                    for frame in self._frames(container):
                        self._take(frame)
                problem = f"camera {self._name}: the device is gone"
            except SourceError as error:
                problem = str(error)
            except (av.FFmpegError, OSError) as error:
                problem = f"camera {self._name}: {error.strerror or error}"
            except Exception as error:
                # Top of the thread: a driver's surprise must not end the show.
                problem = f"camera {self._name}: {error!r}"
                if failures == 0:
                    log.exception("camera %s failed", self._name)
            if self._closing.is_set():
                return
            failures = failures + 1 if self._index == seen_before else 1
            self._lost += 1
            self._problem = problem
            self._arrivals_s.clear()
            self._report("camera", f"{problem}; it is tried again")
            self._closing.wait(next_delay_s(failures))

    def _frames(self, container: InputContainer) -> Iterator[DecodedFrame]:
        """Pictures until the device ends or `close` is called; SourceError after `SILENT_S` without one."""
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream):
            raise SourceError(f"camera {self._name}: gives no picture")
        stream.thread_type = "SLICE"  # threads by picture would delay each by one or two
        packets = container.demux(stream)
        newest_s = self._clock.now_s()
        while not self._closing.is_set():
            try:
                packet = next(packets)
                frames = stream.decode(packet)
            except StopIteration:
                return
            except (av.BlockingIOError, av.InvalidDataError) as error:
                self._lost += isinstance(error, av.InvalidDataError)  # a picture damaged on the wire
                if self._clock.now_s() - newest_s > SILENT_S:
                    raise SourceError(f"camera {self._name}: no picture for {SILENT_S:.0f} s") from None
                self._closing.wait(BUSY_WAIT_S)
                packets = container.demux(stream)  # a generator that raised is spent
                continue
            newest_s = self._clock.now_s() if frames else newest_s
            yield from frames

    def _take(self, frame: DecodedFrame) -> None:
        arrived_s = self._clock.now_s()
        pixels = to_rgb(frame)
        self._newest = VideoFrame(pixels=pixels, index=self._index, time_s=arrived_s, source=self._name)
        self._index += 1
        self._arrivals_s.append(arrived_s)
        self._problem = ""

    def _measured_fps(self) -> float:
        arrivals_s = list(self._arrivals_s)
        if len(arrivals_s) < 2 or arrivals_s[-1] <= arrivals_s[0]:
            return 0.0
        return (len(arrivals_s) - 1) / (arrivals_s[-1] - arrivals_s[0])


def open_device(wanted: int | str) -> InputContainer:
    """The camera of that index or name, opened the first way it allows. SourceError says why none did."""
    device = find_camera(wanted, list_cameras())
    reason = ""
    for attempt in attempts(device, sys.platform):
        for _ in range(BUSY_OPENS):
            try:
                return av.open(attempt.file, format=attempt.format, options=attempt.options, timeout=OPEN_TIMEOUT_S)
            except av.BlockingIOError as error:
                reason = str(error.strerror)
                threading.Event().wait(BUSY_WAIT_S)
            except (av.FFmpegError, OSError) as error:
                reason = str(error.strerror)
                break
    hint = (
        "; is it in use, or the permission missing (System Settings, Privacy, Camera)?"
        if sys.platform == "darwin"
        else ""
    )
    raise SourceError(f"camera {device.index} {device.name}: cannot be opened ({reason}){hint}")
