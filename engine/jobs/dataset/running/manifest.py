"""What a folder knows of its pictures: a line of JSON each, appended as they end.

A line is written by one call, so that a killed run leaves the last one cut at worst: that picture counts as not made.
"""

import json
import os
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from engine.jobs.dataset.task import PictureTask
from engine.system.atomic_file import MAX_HELD_JOB_S, when_free, write_atomic
from engine.system.file_names import escaped
from engine.system.small_file import read_small

MANIFEST = "manifest.jsonl"
MAX_MANIFEST_BYTES = 4 << 30  # millions of pictures
DONE, FAILED = "done", "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    index: int
    seed: int
    options: dict[str, Any]
    """`PictureTask.key`."""
    status: str
    version: str
    """Of this package."""
    engine: str = ""
    """What drew it; "" where nothing did."""
    seconds: float = 0.0
    """Of the attempt that counts, its process included."""
    sha256: dict[str, str] = field(default_factory=dict)
    """By the file's path in the folder."""
    bytes: dict[str, int] = field(default_factory=dict)
    attempts: int = 1
    piles: int = 0
    labelled: int = 0
    drawn: dict[str, Any] = field(default_factory=dict)
    """Every number of its scene, those that were left alone too."""
    reason: str = ""
    """Why it failed, or had to be tried again."""

    def line(self) -> bytes:
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return escaped(json.dumps(values, ensure_ascii=False)).encode() + b"\n"


def entry_of(task: PictureTask, **values: Any) -> Entry:
    """Of this version of the package."""
    return Entry(index=task.index, seed=task.seed, options=task.key, version=own_version(), **values)


@dataclass(slots=True, kw_only=True)
class Manifest:
    path: Path
    entries: dict[int, Entry]
    """By index; of several lines the last one counts."""
    unreadable: int = 0
    """Lines that were cut or are not ours."""
    _options: dict[str, Any] = field(default_factory=dict)
    """Of the last one."""

    def append(self, entry: Entry) -> None:
        """On the disk when this returns. OSError where that is full."""
        self.take(entry)
        with when_free(lambda: self.path.open("ab"), self.path, patience_s=MAX_HELD_JOB_S) as file:
            file.write(entry.line())
            file.flush()
            os.fsync(file.fileno())

    def take(self, entry: Entry) -> None:
        """Remember it. Options are kept once: those of a hundred thousand pictures would be gigabytes."""
        if entry.options == self._options:
            entry = replace(entry, options=self._options)
        else:
            self._options = entry.options
        self.entries[entry.index] = entry

    def tidy(self) -> None:
        """One line a picture, in order, and nothing that cannot be read. OSError."""
        write_atomic(self.path, "".join(self.entries[index].line().decode() for index in sorted(self.entries)))
        self.unreadable = 0


def read_manifest(folder: Path) -> Manifest:
    """Empty where there is none."""
    manifest = Manifest(path=folder / MANIFEST, entries={})
    try:
        content = read_small(manifest.path, max_bytes=MAX_MANIFEST_BYTES)
    except FileNotFoundError:
        return manifest
    for line in content.split(b"\n"):
        if not line.strip():
            continue
        try:
            manifest.take(msgspec.convert(json.loads(line), Entry))
        except (ValueError, RecursionError):  # msgspec's own is a ValueError
            manifest.unreadable += 1
    if content and not content.endswith(b"\n"):
        manifest.unreadable = max(manifest.unreadable, 1)  # the next line would be glued to it
    return manifest


def own_version() -> str:
    try:
        return version("multiverse-engine")
    except PackageNotFoundError:  # run from source
        return "source"
