"""The files about a whole dataset, such as dataset.yaml and COCO's: right at any moment of a run.

Each is written anew from the finished pictures, since most formats cannot be extended without being invalid in
between. So that this takes MAX_SHARE of the time at most, the next writing waits until the last one has become that
small; the one at the end always takes place.
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from engine.errors import SourceError
from engine.jobs.dataset.job import DatasetJob
from engine.jobs.dataset.labels import dataset_yaml
from engine.jobs.dataset.labels.options import FORMATS, MIN_TILE_PX, YOLO_FORMATS, LabelOptions
from engine.jobs.dataset.labels.source import DatasetContents, FinishedPicture
from engine.jobs.dataset.labels.writers import writers_of
from engine.jobs.dataset.labels.writers.protocol import LabelWriter
from engine.jobs.dataset.labels.writers.webdataset import INDEX, remove_shards
from engine.jobs.dataset.running.coco_files import CocoFiles
from engine.jobs.dataset.running.folder import TILES, YAML_FILE, DatasetFolder, folders_of, unwritable
from engine.jobs.dataset.split import SUBSETS
from engine.jobs.dataset.task import PictureTask
from engine.system.atomic_file import remove_file, write_atomic

MAX_SHARE = 0.05


class FileSet(Protocol):
    """The files of one recipe."""

    names: list[str]
    """Names of the files in the folder, after `write`."""
    notes: list[str]
    """Files that were not changed, with the reason, and those that lack pictures."""

    @property
    def is_there(self) -> bool:
        """True if all files exist."""

    def write(self) -> None:
        """Write all files for the pictures that are finished now. Raises OSError."""


class WholeFiles:
    """Writes the files at the start, now and then, and at the end of a run. Single-threaded."""

    def __init__(self, folder: DatasetFolder, job: DatasetJob, clock: Callable[[], float] = time.perf_counter) -> None:
        self._files: FileSet = _PlainFiles(folder, job) if job.recipe == 1 else _VariedFiles(folder, job)
        self._folder, self._task, self._clock = folder, job.task(job.indices[0]), clock
        self._due_s = -float("inf")

    @property
    def names(self) -> list[str]:
        return self._files.names

    @property
    def notes(self) -> list[str]:
        return self._files.notes

    def begin(self, *, is_changed: bool) -> None:
        """Write the files before the run removes pictures (`is_changed`), or if there are none. Raises OSError."""
        if is_changed or not self._files.is_there:
            self.write()

    def remove_outdated(self) -> None:
        """Remove the files of earlier runs that the last `write` did not write: of other formats, or another split.

        For a run that makes all pictures again; call it while the manifest still names the old ones. Raises OSError.
        """
        for name in sorted(_known_names(self._folder, self._task) - set(self.names)):
            if name.endswith(INDEX):
                remove_shards(self._folder.path / name.removesuffix(INDEX))
            else:
                remove_file(self._folder.path / name, missing_ok=True)

    def write_if_due(self) -> None:
        """Write the files if that is a small part of the time since the last writing. Raises OSError.

        A file that a program holds open waits for the next time.
        """
        if self._clock() >= self._due_s:
            with suppress(PermissionError):
                self.write()

    def write(self) -> None:
        """Write all files. Raises OSError."""
        began_s = self._clock()
        try:
            self._files.write()
        finally:
            ended_s = self._clock()
            self._due_s = ended_s + (ended_s - began_s) / MAX_SHARE

    def write_last(self) -> None:
        """Write all files at the end; one that a program holds open is named in `notes`. Raises other OSErrors."""
        try:
            self.write()
        except PermissionError as error:
            told = unwritable(Path(error.filename or self._folder.path), error)
            self._files.notes.append(f"{told}; close the program that has it open, and run the same command again")


class _PlainFiles:
    """Recipe 1: dataset.yaml and COCO's files."""

    def __init__(self, folder: DatasetFolder, job: DatasetJob) -> None:
        self._folder, self._subsets = folder, job.subsets
        self._coco = CocoFiles(folder, job.subsets, is_wanted=job.save_coco)
        self.names: list[str] = []
        self.notes: list[str] = []

    @property
    def is_there(self) -> bool:
        return (self._folder.path / YAML_FILE).exists() and self._coco.is_there

    def write(self) -> None:
        write_atomic(self._folder.path / YAML_FILE, dataset_yaml(self._subsets))
        self._coco.write()
        self.names = [YAML_FILE, *self._coco.names]
        self.notes = self._coco.notes


