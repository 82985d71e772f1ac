"""The manifest of a dataset: one line of JSON per picture, appended as pictures end.

Each line is written by one call. A killed run can at worst truncate the last line; that picture counts as not made.

The file may be gigabytes for millions of pictures. So it is read line by line, and only what finds a line
and its files again stays in memory, about 200 bytes per picture; `read` gets the rest.
"""

import builtins
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any

import msgspec

from engine.jobs.dataset.replacing import replace_with
from engine.jobs.dataset.scene.streams import Seed
from engine.jobs.dataset.task import PictureTask
from engine.system.atomic_file import MAX_HELD_JOB_S, when_free
from engine.system.file_names import with_replacements
from engine.system.package_version import package_version
from engine.system.small_file import open_regular

MANIFEST = "manifest.jsonl"
MAX_LINE_BYTES = 64 << 20  # a thousand times the line of a scene with 768 piles
DONE, FAILED = "done", "failed"
NAME = "{}"  # stands for the picture's name in the patterns of its paths


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestEntry:
    index: int
    seed: Seed
    options: dict[str, Any]
    """`PictureTask.key`, the fingerprint."""
    status: str
    version: str
    """Version of this package."""
    engine: str = ""
    """The renderer; "" if nothing was drawn."""
    seconds: float = 0.0
    """Time of the successful attempt, including its process."""
    sha256: dict[str, str] = field(default_factory=dict)
    """Per file, keyed by its path in the folder."""
    bytes: dict[str, int] = field(default_factory=dict)
    attempts: int = 1
    piles: int = 0
    labelled: int = 0
    drawn: dict[str, Any] = field(default_factory=dict)
    """Every number of its scene in recipe 1; in recipe 2 facts of the picture, and the file that has its scene."""
    reason: str = ""
    """Reason for a failure or a retry."""

    def line(self) -> builtins.bytes:
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return with_replacements(json.dumps(values, ensure_ascii=False)).encode() + b"\n"


class FileFacts(msgspec.Struct, frozen=True):
    """The fields of a line that are read at every start; decoding skips the others, which are a hundred times longer.

    A line that lacks a field of these, or has another type in it, is unreadable.
    """

    index: int
    seed: msgspec.Raw  # of any size; msgspec decodes numbers of up to 64 bits
    options: msgspec.Raw
    status: str
    version: str
    engine: str = ""
    sha256: dict[str, str] = {}  # msgspec copies it
    bytes: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Provenance:
    """Values that thousands of lines share."""

    options: dict[str, Any]
    version: str
    engine: str


@dataclass(frozen=True, slots=True)
class ManifestPlace:
    """The part of a line that stays in memory."""

    is_done: bool
    made_by: Provenance
    """The same object for equal values."""
    patterns: tuple[str, ...]
    """Paths of its files, in the order of commit, with `{}` for the picture's name; the same object for equal ones."""
    offset: int
    """Bytes before the line in the file."""

    def paths(self, index: int) -> Iterator[str]:
        name = f"{index:06d}"
        return (pattern.replace(NAME, name) for pattern in self.patterns)


def entry_of(task: PictureTask, **values: Any) -> ManifestEntry:
    """A new entry, with the version of this package."""
    return ManifestEntry(index=task.index, seed=task.seed, options=task.key, version=package_version(), **values)


