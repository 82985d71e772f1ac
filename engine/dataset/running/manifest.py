"""The manifest of a dataset: one line of JSON per picture, appended by one call each as pictures
end. A kill truncates at most the last line, and that picture counts as not made. It may be
gigabytes; only an index of lines and files is in memory, about 200 bytes per picture."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import Any

import msgspec

from engine.dataset.replacing import replacement_path
from engine.dataset.task import PictureTask
from engine.system.atomic_file import MAX_JOB_WAIT_S, when_free
from engine.system.file_names import with_replacements
from engine.system.package_version import package_version
from engine.system.small_file import open_regular

MANIFEST = "manifest.jsonl"
MAX_LINE_BYTES = 64 << 20  # a thousand times the line of a scene with 768 piles
DONE = "done"
FAILED = "failed"
NAME = "{}"  # stands for the picture's name in the patterns of its paths


class ManifestEntry(msgspec.Struct, frozen=True):
    """A line of the manifest; unreadable if a field without default is missing or has another type.
    Long values stay undecoded, because every start reads `sha256` and `bytes` of every picture."""

    index: int
    seed: msgspec.Raw  # of any size; msgspec decodes numbers of up to 64 bits
    options: msgspec.Raw  # `PictureTask.key`, the fingerprint
    status: str
    version: str  # version of this package
    engine: str = ""  # the renderer; "" if nothing was drawn
    seconds: float = 0.0  # time of the successful attempt, including its process
    sha256: dict[str, str] = {}  # msgspec copies it
    """Per file, keyed by its path in the folder."""
    bytes: dict[str, int] = {}
    attempts: int = 1
    piles: int = 0
    labelled: int = 0
    scene_facts: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"{}"), name="drawn")
    """Every number of its scene in recipe 1; in recipe 2 facts of the picture, and the file that
    has its scene."""
    reason: str = ""  # reason for a failure or a retry


@dataclass(frozen=True, slots=True)
class LineOrigin:
    """How a picture was made: values that thousands of lines share."""

    options: dict[str, Any]
    version: str
    engine: str


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """The part of a manifest line that stays in memory."""

    is_done: bool
    origin: LineOrigin  # the same object for equal values
    patterns: tuple[str, ...]
    """Paths of its files, in the order of commit, with `{}` for the picture's name; the same object
    for equal ones."""
    offset: int  # bytes before the line in the file

    def paths(self, index: int) -> Iterator[str]:
        name = f"{index:06d}"
        return (pattern.replace(NAME, name) for pattern in self.patterns)


def entry_line(task: PictureTask, *, status: str, **values: Any) -> bytes:
    """Encode a new line, with the version of this package. `values`: further fields of
    ManifestEntry."""
    line = {
        "index": task.index,
        "seed": task.seed,
        "options": task.key,
        "status": status,
        "version": package_version(),
        "engine": "",
        "seconds": 0.0,
        "sha256": {},
        "bytes": {},
        "attempts": 1,
        "piles": 0,
        "labelled": 0,
        "drawn": {},
        "reason": "",
    }
    return with_replacements(json.dumps(line | values, ensure_ascii=False)).encode() + b"\n"


class Manifest:
    """The manifest of one folder, whose lock the caller holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[
            int, ManifestLine
        ] = {}  # by index; if there are several lines, the last one counts
        self.unreadable = 0  # number of truncated or unreadable lines
        self.is_tidy = True  # False if `tidy` has something to do
        self._last = -1  # index of the last line
        self._shared: dict[Any, Any] = {}
        self._decoder = msgspec.json.Decoder(ManifestEntry)

    def append(self, line: bytes) -> None:
        """Append a line from `entry_line`; it is on the disk when this returns. Raises OSError."""
        with when_free(lambda: self.path.open("ab"), self.path, timeout_s=MAX_JOB_WAIT_S) as file:
            offset = file.tell()
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._index_line(self._decoder.decode(line), offset)

    def entries(self, indices: Iterable[int]) -> Iterator[ManifestEntry]:
        """Yield the entries of these pictures, with one at a time in memory. Raises OSError."""
        if not self.lines:
            return
        with self.path.open("rb") as file:
            for index in indices:
                yield self._decoder.decode(self._line(file, index))

    def forget(self, index: int) -> None:
        """Drop a picture; its line is removed by the next `tidy`."""
        if self.lines.pop(index, None) is not None:
            self.is_tidy = False

    def tidy(self) -> None:
        """Rewrite the file: one line per picture, in order, without unreadable lines. Raises
        OSError."""
        if self.is_tidy:
            return
        offsets = {}
        self.path.touch()
        with (
            replacement_path(self.path) as new,
            self.path.open("rb") as old,
            new.open("wb") as file,
        ):
            for index in sorted(self.lines):
                offsets[index] = file.tell()
                file.write(self._line(old, index))
        for index, offset in offsets.items():
            self.lines[index] = replace(self.lines[index], offset=offset)
        self._last = max(offsets, default=-1)
        self.is_tidy = True
        self.unreadable = 0

    def load(self, file: BufferedReader) -> None:
        """Read all lines from the start of the file. Raises OSError."""
        offset = 0
        while line := file.readline(MAX_LINE_BYTES):
            try:
                if line.strip():
                    self._index_line(self._decoder.decode(line), offset)
                # else the next line would be appended to the truncated one
                is_read = line.endswith(b"\n")
            except (ValueError, RecursionError):  # msgspec raises ValueError too
                is_read = False
            self.unreadable += not is_read
            self.is_tidy &= is_read
            offset += len(line)

    def _line(self, file: BufferedReader, index: int) -> bytes:
        file.seek(self.lines[index].offset)
        line = file.readline(MAX_LINE_BYTES)
        return line if line.endswith(b"\n") else line + b"\n"

    def _index_line(self, entry: ManifestEntry, offset: int) -> None:
        """Add a line to the index. Equal values are shared: for 100,000 pictures the options would
        be gigabytes."""
        origin = self._shared.get(key := (bytes(entry.options), entry.version, entry.engine))
        if origin is None:
            options = msgspec.convert(json.loads(bytes(entry.options)), dict[str, Any])
            origin = self._shared[key] = LineOrigin(options, entry.version, entry.engine)
        name = f"{entry.index:06d}"
        if any(
            ".." in path or ":" in path or path.startswith(("/", "\\")) for path in entry.sha256
        ):
            raise ValueError("a path leaves the folder")  # such a file would be removed
        patterns = tuple(path.replace(name, NAME) for path in entry.sha256)
        patterns = self._shared.setdefault(patterns, patterns)
        self.is_tidy &= entry.index > self._last
        self._last = entry.index
        self.lines[entry.index] = ManifestLine(entry.status == DONE, origin, patterns, offset)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder; empty if there is none. Raises OSError, also for anything but
    a regular file."""
    manifest = Manifest(folder / MANIFEST)
    try:
        with open_regular(manifest.path) as file:
            manifest.load(file)
    except FileNotFoundError:
        manifest.is_tidy = False  # no file, which marks the folder as ours
    return manifest