class _VariedFiles:
    """Recipe 2: those of each label format that the run writes, and of others that the pictures have from before."""

    def __init__(self, folder: DatasetFolder, job: DatasetJob) -> None:
        self._folder = folder
        self._task = job.task(job.indices[0])
        self._subsets = job.subsets if job.split else ()
        self.names: list[str] = []
        self.notes: list[str] = []

    @property
    def is_there(self) -> bool:
        names = _names_of(self._options(self._task.formats), self._subsets)
        return all((self._folder.path / name).exists() for name in names)

    def write(self) -> None:
        """Write all files but those that a program holds open, for which it raises PermissionError at the end."""
        pictures = [
            FinishedPicture(index=index, subset=subset, paths=paths)
            for index, subset, paths in self._folder.finished_files()
        ]
        folders = Counter(folder for each in pictures for folder in {path.partition("/")[0] for path in each.paths})
        older = {name: count for name in FORMATS if (count := self._pictures_with(name, folders))}
        options = self._options(tuple(dict.fromkeys((*self._task.formats, *older))))
        contents = DatasetContents(folder=self._folder.path, options=options, subsets=self._subsets, pictures=pictures)
        self.names, self.notes = [], []
        held: PermissionError | None = None
        for writer in _writers(options):
            try:
                made = writer.finish(contents)
            except SourceError as error:  # a file in the folder was edited
                self.notes.append(f"{error}; the files of --write {writer.name} were not changed")
                continue
            except PermissionError as error:  # on Windows: a program has it open
                held = held or error
                continue
            self.names += made
            covered = older.get(writer.name, len(pictures))
            if made and covered < len(pictures) and writer.name not in self._task.formats:
                asked = self._options(self._task.formats).formats
                more = f"--write {','.join((*asked, writer.name))} draws the others again"
                self.notes.append(f"{' and '.join(made)} covers {covered} of {len(pictures)} pictures; {more}")
        if held is not None:
            raise held

    def _pictures_with(self, name: str, folders: Counter[str]) -> int:
        """Number of pictures that have the files of this format, by the number of those with files in each folder."""
        return max((folders[folder] for folder in folders_of(self._task, (name,))), default=0)

    def _options(self, formats: tuple[str, ...]) -> LabelOptions:
        """The options of the labels with these formats, of which the first of YOLO's is the same."""
        assert self._task.labels is not None
        return replace(self._task.labels, write=tuple(name for name in formats if name != TILES))


def _writers(options: LabelOptions) -> tuple[LabelWriter, ...]:
    return writers_of((*options.formats, *((TILES,) if options.tiles is not None else ())))


def _names_of(options: LabelOptions, subsets: tuple[str, ...]) -> list[str]:
    return [name for writer in _writers(options) for name in writer.whole_names(options, subsets)]


def _known_names(folder: DatasetFolder, task: PictureTask) -> set[str]:
    """Names of all files that earlier runs may have written for the pictures of the manifest, with any options."""
    had = folder.folders_named()
    known = {YAML_FILE} if had else set()
    for main in YOLO_FORMATS:  # on which the names of YOLO's folders depend
        every = LabelOptions(write=tuple(dict.fromkeys((main, *FORMATS))), tiles=MIN_TILE_PX)
        there = {name for name in FORMATS if folders_of(replace(task, labels=every), (name,)) & had} | had & {TILES}
        for writer in _writers(every):
            if writer.name in there:
                known |= {name for subsets in ((), SUBSETS) for name in writer.whole_names(every, subsets)}
    return known
