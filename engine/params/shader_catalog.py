"""The shaders in some folders, by name: finds, reads and watches their files.

    folder ─► its disk thread ─► entries

The thread looks at the folders' times every 0.25 s, and scans if one has changed, or after 10 s.

Only this list can be played: a name from the network never becomes a path. Each folder has its own
disk thread, because a network folder may hang. A scan is bounded in depth, files and bytes, and
visits each folder once. A saved file is reported once its size and time have been the same in two
looks, because editors write in several steps.
"""

import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from engine.errors import IsfError
from engine.system.disk_store import DiskQueue, DiskStore
from engine.system.small_file import read_small
from engine.system.translate_errors import refused
from osc_schema import Rejected

SUFFIXES: Final = (".fs", ".isf")
VERTEX_SUFFIX: Final = ".vs"
MAX_FILES: Final = 4096  # of one folder; fifteen times the largest public collection
MAX_FOLDERS: Final = 512
MAX_DEPTH: Final = 6
MAX_ENTRIES: Final = (
    50_000  # of any kind: a home folder given by mistake must not be read for minutes
)
MAX_FILE_BYTES: Final = 1 << 20
POLL_S: Final = 0.25
RESCAN_S: Final = 10.0  # some network folders never change their time
NEAREST: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ShaderEntry:
    name: str
    """The file's name without suffix; with the folders below the root if another shader has that
    name."""
    path: Path
    root: Path
    """The configured folder that holds it."""

    @property
    def folder(self) -> str:
        """The folder below the root, for people; the root's own name if it lies there."""
        inner = self.path.parent.relative_to(self.root).as_posix()
        return self.root.name if inner == "." else inner


@dataclass(frozen=True, slots=True, kw_only=True)
class ShaderSource:
    """The texts of a shader as they lie on the disk; characters that are not UTF-8 became question
    marks."""

    text: str
    vertex: str | None
    """Text of the .vs file beside it, if there is one."""


Stamp = tuple[int, int]  # time of the last change in ns, bytes


