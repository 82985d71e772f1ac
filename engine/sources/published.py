"""Lists and reads the pictures that engines on this machine publish in shared memory (the sink
`shared`)."""

import os
from dataclasses import dataclass

import numpy as np

from engine.errors import SharedMemoryError
from engine.ipc import FrameRing, RingFrame, RingReader
from engine.ipc.ring_folder import read_info, system_folder
from engine.sources.names import best_match, missing_message
from engine.system.clock import Clock

POLL_S = (
    0.25  # interval of the search for a ring; also the silence after which its writer is checked
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPicture:
    name: str
    segment: str
    width: int
    height: int
    fps: float
    pid: int


def list_shared() -> tuple[SharedPicture, ...]:
    """The pictures published on this machine, newest ring first. Rings that an engine shares with
    its own children have no rate and are not listed."""
    found = []
    for segment in system_folder().segments():
        info = read_info(segment)
        if info is None or not info.is_live:
            continue
        try:
            reader = FrameRing.attach(segment)
        except SharedMemoryError:
            continue  # gone meanwhile
        (height, width, _), fps = reader.shape, reader.fps
        reader.close()
        if fps:
            picture = SharedPicture(
                name=info.name,
                segment=segment,
                width=width,
                height=height,
                fps=fps,
                pid=info.writer.pid,
            )
            found.append((info.created_ns, picture))
    return tuple(picture for _, picture in sorted(found, key=lambda each: -each[0]))


class SharedWatch:
    """Reads an engine's ring by name; when that ring ends, finds the next one. Used by one
    thread."""

    def __init__(self, query: str, clock: Clock, *, others_only: bool) -> None:
        """`query` is a name or a part of it. `others_only`: ignore this process's own ring, which
        would feed back."""
        self._query = query
        self._clock = clock
        self._others_only = others_only
        self._reader: RingReader | None = None
        self._frame: RingFrame | None = None
        self._newest_s = 0.0
        self._next_poll_s = clock.now_s()
        self.problem = ""
        """Why there is no ring now; "" while there is one."""

    def latest(self, spare: np.ndarray | None = None) -> RingFrame | None:
        """The newest complete frame, the same object until there is a newer one; None before the
        first and without a ring. Never waits. `spare` as in `RingReader.latest`."""
        now_s = self._clock.now_s()
        if self._reader is None and now_s >= self._next_poll_s:
            self._next_poll_s = now_s + POLL_S
            self._reader = self._find()
            self._newest_s = now_s
        if self._reader is None:
            return None
        frame = self._reader.latest(spare)
        if frame is not self._frame:
            self._frame = frame
            self._newest_s = now_s
        elif now_s - self._newest_s > POLL_S and self._reader.state != "live":
            self.close()
            self.problem = f"shared {self._query}: no longer published"
        return self._frame

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = None
        self._frame = None

    def _find(self) -> RingReader | None:
        there = [
            picture
            for picture in list_shared()
            if not self._others_only or picture.pid != os.getpid()
        ]
        name = best_match(self._query, [picture.name for picture in there])
        if name is None:
            self.problem = missing_message(
                "shared", self._query, [picture.name for picture in there]
            )
            return None
        try:
            reader = FrameRing.attach(
                next(picture.segment for picture in there if picture.name == name)
            )
        except SharedMemoryError:
            return None  # gone meanwhile
        self.problem = ""
        return reader
