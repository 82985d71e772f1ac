"""Publishes the picture in shared memory, for programs on the same machine: a frame ring
(`engine.ipc.layout`).

Other programs read it with `shared_reader.py`, a single file to copy. Only the newest picture is
kept, offline too: a slow reader misses pictures, and the engine never waits for it.
"""

import os

from engine.errors import SharedMemoryError, SinkError
from engine.ipc import FrameRing, RingOwner
from engine.ipc.ring_folder import find_ring, system_folder
from engine.sinks.sink import TITLES, OutputFormat, PictureName, Sink, SinkStatus
from engine.values import PublishedFrame


class SharedSink(Sink):
    kind = "shared"

    def __init__(self, argument: str, picture: PictureName = "main") -> None:
        self.name = argument or TITLES[picture]
        self._ring: RingOwner | None = None
        self._frames = 0
        self.warning = ""
        """One line for the performer, set by `start`."""

    def start(self, output_format: OutputFormat, *, may_wait: bool = False) -> None:
        other = find_ring(self.name, system_folder())
        if other is not None and other.writer.pid != os.getpid():
            self.warning = (
                f"shared: another engine (process {other.writer.pid}) also publishes "
                f"{self.name!r}; readers use the "
                "newer one; choose another name with --sink shared=NAME"
            )
        try:
            self._ring = FrameRing.create(
                self.name, output_format.width, output_format.height, fps=output_format.fps
            )
        except SharedMemoryError as error:
            raise SinkError(f"shared: {error}") from error

    def set_format(self, output_format: OutputFormat) -> None:
        assert self._ring is not None
        self._ring.fps = output_format.fps
        if self._ring.shape != (output_format.height, output_format.width, 4):
            self._ring.resize(output_format.width, output_format.height)

    def publish(self, frame: PublishedFrame) -> None:
        assert self._ring is not None
        # a heartbeat, too
        self._ring.write(frame.read_rgba(), index=frame.id.index, time_s=frame.id.time_s)
        self._frames += 1

    def close(self) -> None:
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def status(self) -> SinkStatus:
        ring = self._ring
        detail = f"segment {ring.segment}" if ring else ""
        return SinkStatus(kind=self.kind, name=self.name, frames=self._frames, detail=detail)