class ShaderCatalog:
    """The list of all shaders, by name. `find` and `check` on any thread; never waits for a
    disk."""

    def __init__(
        self,
        folders: Sequence[Path],
        disk: DiskStore,
        *,
        post: Callable[[Callable[[], None]], None],
        on_changed: Callable[[int], None],
        on_saved: Callable[[Path], None],
    ) -> None:
        """`folders`, the first wins: of two shaders of one name, the one in the earlier folder has
        it. The last one comes with the engine. `on_changed(count)`: the list has changed;
        `on_saved(path)`: a watched file has been saved. `post(action)` runs both, and the answers
        of `read`, where the caller wants them."""
        self._disk = disk
        self._post = post
        self._on_changed = on_changed
        self._on_saved = on_saved
        self._lock = threading.Lock()
        self._folders = [_Folder(folder.absolute()) for folder in dict.fromkeys(folders)]
        self._queues: dict[Path, DiskQueue] = {}
        self.entries: tuple[ShaderEntry, ...] = ()
        """All shaders, sorted by name. Replaced as a whole. Any thread."""
        self._by_name: Mapping[str, ShaderEntry] = {}
        self._watched: frozenset[Path] = frozenset()

    def start(self) -> None:
        for folder in self._folders:
            poll = partial(self._look, folder)
            self._queues[folder.root] = self._disk.open(
                "fx.folder", folder.root, poll=poll, poll_interval_s=POLL_S
            )

    def close(self) -> None:
        for queue in self._queues.values():
            queue.close()

    # -- any thread ----------------------------------------------------------------------------

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders that exist."""
        return tuple(folder.root for folder in self._folders if folder.exists)

    @property
    def has_read_all(self) -> bool:
        """True once each folder has been scanned."""
        return all(folder.is_read for folder in self._folders)

    def find(self, name: str) -> ShaderEntry | None:
        """The shader of that name, with or without its suffix, in upper or lower case, or with that
        full path."""
        known = self._by_name
        name = Path(name).as_posix()
        return known.get(name.casefold()) or known.get(_key(name))

    def check(self, value: object) -> None:
        """Raise Rejected for a name that is certainly not in the folders; suggests the nearest
        ones."""
        name = str(value)
        if name and self.has_read_all and self.find(name) is None:
            raise Rejected(self.not_found_message(name))

    def not_found_message(self, name: str) -> str:
        import difflib  # imported here: needed only after a mistake

        late = [str(folder.root) for folder in self._folders if not folder.is_read]
        names = {entry.name.casefold(): entry.name for entry in self.entries}
        alike = [
            names[each] for each in difflib.get_close_matches(name[:80].casefold(), names, NEAREST)
        ]
        of_the_user = self._folders[:-1] or self._folders  # the last is the engine's own
        where = ", ".join(str(folder.root) for folder in of_the_user)
        if late:
            hint = f"{', '.join(late)} has not answered yet"
        elif alike:
            hint = f"nearest: {', '.join(alike)}"
        else:
            hint = f"/fx/list lists them; put ISF files into one of {where}"
        return f"{name[:80]!r} is not in the shader folders ({hint})"

    def watch(self, paths: Iterable[Path]) -> None:
        """Report when one of these files, or its vertex shader, is saved. Replaces the earlier
        ones."""
        self._watched = frozenset(paths)

    def read(
        self,
        entry: ShaderEntry,
        on_text: Callable[[ShaderSource], None],
        on_failure: Callable[[str], None],
    ) -> None:
        """Read a file; if it is watched, a later change is reported."""
        folder = next((each for each in self._folders if each.root == entry.root), None)

        def read() -> None:
            with refused("cannot be read", IsfError):
                if folder is not None:
                    folder.note(entry.path)
                source = read_source(entry.path)
            self._post(partial(on_text, source))

        def fail(reason: str) -> None:
            self._post(partial(on_failure, reason))

        queue = self._queues.get(entry.root)
        if queue is None:
            fail("the shader folders are not open")
        else:
            queue.post(read, fail)

    # -- the folder's disk thread --------------------------------------------------------------

    def _look(self, folder: "_Folder") -> None:
        now_s = time.monotonic()
        if folder.needs_scan(now_s):
            if folder.scan(now_s):
                self._merge()
            folder.is_read = True  # its names are in the list now
        for path in folder.saved(self._watched):
            self._post(partial(self._on_saved, path))

    def _merge(self) -> None:
        with self._lock:
            entries, by_name = _named(self._folders)
            has_changed = entries != self.entries
            self.entries = entries
            self._by_name = by_name
        if has_changed:
            self._post(partial(self._on_changed, len(entries)))


def read_source(path: Path) -> ShaderSource:
    """The texts of this shader file. OSError. Waits for the disk."""
    beside = path.with_suffix(VERTEX_SUFFIX)
    vertex = _read_text(beside) if beside != path and beside.exists() else None
    return ShaderSource(text=_read_text(path), vertex=vertex)


def _read_text(path: Path) -> str:
    return read_small(path, max_bytes=MAX_FILE_BYTES).decode("utf-8", "replace")


class _Folder:
    """The files of one root. Its disk thread only, except `is_read`, `exists` and `files`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.is_read = False
        self.exists = False
        self.files: tuple[Path, ...] = ()
        self._times: dict[Path, int] = {}
        """Time of the last change of each folder, in ns; -1 if it cannot be read."""
        self._scanned_s = float("-inf")
        self._stamps: dict[Path, tuple[Stamp | None, Stamp | None]] = {}
        """Watched files: as last reported, and as last seen."""

    def needs_scan(self, now_s: float) -> bool:
        if not self.is_read or now_s - self._scanned_s >= RESCAN_S:
            return True
        return any(_time_of(folder) != known for folder, known in self._times.items())

    def scan(self, now_s: float) -> bool:
        """Find all files; True if they are others than before."""
        files: list[Path] = []
        times: dict[Path, int] = {}
        seen: set[tuple[int, int]] = set()
        rest = MAX_ENTRIES
        waiting = [(self.root, 0)]
        while waiting and len(times) < MAX_FOLDERS and rest > 0:
            folder, depth = waiting.pop(0)
            try:
                status = os.stat(folder)
                identity = (status.st_dev, status.st_ino)
                if identity in seen and status.st_ino:
                    continue
                seen.add(identity)
                times[folder] = status.st_mtime_ns
                with os.scandir(folder) as entries:
                    for entry in entries:
                        rest -= 1
                        if rest <= 0 or len(files) >= MAX_FILES:
                            break
                        if entry.name.startswith("."):
                            continue
                        if entry.name.lower().endswith(SUFFIXES):
                            files.append(Path(entry.path))
                        elif depth < MAX_DEPTH and entry.is_dir():
                            waiting.append((Path(entry.path), depth + 1))
            except OSError:  # it does not exist yet, or may not be read: looked for again
                times.setdefault(folder, -1)
        found = tuple(sorted(files, key=lambda path: (len(path.parts), str(path).casefold())))
        has_changed = found != self.files or not self.is_read
        self.files = found
        self._times = times
        self._scanned_s = now_s
        self.exists = times.get(self.root, -1) != -1
        return has_changed

    def note(self, path: Path) -> None:
        """Record that the file is read now: only later changes are new."""
        now = _stamp(path)
        self._stamps[path] = (now, now)

    def saved(self, watched: frozenset[Path]) -> list[Path]:
        """The watched files of this folder that have been saved since the last call, and are
        complete."""
        own = [path for path in watched if path.is_relative_to(self.root)]
        self._stamps = {path: self._stamps[path] for path in own if path in self._stamps}
        ready = []
        for path in own:
            now = _stamp(path)
            reported, seen = self._stamps.get(path, (now, now))
            if now is not None and now == seen and now != reported:
                ready.append(path)
                reported = now
            self._stamps[path] = (reported, now)
        return ready


def _named(folders: Sequence[_Folder]) -> tuple[tuple[ShaderEntry, ...], dict[str, ShaderEntry]]:
    entries: list[ShaderEntry] = []
    by_name: dict[str, ShaderEntry] = {}
    for folder in folders:
        for path in folder.files:
            inner = path.relative_to(folder.root).with_suffix("").as_posix()
            name = path.stem if _key(path.stem) not in by_name else inner
            if _key(name) in by_name or not name.isprintable():  # the same in an earlier folder
                continue
            entry = ShaderEntry(name=name, path=path, root=folder.root)
            entries.append(entry)
            by_name[_key(name)] = by_name[path.as_posix().casefold()] = entry
            by_name.setdefault(inner.casefold(), entry)
    entries.sort(key=lambda each: each.name.casefold())
    return tuple(entries), by_name


def _key(name: str) -> str:
    folded = name.casefold()
    return folded[: -len(Path(folded).suffix)] if folded.endswith(SUFFIXES) else folded


def _time_of(folder: Path) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return -1


def _stamp(path: Path) -> Stamp | None:
    """Changes whenever the file or its vertex shader does; None while it cannot be read."""
    found: list[os.stat_result] = []
    with suppress(OSError):
        found.append(os.stat(path))
        found.append(os.stat(path.with_suffix(VERTEX_SUFFIX)))
    if not found or not stat.S_ISREG(found[0].st_mode):
        return None
    return max(each.st_mtime_ns for each in found), sum(each.st_size for each in found)
