"""Writes the files about a whole dataset, such as dataset.yaml and COCO's, which are valid at any
moment of a run. Each is rewritten as a whole, because most formats cannot be extended in place.
Between writes it waits, so that writing takes at most MAX_TIME_FRACTION of the time; files are
always written at the end."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from engine.dataset.job import DatasetJob
from engine.dataset.labels.options import (
    FORMATS,
    MIN_TILE_PX,
    REMOVED_FORMATS,
    YOLO_FORMATS,
    LabelOptions,
)
from engine.dataset.labels.record import DatasetContents
from engine.dataset.labels.writers import LabelWriter, writers_of
from engine.dataset.labels.writers.webdataset import INDEX, remove_shards
from engine.dataset.running.folder import TILES, YAML_FILE, DatasetFolder, folders_of, unwritable
from engine.dataset.split import SUBSETS
from engine.errors import SourceError
from engine.system.atomic_file import remove_file

MAX_TIME_FRACTION = 0.05


class WholeFiles:
    """Writes the files of each format of the run or of existing pictures: before, during, after it.
    Single-threaded."""

    def __init__(
        self, folder: DatasetFolder, job: DatasetJob, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._folder = folder
        self._recipe = job.recipe
        self._task = job.task(job.indices[0])
        self._clock = clock
        self._subsets = job.subsets if job.split else ()
        self._is_single = job.image_index is not None
        self._due_s = -float("inf")
        self.names: list[str] = []  # names of the files in the folder, after `write`
        self.notes: list[
            str
        ] = []  # files that were not changed, with the reason, and those without some pictures

    def begin(self, *, is_changed: bool) -> None:
        """Write the files before the run removes pictures (`is_changed`), or if one is missing.
        Raises OSError."""
        options = self._task.labels
        names = [
            name
            for writer in writers_of(options.written)
            for name in writer.whole_names(options, self._subsets)
        ]
        if is_changed or not all((self._folder.path / name).exists() for name in names):
            self.write()

    def remove_outdated(self) -> None:
        """Remove the files of earlier runs, of other formats or another split, that the last
        `write` did not write. Call it while the manifest still names the old ones. Raises
        OSError."""
        for name in sorted(self._known_names() - set(self.names)):
            if name.endswith(INDEX):
                remove_shards(self._folder.path / name.removesuffix(INDEX))
            else:
                remove_file(self._folder.path / name, missing_ok=True)

    def write_if_due(self) -> None:
        """Write all but what a program holds open, if that takes a small part of the time since.
        Raises OSError."""
        if self._clock() >= self._due_s:
            with suppress(PermissionError):
                self.write()

    def write_last(self) -> None:
        """Write all files at the end; one that a program holds open is named in `notes`. Raises
        other OSErrors."""
        try:
            self.write()
        except PermissionError as error:
            reason = unwritable(Path(error.filename or self._folder.path), error)
            self.notes.append(
                f"{reason}; close the program that has it open, and run the same command again"
            )

    def write(self) -> None:
        """Write all files but those that a program holds open, for which it raises PermissionError
        at the end."""
        began_s = self._clock()
        try:
            self._write()
        finally:
            ended_s = self._clock()
            self._due_s = ended_s + (ended_s - began_s) / MAX_TIME_FRACTION

    def _write(self) -> None:
        formats = self._task.labels.formats
        # Files of formats that the run does not ask for may have been removed; a single picture
        # checks none.
        others = (name for name in FORMATS if self._is_single or name not in formats)
        unsure = REMOVED_FORMATS.union(*(folders_of(self._task, (name,)) for name in others))
        pictures = list(self._folder.finished_files(unsure))
        folders = Counter(
            folder
            for each in pictures
            for folder in {path.partition("/")[0] for path in each.paths}
        )
        counts = {
            name: max((folders[each] for each in folders_of(self._task, (name,))), default=0)
            for name in FORMATS
        }
        had = (name for name, count in counts.items() if count)
        options = replace(self._task.labels, write=tuple(dict.fromkeys((*formats, *had))))
        contents = DatasetContents(
            folder=self._folder.path,
            recipe=self._recipe,
            options=options,
            subsets=self._subsets,
            pictures=pictures,
        )
        self.names = []
        self.notes = []
        open_error: PermissionError | None = None
        for writer in writers_of(options.written):
            try:
                names = writer.finish(contents)
            except SourceError as error:  # a file in the folder was edited
                option = "--save-coco" if self._recipe == 1 else f"--write {writer.name}"
                self.notes.append(f"{error}; the files of {option} were not changed")
                continue
            except PermissionError as error:  # on Windows: a program has it open
                open_error = open_error or error
                continue
            self.names += names
            covered = counts.get(writer.name) or len(pictures)
            if names and covered < len(pictures):
                what = f"{' and '.join(names)} covers {covered} of {len(pictures)} pictures"
                self.notes.append(f"{what}; {self._option(writer)} draws the others again")
        # written from parts alone
        for writer in writers_of(sorted({"coco", "piles"} - {*options.formats})):
            for name in writer.whole_names(options, self._subsets):
                if (self._folder.path / name).exists():
                    more = f"{self._option(writer)} draws the pictures again"
                    self.notes.append(f"{name} was not changed, because its parts are gone; {more}")
        if open_error is not None:
            raise open_error

    def _option(self, writer: LabelWriter) -> str:
        """The option that writes this format beside those of the run."""
        if self._recipe == 1:
            return "--save-coco"
        return f"--write {','.join(dict.fromkeys((*self._task.labels.formats, writer.name)))}"

    def _known_names(self) -> set[str]:
        """Names of all files that earlier runs may have written for the pictures of the manifest,
        with any options."""
        had = self._folder.folders_named()
        known = {YAML_FILE} if had else set()
        for main in YOLO_FORMATS:  # on which the names of YOLO's folders depend
            every = LabelOptions(write=tuple(dict.fromkeys((main, *FORMATS))), tiles=MIN_TILE_PX)
            task = replace(self._task, labels=every)
            there = {name for name in FORMATS if folders_of(task, (name,)) & had} | had & {TILES}
            for writer in writers_of(every.written):
                if writer.name in there:
                    known |= {
                        name
                        for subsets in ((), SUBSETS)
                        for name in writer.whole_names(every, subsets)
                    }
        return known
