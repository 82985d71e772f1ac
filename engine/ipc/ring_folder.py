"""Finds rings by their texture's name, and sweeps the segments of dead engines.
Every segment is called `multiverse-<pid>-<serial>-<start of the name>`, at most 30 characters
(macOS allows 31 with the slash). Its header has the full name: a reader that knows only
"Multiverse" takes the newest live frame ring whose header has it. Linux lists segments in /dev/shm.
macOS and Windows cannot list them, so there each has an empty marker file of the same name in the
folder `multiverse-rings` of the temporary folder (`tempfile.gettempdir()`).
"""

import os
import re
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.ipc import layout
from engine.ipc.process_identity import ProcessIdentity, is_alive, is_pid_alive, own_namespace
from engine.ipc.segment import SHM_FOLDER, map_segment, unlink_segment
from engine.ipc.segment_kind import MAGIC_START

PREFIX = "multiverse-"
MAX_SEGMENT_NAME = 30
REFRESH_S = 600.0
STALE_HEARTBEAT_S = 5.0  # a writer in another container has no id here: its heartbeat decides
UNREADY_GRACE_S = 60.0  # a segment without its magic may still be being made


class RingMarkers:
    """Keeps this process's marker files in the temporary folder. `keep` and `forget` never wait;
    any thread.

    macOS deletes files that were not used for three days from $TMPDIR (confstr(3),
    _CS_DARWIN_USER_TEMP_DIR) and from /tmp; Windows' Storage Sense cleans %TEMP%. A marker is
    written once and never opened, so a show that runs for days would lose its rings' names. So a
    thread touches the markers every ten minutes, and makes missing ones again: a machine that wakes
    up may clean the folder before the thread runs."""

    _changed: threading.Condition
    _paths: set[Path]
    _thread: threading.Thread | None

    def __init__(self) -> None:
        self._begin()

    def keep(self, path: Path) -> None:
        """Touch this marker from now on."""
        if self._pid != os.getpid():  # forked: the parent's markers and thread are not ours
            self._begin()
        with self._changed:
            self._paths.add(path)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ring markers", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def forget(self, path: Path) -> None:
        """Stop touching this marker; its owner removes it."""
        if self._pid == os.getpid():
            with self._changed:
                self._paths.discard(path)

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._paths = set()
        self._thread = None

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait(REFRESH_S)
                paths = tuple(self._paths)
                if not paths:
                    self._thread = None
                    return
            for path in paths:
                with suppress(OSError):  # a marker only helps to find a ring by name
                    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    path.touch(mode=0o600)
                    if path not in self._paths:  # it was removed meanwhile
                        path.unlink(missing_ok=True)


_markers = RingMarkers()


@dataclass(frozen=True, slots=True)
class RingFolder:
    """The folder that lists segments: they themselves, or their markers."""

    path: Path
    holds_segments: bool
    """True if the files are the segments; False if they are empty markers, which we make and
    remove."""

    def segments(self) -> list[str]:
        if not self.path.is_dir():
            return []
        return [entry for entry in os.listdir(self.path) if entry.startswith(PREFIX)]

    def add(self, segment: str) -> None:
        """Add a marker for a new segment, if there are markers here."""
        if not self.holds_segments:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.path / segment).touch(mode=0o600)
            _markers.keep(self.path / segment)

    def remove(self, segment: str) -> None:
        """Remove the marker of a segment, if there are markers here."""
        if not self.holds_segments:
            _markers.forget(self.path / segment)
            # a virus scanner has it open (Windows); the next start sweeps it
            with suppress(PermissionError):
                (self.path / segment).unlink(missing_ok=True)


def system_folder() -> RingFolder:
    if sys.platform == "linux":
        return RingFolder(Path(SHM_FOLDER), holds_segments=True)
    return RingFolder(Path(tempfile.gettempdir()) / "multiverse-rings", holds_segments=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentInfo:
    segment: str
    magic: bytes
    name: str
    writer: ProcessIdentity
    created_ns: int
    heartbeat_ns: int
    ring_state: int
    """State of a frame ring; meaningless for other kinds."""

    @property
    def is_live(self) -> bool:
        """True for a frame ring that may still get pictures."""
        is_open_ring = self.magic == layout.FRAME_RING.magic and self.ring_state == layout.OPEN
        return is_open_ring and is_writer_alive(self.writer, self.heartbeat_ns)


def segment_name(name: str, pid: int, serial: int) -> str:
    """System-wide name of a segment."""
    stem = re.sub(r"[^A-Za-z0-9]+", "_", name)
    return f"{PREFIX}{pid}-{serial:x}-{stem}"[:MAX_SEGMENT_NAME]


def is_writer_alive(writer: ProcessIdentity, heartbeat_ns: int) -> bool:
    """True while the process that made a segment runs. For one in another container the heartbeat
    decides. Except on Linux, start times are wall clock times and may differ: there a fresh
    heartbeat counts more while any process has the id, because a live ring must never be unlinked,
    and a dead one is still swept some seconds later."""
    age_s = (time.time_ns() - heartbeat_ns) / 1e9
    if writer.namespace != own_namespace():
        return age_s < STALE_HEARTBEAT_S
    if is_alive(writer):
        return True
    return sys.platform != "linux" and abs(age_s) < STALE_HEARTBEAT_S and is_pid_alive(writer.pid)


def read_info(segment: str) -> SegmentInfo | None:
    """The head of a segment, or None if it is missing, not ours, or still being made."""
    try:
        mapping = map_segment(segment)
    except OSError:
        return None
    try:
        if len(mapping.buf) < layout.HEADER_BYTES:
            return None
        header = np.frombuffer(bytes(mapping.buf[: layout.HEADER_BYTES]), layout.FRAME_RING.header)[
            0
        ]
    finally:
        mapping.close()
    magic = bytes(header["magic"])
    if not magic.startswith(MAGIC_START):
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
    """The newest live ring with this name (made by process `pid`, if given), or None."""
    infos = (read_info(segment) for segment in folder.segments())
    live = [i for i in infos if i and i.name == name and pid in (None, i.writer.pid) and i.is_live]
    return max(live, key=lambda info: info.created_ns, default=None)


def sweep_dead_rings(folder: RingFolder | None = None) -> list[str]:
    """Remove the segments of engines that died (kill -9, power cut), of all kinds and versions.
    Returns their names. A reused process id is distinguished by its start time. Segments of other
    containers stay, because their ids mean nothing here. A marker without its segment is removed if
    no process has the id in its name; so is a segment without its magic, after a minute."""
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
        return info.writer.namespace == own_namespace() and not is_writer_alive(
            info.writer, info.heartbeat_ns
        )
    owner = re.match(rf"{PREFIX}(\d+)-", segment)
    try:
        entry = os.stat(folder.path / segment)
    except FileNotFoundError:
        return False
    is_ours = not hasattr(os, "getuid") or entry.st_uid == os.getuid()
    is_old = not folder.holds_segments or time.time() - entry.st_mtime > UNREADY_GRACE_S
    return is_ours and is_old and owner is not None and not is_pid_alive(int(owner[1]))
