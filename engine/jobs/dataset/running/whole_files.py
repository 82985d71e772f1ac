"""The files about a whole dataset, such as dataset.yaml and COCO's: right at any moment of a run.

Each is written anew from the finished pictures, since most formats cannot be extended without being invalid in
between. So that this takes MAX_SHARE of the time at most, the next writing waits until the last one has become that
small; the one at the end always takes place.
"""

import time
from collections.abc import Callable
from typing import Protocol

from engine.errors import SourceError
from engine.jobs.dataset.job import DatasetJob
from engine.jobs.dataset.labels import dataset_yaml
from engine.jobs.dataset.labels.source import DatasetContents, FinishedPicture
from engine.jobs.dataset.labels.writers import writers_of
from engine.jobs.dataset.running.coco_files import CocoFiles
from engine.jobs.dataset.running.folder import YAML_FILE, DatasetFolder
from engine.system.atomic_file import write_atomic

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
        self._clock = clock
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

    def write_if_due(self) -> None:
        """Write the files if that is a small part of the time since the last writing. Raises OSError."""
        if self._clock() >= self._due_s:
            self.write()

    def write(self) -> None:
        """Write all files. Raises OSError."""
        began_s = self._clock()
        self._files.write()
        ended_s = self._clock()
        self._due_s = ended_s + (ended_s - began_s) / MAX_SHARE


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
    """Recipe 2: those of each label format."""

    def __init__(self, folder: DatasetFolder, job: DatasetJob) -> None:
        self._folder, self._job = folder, job
        self._formats = job.task(job.indices[0]).formats
        self.names: list[str] = []
        self.notes: list[str] = []

    @property
    def is_there(self) -> bool:
        return False  # their names are known after the first writing

    def write(self) -> None:
        job = self._job
        contents = DatasetContents(
            folder=self._folder.path,
            options=job.labels,
            subsets=job.subsets if job.split else (),
            pictures=[
                FinishedPicture(index=index, subset=subset, paths=paths)
                for index, subset, paths in self._folder.finished_files()
            ],
        )
        self.names, self.notes = [], []
        for writer in writers_of(self._formats):
            try:
                self.names += writer.finish(contents)
            except SourceError as error:  # a file in the folder was edited
                self.notes.append(f"{error}; the files of --write {writer.name} were not changed")
