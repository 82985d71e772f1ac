"""Where rings are found by their texture's name, and where the leftovers of dead engines are swept.

A segment of any kind is called `multiverse-<pid>-<serial>-<start of the name>`, at most 30 characters (macOS
allows 31 with the slash). Its full name stands in its header; a reader that knows only "Multiverse" takes, of
all frame rings with the prefix, the newest live one whose header says so. Linux lists segments in /dev/shm.
macOS and Windows list none, so there each has an empty marker file of the same name in the folder
`multiverse-rings` of the temporary folder (`tempfile.gettempdir()`).
"""

import os
import re
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.ipc import layout
from engine.ipc.process_identity import ProcessIdentity, is_alive, is_pid_alive, own_namespace
from engine.ipc.ring_markers import RingMarkers
from engine.ipc.segment import SHM_FOLDER, map_segment, unlink_segment

PREFIX = "multiverse-"
MAX_SEGMENT_NAME = 30
STALE_HEARTBEAT_S = 5.0  # a writer in another container cannot be looked up: its heartbeat decides
UNREADY_GRACE_S = 60.0  # a segment without its magic may be in the making

_markers = RingMarkers()


@dataclass(frozen=True, slots=True)
class RingFolder:
    path: Path
    holds_segments: bool
    """True: the segments themselves are the files here. False: empty markers, made and removed by us."""

    def segments(self) -> list[str]:
        if not self.path.is_dir():
            return []
        return [entry for entry in os.listdir(self.path) if entry.startswith(PREFIX)]

    def add(self, segment: str) -> None:
        if not self.holds_segments:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.path / segment).touch(mode=0o600)
            _markers.keep(self.path / segment)

    def remove(self, segment: str) -> None:
        if not self.holds_segments:
            _markers.forget(self.path / segment)
            with suppress(PermissionError):  # a virus scanner reads it (Windows); the next start sweeps it
                (self.path / segment).unlink(missing_ok=True)


def system_folder() -> RingFolder:
    if sys.platform == "linux":
        return RingFolder(Path(SHM_FOLDER), holds_segments=True)
    return RingFolder(Path(tempfile.gettempdir()) / "multiverse-rings", holds_segments=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentInfo:
    """What a segment's head says, read once."""

    segment: str
    magic: bytes
    name: str
    writer: ProcessIdentity
    created_ns: int
    heartbeat_ns: int
    ring_state: int
    """Of a frame ring; of other kinds without meaning."""

    @property
    def is_live(self) -> bool:
        """Whether it is a frame ring that may still get pictures."""
        is_open_ring = self.magic == layout.FRAME_RING.magic and self.ring_state == layout.OPEN
        return is_open_ring and is_writer_alive(self.writer, self.heartbeat_ns)


def segment_name(name: str, pid: int, serial: int) -> str:
    stem = re.sub(r"[^A-Za-z0-9]+", "_", name)
    return f"{PREFIX}{pid}-{serial:x}-{stem}"[:MAX_SEGMENT_NAME]


def is_writer_alive(writer: ProcessIdentity, heartbeat_ns: int) -> bool:
    """True while the process that made a segment runs. One in another container lives by its heartbeat.

    Except on Linux start times are of the wall clock. There a fresh heartbeat outvotes one that differs, as long as
    any process has the id: a live ring must never be unlinked, and a dead one is swept some seconds later.
    """
    age_s = (time.time_ns() - heartbeat_ns) / 1e9
    if writer.namespace != own_namespace():
        return age_s < STALE_HEARTBEAT_S
    if is_alive(writer):
        return True
    return sys.platform != "linux" and abs(age_s) < STALE_HEARTBEAT_S and is_pid_alive(writer.pid)


def read_info(segment: str) -> SegmentInfo | None:
    """The head of a segment; None when it is gone, not ours, or still being made."""
    try:
        mapping = map_segment(segment)
    except OSError:
        return None
    try:
        if len(mapping.buf) < layout.HEADER_BYTES:
            return None
        header = np.frombuffer(bytes(mapping.buf[: layout.HEADER_BYTES]), layout.FRAME_RING.header)[0]
    finally:
        mapping.close()
    magic = bytes(header["magic"])
    if not magic.startswith(layout.MAGIC_START):
        return None
    return SegmentInfo(
        segment=segment,
        magic=magic,
        name=bytes(header["name"]).decode(errors="replace"),
        writer=writer_of(header),
        created_ns=int(header["created_ns"]),
        heartbeat_ns=int(header["heartbeat_ns"]),
        ring_state=int(header["state"]),
    )


def writer_of(header: np.void) -> ProcessIdentity:
    return ProcessIdentity(
        pid=int(header["writer_pid"]),
        start=float(header["writer_start"]),
        namespace=int(header["writer_namespace"]),
    )


def find_ring(name: str, folder: RingFolder, *, pid: int | None = None) -> SegmentInfo | None:
    """The newest live ring of this name (of this process, if one is given)."""
    infos = (read_info(segment) for segment in folder.segments())
    live = [i for i in infos if i and i.name == name and pid in (None, i.writer.pid) and i.is_live]
    return max(live, key=lambda info: info.created_ns, default=None)


def sweep_dead_rings(folder: RingFolder | None = None) -> list[str]:
    """Remove the segments of engines that are gone (kill -9, power); names of those removed. Called at start.

    Segments of every kind, of this version and of others: their heads are alike.

    An id in use again is told from the dead engine by its start time. Segments of other containers stay:
    their ids say nothing here. One without its magic is removed once no process of the id in its name is left
    and a minute has passed.
    """
    folder = folder or system_folder()
    removed = []
    for segment in folder.segments():
        if _is_dead(segment, folder):
            unlink_segment(segment)
            folder.remove(segment)
            removed.append(segment)
    return removed


def _is_dead(segment: str, folder: RingFolder) -> bool:
    info = read_info(segment)
    if info is not None:
        return info.writer.namespace == own_namespace() and not is_writer_alive(info.writer, info.heartbeat_ns)
    owner = re.match(rf"{PREFIX}(\d+)-", segment)
    try:
        entry = os.stat(folder.path / segment)
    except FileNotFoundError:
        return False
    is_ours = not hasattr(os, "getuid") or entry.st_uid == os.getuid()
    is_old = time.time() - entry.st_mtime > UNREADY_GRACE_S
    return is_ours and is_old and owner is not None and not is_pid_alive(int(owner[1]))