class Manifest:
    """The manifest of one folder, whose lock the caller holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.places: dict[int, ManifestPlace] = {}
        """By index; if there are several lines, the last one counts."""
        self.unreadable = 0
        """Number of truncated or unreadable lines."""
        self.is_tidy = True
        """False if `tidy` has something to do."""
        self._last = -1  # index of the last line
        self._shared: dict[Any, Any] = {}
        self._facts = msgspec.json.Decoder(FileFacts)

    def append(self, entry: ManifestEntry) -> None:
        """Append an entry; it is on the disk when this returns. Raises OSError."""
        line = entry.line()
        with when_free(lambda: self.path.open("ab"), self.path, timeout_s=MAX_HELD_JOB_S) as file:
            offset = file.tell()
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._take(self._facts.decode(line), offset)

    def read(self, index: int) -> ManifestEntry:
        """The whole entry of a picture. Raises OSError."""
        with self.path.open("rb") as file:
            return msgspec.convert(json.loads(self._line(file, index)), ManifestEntry)

    def whole(self, indices: Iterator[int]) -> Iterator[ManifestEntry]:
        """The whole entries of these pictures, with one at a time in memory. Raises OSError."""
        with self.path.open("rb") as file:
            for index in indices:
                yield msgspec.convert(json.loads(self._line(file, index)), ManifestEntry)

    def facts(self, indices: Iterator[int]) -> Iterator[FileFacts]:
        """The files of these pictures, with one at a time in memory. Raises OSError."""
        if not self.places:
            return
        with self.path.open("rb") as file:
            for index in indices:
                yield self._facts.decode(self._line(file, index))

    def forget(self, index: int) -> None:
        """Drop a picture; its line is removed by the next `tidy`."""
        if self.places.pop(index, None) is not None:
            self.is_tidy = False

    def tidy(self) -> None:
        """Rewrite the file: one line per picture, in order, without unreadable lines. Raises OSError."""
        if self.is_tidy:
            return
        offsets = {}

        def write(new: Path) -> None:
            self.path.touch()
            with self.path.open("rb") as old, new.open("wb") as file:
                for index in sorted(self.places):
                    offsets[index] = file.tell()
                    file.write(self._line(old, index))

        replace_with(self.path, write)
        for index, offset in offsets.items():
            place = self.places[index]
            self.places[index] = ManifestPlace(place.is_done, place.made_by, place.patterns, offset)
        self._last = max(offsets, default=-1)
        self.is_tidy, self.unreadable = True, 0

    def load(self, file: BufferedReader) -> None:
        """Read all lines from the start of the file. Raises OSError."""
        offset = 0
        while line := file.readline(MAX_LINE_BYTES):
            try:
                if line.strip():
                    self._take(self._facts.decode(line), offset)
                is_read = line.endswith(b"\n")  # else the next line would be appended to the truncated one
            except (ValueError, RecursionError):  # msgspec raises ValueError too
                is_read = False
            self.unreadable += not is_read
            self.is_tidy &= is_read
            offset += len(line)

    def _line(self, file: BufferedReader, index: int) -> bytes:
        file.seek(self.places[index].offset)
        line = file.readline(MAX_LINE_BYTES)
        return line if line.endswith(b"\n") else line + b"\n"

    def _take(self, facts: FileFacts, offset: int) -> None:
        """Remember where a line is. Equal values are shared: for 100,000 pictures the options would be gigabytes."""
        made_by = self._shared.get(key := (bytes(facts.options), facts.version, facts.engine))
        if made_by is None:
            options = msgspec.convert(json.loads(bytes(facts.options)), dict[str, Any])
            made_by = self._shared[key] = Provenance(options, facts.version, facts.engine)
        name = f"{facts.index:06d}"
        if any(".." in path or ":" in path or path.startswith(("/", "\\")) for path in facts.sha256):
            raise ValueError("a path leaves the folder")  # such a file would be removed
        patterns = tuple(path.replace(name, NAME) for path in facts.sha256)
        patterns = self._shared.setdefault(patterns, patterns)
        self.is_tidy &= facts.index > self._last
        self._last = facts.index
        self.places[facts.index] = ManifestPlace(facts.status == DONE, made_by, patterns, offset)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder; empty if there is none. Raises OSError, also for anything but a regular file."""
    manifest = Manifest(folder / MANIFEST)
    try:
        with open_regular(manifest.path) as file:
            manifest.load(file)
    except FileNotFoundError:
        manifest.is_tidy = False  # no file, which marks the folder as ours
    return manifest
