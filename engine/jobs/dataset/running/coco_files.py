"""The COCO files of a dataset, which are complete JSON at any moment and list only finished pictures.

A file is written anew from the parts in annotations/, since COCO's one JSON value cannot be extended without being
invalid in between. So that this takes MAX_SHARE of the time at most, the next writing waits until the last one has
become that small; the one at the end always takes place.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.errors import SourceError
from engine.jobs.dataset.labels import read_part, write_coco
from engine.jobs.dataset.running.folder import PARTS, DatasetFolder
from engine.jobs.dataset.running.replacing import replace_with
from engine.jobs.dataset.split import SUBSETS
from engine.system.atomic_file import remove_file

MAX_SHARE = 0.05


class CocoFiles:
    """Single-threaded."""

    def __init__(
        self,
        folder: DatasetFolder,
        subsets: tuple[str, ...],
        *,
        is_wanted: bool,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`is_wanted`: write files even if no picture has a part."""
        self._folder, self._subsets, self._is_wanted, self._clock = folder, subsets, is_wanted, clock
        self._due_s = -float("inf")
        self.parts = 0
        """Number of pictures in the files."""
        self.notes: list[str] = []
        """Files that were not changed, with the reason."""

    @property
    def names(self) -> list[str]:
        """Names of the files in the folder."""
        return [name for name in map(coco_name, self._subsets) if (self._folder.path / name).exists()]

    def begin(self, *, is_changed: bool) -> None:
        """Write the files before the run removes pictures (`is_changed`), or if there are none. Raises OSError."""
        is_there = len(self.names) == len(self._subsets)
        if is_changed or (self._is_wanted and not is_there):
            self.write()

    def write_if_due(self) -> None:
        """Write the files if that is a small part of the time since the last writing. Raises OSError."""
        if self._clock() >= self._due_s:
            self.write()

    def write(self) -> None:
        """Write all files, and remove those of another split. Raises OSError."""
        began_s = self._clock()
        self.parts, self.notes = 0, []
        outdated = {coco_name(subset) for subset in ("", *SUBSETS)}
        if self._is_wanted or (self._folder.path / PARTS).is_dir():
            for subset in self._subsets:
                outdated.discard(coco_name(subset))
                self._write_one(subset)
        for name in outdated:
            remove_file(self._folder.path / name, missing_ok=True)
        ended_s = self._clock()
        self._due_s = ended_s + (ended_s - began_s) / MAX_SHARE

    def _write_one(self, subset: str) -> None:
        name = coco_name(subset)

        def write(path: Path) -> None:
            with path.open("w", encoding="ascii", newline="\n") as file:
                write_coco(self._counted(self._folder.coco_parts(subset)), file)

        try:
            replace_with(self._folder.path / name, write)
        except SourceError as error:  # a file in the folder was edited
            self.notes.append(f"{error}; {name} was not changed")

    def _counted(self, parts: Iterator[Path]) -> Iterator[dict[str, Any]]:
        for part in parts:
            yield read_part(part)
            self.parts += 1


def coco_name(subset: str) -> str:
    return f"coco_annotations_{subset}.json" if subset else "coco_annotations.json"
