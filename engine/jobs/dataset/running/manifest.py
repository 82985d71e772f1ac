"""The manifest of a dataset: one line of JSON per picture, appended as pictures end.

Each line is written by one call. A killed run can at worst truncate the last line; that picture counts as not made.
"""

import builtins
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from engine.jobs.dataset.scene.streams import Seed
from engine.jobs.dataset.task import PictureTask
from engine.jobs.kit.fingerprint import package_version
from engine.system.atomic_file import MAX_HELD_JOB_S, when_free, write_atomic
from engine.system.file_names import escaped
from engine.system.small_file import read_small

MANIFEST = "manifest.jsonl"
MAX_MANIFEST_BYTES = 4 << 30  # enough for millions of pictures
DONE, FAILED = "done", "failed"


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
    """Every number of its scene, including random ones."""
    reason: str = ""
    """Reason for a failure or a retry."""

    def line(self) -> builtins.bytes:
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return escaped(json.dumps(values, ensure_ascii=False)).encode() + b"\n"


def entry_of(task: PictureTask, **values: Any) -> ManifestEntry:
    """A new entry, with the version of this package."""
    return ManifestEntry(index=task.index, seed=task.seed, options=task.key, version=package_version(), **values)


@dataclass(slots=True, kw_only=True)
class Manifest:
    path: Path
    entries: dict[int, ManifestEntry]
    """By index; if there are several lines, the last one counts."""
    unreadable: int = 0
    """Number of truncated or unreadable lines."""
    _options: dict[str, Any] = field(default_factory=dict)
    """The options of the last entry."""

    def append(self, entry: ManifestEntry) -> None:
        """Append an entry; it is on the disk when this returns. Raises OSError."""
        self.take(entry)
        with when_free(lambda: self.path.open("ab"), self.path, timeout_s=MAX_HELD_JOB_S) as file:
            file.write(entry.line())
            file.flush()
            os.fsync(file.fileno())

    def take(self, entry: ManifestEntry) -> None:
        """Add an entry in memory. Equal options are shared: for 100,000 pictures they would be gigabytes."""
        if entry.options == self._options:
            entry = replace(entry, options=self._options)
        else:
            self._options = entry.options
        self.entries[entry.index] = entry

    def tidy(self) -> None:
        """Rewrite the file: one line per picture, in order, without unreadable lines. Raises OSError."""
        write_atomic(self.path, "".join(self.entries[index].line().decode() for index in sorted(self.entries)))
        self.unreadable = 0


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder; empty if there is none."""
    manifest = Manifest(path=folder / MANIFEST, entries={})
    try:
        content = read_small(manifest.path, max_bytes=MAX_MANIFEST_BYTES)
    except FileNotFoundError:
        return manifest
    for line in content.split(b"\n"):
        if not line.strip():
            continue
        try:
            manifest.take(msgspec.convert(json.loads(line), ManifestEntry))
        except (ValueError, RecursionError):  # msgspec raises ValueError too
            manifest.unreadable += 1
    if content and not content.endswith(b"\n"):
        # otherwise the next line would be appended to the truncated one
        manifest.unreadable = max(manifest.unreadable, 1)
    return manifest
