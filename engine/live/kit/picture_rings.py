"""The pictures that go to a child and come back, in rings that are allocated without blocking the
frame loop.

The system zeroes newly allocated shared memory: 25 MB for 1080p RGBA takes 15 ms, nearly a frame at
60 fps. So a worker thread allocates the ring, pictures are dropped until it is ready, and the rings
of the last few shapes are cached.
"""

from collections.abc import Callable
from concurrent.futures import Future

import numpy as np

from engine.children.supervisor import Supervisor
from engine.errors import SharedMemoryError
from engine.ipc import FrameRing, RingFrame, RingOwner, RingReader
from engine.system.daemon_worker import DaemonWorker
from engine.system.reporting import Report
from engine.values import FINISHED, FrameId, VideoFrame

MAX_CACHED_SHAPES = 3  # cached rings: camera, Multiverse, and one of another size
RETRY_S = 1.0  # wait before the next attempt after an allocation failed

Shape = tuple[int, ...]


class SourceRings:
    """Rings for one input of a child. `connect(segment)` is called when writing switches rings.
    Render thread."""

    def __init__(
        self, name: str, worker: DaemonWorker, connect: Callable[[str], None], report: Report
    ) -> None:
        self._name = name
        self._worker = worker
        self._connect = connect
        self._report = report
        self._rings: dict[Shape, RingOwner] = {}  # least recently used first
        self._allocating: tuple[Shape, Future[RingOwner]] | None = None
        self._retry_at_s = 0.0
        self._connected = ""

    def write(self, pixels: np.ndarray, frame_id: FrameId, now_s: float) -> bool:
        """Publish a picture, (height, width, channels) uint8. False if there is no ring of its
        shape yet."""
        self._take_allocated(now_s)
        ring = self._rings.pop(pixels.shape, None)
        if ring is None:
            if self._allocating is None and now_s >= self._retry_at_s:
                self._allocating = pixels.shape, self._worker.submit(self._allocate, pixels.shape)
            return False
        self._rings[pixels.shape] = ring
        if ring.segment != self._connected:
            self._connected = ring.segment
            self._connect(ring.segment)
        ring.write(pixels, index=frame_id.index, time_s=frame_id.time_s)
        return True

    def close(self) -> None:
        """Close all rings of this input. Call it after the worker has ended."""
        if (
            self._allocating is not None
            and self._allocating[1].done()
            and self._allocating[1].exception() is None
        ):
            self._allocating[1].result().close()
        for ring in self._rings.values():
            ring.close()
        self._rings.clear()

    def _take_allocated(self, now_s: float) -> None:
        if self._allocating is None or not self._allocating[1].done():
            return
        (shape, allocation), self._allocating = self._allocating, None
        try:
            self._rings[shape] = allocation.result()
        except SharedMemoryError as error:
            self._retry_at_s = now_s + RETRY_S
            self._report(
                self._name.replace(" ", "."), f"{self._name}: no pictures are sent: {error}"
            )
            return
        while len(self._rings) > MAX_CACHED_SHAPES:
            self._worker.submit(self._rings.pop(next(iter(self._rings))).close)

    def _allocate(self, shape: Shape) -> RingOwner:
        """Runs on the worker thread."""
        height, width, channels = shape
        return FrameRing.create(self._name, width, height, channels=channels)


class OutputRing:
    """The engine's end of one output of a child: the newest picture of its current process. Reopens
    the ring when the process or the picture's shape changes. Single thread."""

    def __init__(self, supervisor: Supervisor, name: str) -> None:
        self._supervisor = supervisor
        self._name = name
        self._reader: RingReader | None = None
        self._segment = ""
        self._sequence = 0

    def newest(self, *, generation: int = 0) -> RingFrame | None:
        """The child's newest picture if it is of this generation or later and was not returned
        before, else None. The caller may keep it."""
        segment = self._supervisor.outputs.get(self._name, "")
        if segment != self._segment:
            try:
                reader = FrameRing.attach(segment) if segment else None
            except (
                SharedMemoryError
            ):  # the process was replaced in the meantime; the next call finds the new one
                return None
            self.close()
            self._reader = reader
            self._segment = segment
            self._sequence = 0
        if self._reader is None:
            return None
        frame = self._reader.latest()
        if frame is None or frame.sequence == self._sequence:
            return None
        self._sequence = frame.sequence
        return frame if frame.generation >= generation else None

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def finished_picture(rgba: np.ndarray, frame_id: FrameId) -> VideoFrame:
    """A copy of `rgba` (height, width, 4) uint8 without alpha."""
    import cv2  # takes 0.1 s: a link imports it before the first frame

    # 0.2 ms at 1080p. NumPy takes 12 ms to copy three of four channels, which would delay the next
    # frame.
    rgb = cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB)
    return VideoFrame(pixels=rgb, index=frame_id.index, time_s=frame_id.time_s, source=FINISHED)
