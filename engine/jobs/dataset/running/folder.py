"""The folder of a dataset: one run's at a time, and never a picture in it without its label.

images/000000.png  labels/000000.txt  hdf5/000000.hdf5  image_000000.log  manifest.jsonl  dataset.yaml
coco_annotations.json  preview.png  .work/ (the lock, pictures on the way, the parts of the COCO file)

A picture's files are written in .work and renamed when all are there: the label first and the picture last, since
trainers go by the pictures, and one without its label would teach that there is nothing to see. A run that is killed
between the two leaves a label alone, which the next run clears away. Files are flushed to the disk before the manifest
knows of them, and a run that goes on compares each with the SHA-256 there: a picture that was damaged is drawn again.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.errors import FolderBusyError, SinkError, UsageError
from engine.jobs.dataset.made import COCO_PART, HDF5, LABELS, PICTURE, Made
from engine.jobs.dataset.options import option_name
from engine.jobs.dataset.running.manifest import DONE, FAILED, MANIFEST, entry_of, own_version, read_manifest
from engine.jobs.dataset.task import PictureTask
from engine.system.atomic_file import move_into_place, remove_file
from engine.system.work_folder import LOCK, WorkFolder, sha256_of

WORK = ".work"
COCO_FILE, YAML_FILE, PREVIEW = "coco_annotations.json", "dataset.yaml", "preview.png"
MAX_NAMED = 4
POLL_INTERVAL_S = 0.02
CHECKS_AT_ONCE = 4  # files that are read side by side: hashing takes half as long as reading from a fast disk
SYSTEM_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", "lost+found"})


def paths_of(task: PictureTask) -> dict[str, str]:
    """Where a picture's files stand in the folder, in the order in which they are put there."""
    paths = {}
    if task.with_hdf5:
        paths[HDF5] = f"hdf5/{task.name}.hdf5"
    if task.with_coco:
        paths[COCO_PART] = f"{WORK}/coco/{task.name}.json"
    return paths | {LABELS: f"labels/{task.name}.txt", PICTURE: f"images/{task.name}.png"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run finds, before it changes anything."""

    finished: frozenset[int]
    """Indices that need not be made again."""
    forgotten: frozenset[int]
    """Whose files go, because all is made anew."""
    damaged: frozenset[int]
    """Whose files are not what was written, and go."""
    notes: tuple[str, ...]


class DatasetFolder:
    """Held from the constructor to `close`. FolderBusyError where another run holds it, SinkError where the disk says
    no."""

    def __init__(self, path: Path, *, patience_s: float = 0.0) -> None:
        """UsageError for a folder with something else in it. Another run's end is waited for that long."""
        self.path = path
        _demand_ours(path)
        self._work = _held(path, patience_s)
        try:
            for name in ("images", "labels"):
                (path / name).mkdir(exist_ok=True)
            self.manifest = read_manifest(path)
        except OSError as error:
            self._work.close()
            raise unwritable(path, error) from error

    def plan(
        self,
        tasks: list[PictureTask],
        *,
        is_resuming: bool,
        is_whole: bool = True,
        tell_checked: Callable[[int, int], None] = lambda checked, of: None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> Plan:
        """What is to be done. Changes nothing. UsageError where its pictures were made with other options.

        Not resuming, what is there is forgotten: all of it where the tasks are the whole dataset, else theirs.
        Resuming, all that is there is read once: `tell_checked(pictures, of_all)`. Once `is_stopped`, the rest does
        not count as finished, and stays.
        """
        notes = []
        if self.manifest.unreadable:
            notes.append(
                f"{self.manifest.path}: {self.manifest.unreadable} line(s) cut or unreadable, left out; "
                "pictures without a line are made again"
            )
        forgotten = frozenset[int]()
        if not is_resuming:
            forgotten = frozenset(self.manifest.entries if is_whole else (task.index for task in tasks))
        self._require_same(tasks[0], forgotten)
        try:
            there = [task for task in tasks if task.index not in forgotten and self._is_finished(task)]
            finished, damaged = self._checked(there, tell_checked, is_stopped)
            notes += self._strangers(tasks)
        except OSError as error:
            raise unwritable(self.path, error) from error
        if damaged:
            more = f" and {len(damaged) - MAX_NAMED} more" if len(damaged) > MAX_NAMED else ""
            named = ", ".join(list(damaged.values())[:MAX_NAMED])
            notes.append(f"{self.path}: damaged, and drawn again: {named}{more}")
        older = sum(self.manifest.entries[index].version != own_version() for index in finished)
        if older:
            notes.append(
                f"{older} pictures were made by another version of this program, which may have drawn them otherwise; "
                "--no-resume makes all anew"
            )
        return Plan(finished=frozenset(finished), forgotten=forgotten, damaged=frozenset(damaged), notes=tuple(notes))

    def prepare(self, tasks: list[PictureTask], plan: Plan) -> None:
        """Puts in order what an earlier run has left. SinkError."""
        try:
            self._forget(plan.forgotten)
            self.manifest.tidy()
            self._clear_work()
            self._remove_halves((task for task in tasks if task.index not in plan.finished), plan.damaged)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def staging(self, task: PictureTask) -> Path:
        """A new folder for the files of one attempt: the process of an attempt before may still be ending. OSError."""
        return Path(tempfile.mkdtemp(prefix=f"{task.name}-", dir=self._work.path))

    def log_path(self, task: PictureTask) -> Path:
        return self.path / f"image_{task.name}.log"

    def commit(
        self, task: PictureTask, staged: Path, made: Made, *, seconds: float, attempts: int, reason: str = ""
    ) -> None:
        """The files of a finished attempt take their places, then the manifest knows of them. `reason`: why others
        before failed. OSError."""
        paths = paths_of(task)
        for name, path in paths.items():
            target = self.path / path
            target.parent.mkdir(exist_ok=True)
            move_into_place(staged / name, target)
        shutil.rmtree(staged, ignore_errors=True)
        entry = entry_of(task, status=DONE, seconds=round(seconds, 3), attempts=attempts, engine=made.renderer)
        self.manifest.append(
            replace(
                entry,
                sha256={paths[name]: value for name, value in made.sha256.items()},
                bytes={paths[name]: value for name, value in made.bytes.items()},
                piles=made.piles,
                labelled=made.labelled,
                drawn=made.drawn,
                reason=reason,
            )
        )

    def note_failure(self, task: PictureTask, reason: str, *, attempts: int) -> None:
        """OSError."""
        self.manifest.append(entry_of(task, status=FAILED, reason=reason, attempts=attempts))

    def finished_pictures(self) -> list[tuple[int, Path, Path]]:
        """Index, picture and labels of all that are finished, in order."""
        found = []
        for index in sorted(self.manifest.entries):
            image, label = self.path / f"images/{index:06d}.png", self.path / f"labels/{index:06d}.txt"
            if self.manifest.entries[index].status == DONE and image.exists() and label.exists():
                found.append((index, image, label))
        return found

    def coco_parts(self, pictures: list[tuple[int, Path, Path]]) -> list[Path]:
        """Of those finished pictures that have one, in order."""
        parts = (self._work.path / "coco" / f"{index:06d}.json" for index, _, _ in pictures)
        return [part for part in parts if part.exists()]

    def close(self) -> None:
        """What is on the way goes; what a later run may need stays."""
        try:
            self._clear_work()
            has_parts = any((self._work.path / "coco").glob("*.json"))
        except OSError:
            has_parts = True
        if has_parts:
            self._work.close()
        else:
            self._work.remove()

    def _require_same(self, task: PictureTask, forgotten: frozenset[int]) -> None:
        wanted = task.key
        for index, entry in self.manifest.entries.items():
            if index in forgotten or entry.status != DONE or entry.options == wanted:
                continue
            names = [name for name in wanted if wanted[name] != entry.options.get(name)]
            if "engine" in names:
                names = ["engine"]  # the rest follows from it
            told = "; ".join(
                f"{option_name(name)} {_value(wanted[name])}, was {_value(entry.options.get(name))}"
                for name in names[:MAX_NAMED]
            )
            raise UsageError(
                f"{self.path}: its pictures were made with other options ({told}); give the same, another folder, or "
                "--no-resume to make all anew"
            )

    def _is_finished(self, task: PictureTask) -> bool:
        return self._has(task, paths_of(task).values())

    def _has(self, task: PictureTask, paths: Iterable[str]) -> bool:
        """Whether the manifest knows the picture as done and these of its files are as it says."""
        entry = self.manifest.entries.get(task.index)
        if entry is None or entry.status != DONE or entry.options != task.key:
            return False
        for path in paths:
            try:
                if (self.path / path).stat().st_size != entry.bytes.get(path):
                    return False
            except FileNotFoundError:
                return False
        return True

    def _checked(
        self, tasks: list[PictureTask], tell: Callable[[int, int], None], is_stopped: Callable[[], bool]
    ) -> tuple[set[int], dict[int, str]]:
        """The indices of those whose files are what was written, and a file of each that is not. OSError."""
        whole: set[int] = set()
        damaged: dict[int, str] = {}
        with ThreadPoolExecutor(CHECKS_AT_ONCE, thread_name_prefix="check") as readers:
            for first in range(0, len(tasks), CHECKS_AT_ONCE):
                if is_stopped():
                    break
                some = tasks[first : first + CHECKS_AT_ONCE]
                for task, path in zip(some, readers.map(self._damaged_file, some), strict=True):
                    if path:
                        damaged[task.index] = path
                    else:
                        whole.add(task.index)
                tell(first + len(some), len(tasks))
        return whole, damaged

    def _damaged_file(self, task: PictureTask) -> str:
        """The first of a finished picture's files that is not what was written; "" for none. OSError."""
        sha256 = self.manifest.entries[task.index].sha256
        for path in paths_of(task).values():
            if sha256_of(self.path / path) != sha256.get(path):
                return path
        return ""

    def _strangers(self, tasks: list[PictureTask]) -> list[str]:
        """Pictures that neither the manifest knows nor this run makes: a trainer would take them all the same."""
        known = {f"{index:06d}.png" for index in self.manifest.entries} | {f"{task.name}.png" for task in tasks}
        strange = sorted(path.name for path in (self.path / "images").glob("*.png") if path.name not in known)
        if not strange:
            return []
        return [f"{self.path}/images: {len(strange)} picture(s) without a line in the manifest, such as {strange[0]}"]

    def _remove_halves(self, tasks: Iterable[PictureTask], damaged: frozenset[int]) -> None:
        """The picture first: there is never one without a label. A whole pair stays until the new one is there."""
        for task in tasks:
            paths = paths_of(task)
            if task.index not in damaged and self._has(task, (paths[PICTURE], paths[LABELS])):
                continue
            for path in reversed(paths.values()):
                remove_file(self.path / path, missing_ok=True)

    def _forget(self, indices: frozenset[int]) -> None:
        for index in sorted(indices):
            name = f"{index:06d}"
            coco = f"{WORK}/coco/{name}.json"
            for path in (f"images/{name}.png", f"labels/{name}.txt", f"hdf5/{name}.hdf5", f"image_{name}.log", coco):
                remove_file(self.path / path, missing_ok=True)
            self.manifest.entries.pop(index, None)

    def _clear_work(self) -> None:
        for path in self._work.path.iterdir():
            if path.name not in (LOCK, "coco"):
                shutil.rmtree(path, ignore_errors=True)


def unwritable(path: Path, error: OSError) -> SinkError:
    return SinkError(f"{path}: cannot be written ({error.strerror or error})")


def _value(value: Any) -> str:
    return "left alone" if value is None else str(value)


def _held(path: Path, patience_s: float) -> WorkFolder:
    end_s = time.perf_counter() + patience_s
    while True:
        try:
            return WorkFolder(path, at=path / WORK)
        except FolderBusyError:
            if time.perf_counter() > end_s:
                raise
            time.sleep(POLL_INTERVAL_S)


def _demand_ours(path: Path) -> None:
    """An empty folder, a new one, or one that a run has worked in."""
    try:
        present = {each.name for each in path.iterdir()} - SYSTEM_FILES
    except FileNotFoundError:
        return
    except OSError as error:
        if path.is_file():
            raise UsageError(f"{path}: is a file; name a folder") from None
        raise unwritable(path, error) from error
    if present and not present & {MANIFEST, WORK}:
        raise UsageError(f"{path}: is not empty and holds no dataset of ours; name another folder")
