"""The COCO files of recipe 1, written from the parts in annotations/."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import SourceError
from engine.jobs.dataset.labels import read_part, write_coco
from engine.jobs.dataset.replacing import replace_with
from engine.jobs.dataset.running.folder import PARTS, DatasetFolder
from engine.jobs.dataset.split import SUBSETS
from engine.system.atomic_file import remove_file


class CocoFiles:
    """Complete JSON at any moment, which lists only finished pictures. Single-threaded."""

    def __init__(self, folder: DatasetFolder, subsets: tuple[str, ...], *, is_wanted: bool) -> None:
        """`is_wanted`: write files even if no picture has a part."""
        self._folder, self._subsets, self._is_wanted = folder, subsets, is_wanted
        self.notes: list[str] = []
        """Files that were not changed, with the reason, or that lack pictures."""
        self._parts = 0

    @property
    def names(self) -> list[str]:
        """Names of the files in the folder."""
        return [name for name in map(coco_name, self._subsets) if (self._folder.path / name).exists()]

    @property
    def is_there(self) -> bool:
        return not self._is_wanted or len(self.names) == len(self._subsets)

    def write(self) -> None:
        """Write all files, and remove those of another split. Raises OSError."""
        self._parts, self.notes = 0, []
        outdated = {coco_name(subset) for subset in ("", *SUBSETS)}
        if self._is_wanted or (self._folder.path / PARTS).is_dir():
            for subset in self._subsets:
                outdated.discard(coco_name(subset))
                self._write_one(subset)
        for name in outdated:
            remove_file(self._folder.path / name, missing_ok=True)
        if not self.notes and self.names and self._parts < self._folder.finished:
            covered = f"covers {self._parts} of {self._folder.finished} pictures; --save-coco draws the others again"
            self.notes.append(f"{' and '.join(self.names)} {covered}")

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
            self._parts += 1


def coco_name(subset: str) -> str:
    return f"coco_annotations_{subset}.json" if subset else "coco_annotations.json"
