"""The output folder of a dataset. Locked by one run at a time; never contains a picture without its label.

images/000000.png  labels/000000.txt  annotations/000000.json (part of the COCO file)  hdf5/000000.hdf5
image_000000.log  manifest.jsonl  dataset.yaml  coco_annotations.json  preview.png
.work/ (the lock and unfinished pictures; nothing that a copy of the folder needs)

A picture's files are written to .work and renamed when all are complete: the label first and the picture last, because
trainers list the pictures, and one without a label would count as a picture without piles. A run killed between the two
renames leaves a label without a picture, which the next run removes. Files are flushed to the disk before they enter
the manifest, and a resumed run compares each with its SHA-256 there: a damaged picture is drawn again.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import FolderBusyError, SinkError, UsageError
from engine.jobs.dataset.made import MadePicture
from engine.jobs.dataset.options import option_name
from engine.jobs.dataset.running.manifest import DONE, FAILED, MANIFEST, entry_of, read_manifest
from engine.jobs.dataset.task import PictureTask
from engine.jobs.kit.fingerprint import differences, package_version
from engine.system.atomic_file import move_into_place, remove_file
from engine.system.work_folder import LOCK, WorkFolder, sha256_of

WORK = ".work"
COCO_FILE, YAML_FILE, PREVIEW = "coco_annotations.json", "dataset.yaml", "preview.png"
MAX_NAMED = 4
POLL_INTERVAL_S = 0.02
CHECKS_AT_ONCE = 4  # threads that hash files; hashing takes half as long as reading from a fast disk
SYSTEM_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", "lost+found"})


def paths_of(task: PictureTask) -> tuple[str, ...]:
    """Paths in the folder of the files that a picture needs, in the order of commit: label and picture are the last."""
    hdf5 = (task.path("hdf5", ".hdf5"),) if task.with_hdf5 else ()
    coco = (task.path("annotations", ".json"),) if task.with_coco else ()
    return (*hdf5, *coco, task.path("labels", ".txt"), task.path("images", ".png"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """The work of a run, determined before anything is changed."""

    finished: frozenset[int]
    """Indices of finished pictures."""
    forgotten: frozenset[int]
    """Indices whose files are removed because they will be made again."""
    damaged: frozenset[int]
    """Indices whose files do not match their SHA-256, and are removed."""
    notes: tuple[str, ...]


class DatasetFolder:
    """Locked from the constructor to `close`. FolderBusyError if another run has it, SinkError for disk errors."""

    def __init__(self, path: Path, *, patience_s: float = 0.0) -> None:
        """Lock the folder, waiting up to `patience_s` for another run. UsageError if it holds other files."""
        self.path = path
        _require_own_folder(path)
        self._work = _lock(path, patience_s)
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
    ) -> RunPlan:
        """Plan the run; changes nothing. UsageError if existing pictures were made with other options.

        Without `is_resuming`, existing pictures are dropped: all if the tasks are the whole dataset, else only those of
        the tasks. With it, all files are read once; progress goes to `tell_checked(pictures, of_all)`. Once
        `is_stopped`, unchecked pictures are neither finished nor removed.
        """
        notes = []
        if self.manifest.unreadable:
            notes.append(
                f"{self.manifest.path}: {self.manifest.unreadable} line(s) truncated or unreadable, ignored; "
                "pictures without a line are made again"
            )
        forgotten = frozenset[int]()
        if not is_resuming:
            forgotten = frozenset(self.manifest.entries if is_whole else (task.index for task in tasks))
        self._require_same(tasks[0], forgotten)
        try:
            there = [task for task in tasks if task.index not in forgotten and self._is_finished(task)]
            finished, damaged = self._checked(there, tell_checked, is_stopped)
            notes += self._foreign_pictures(tasks)
        except OSError as error:
            raise unwritable(self.path, error) from error
        if damaged:
            more = f" and {len(damaged) - MAX_NAMED} more" if len(damaged) > MAX_NAMED else ""
            named = ", ".join(list(damaged.values())[:MAX_NAMED])
            notes.append(f"{self.path}: damaged, and drawn again: {named}{more}")
        older = sum(self.manifest.entries[index].version != package_version() for index in finished)
        if older:
            notes.append(
                f"{older} pictures were made by another version of this program, which may have drawn them otherwise; "
                "--overwrite makes all again"
            )
        return RunPlan(
            finished=frozenset(finished), forgotten=forgotten, damaged=frozenset(damaged), notes=tuple(notes)
        )

    def prepare(self, tasks: list[PictureTask], plan: RunPlan) -> None:
        """Clean up after earlier runs. Raises SinkError."""
        try:
            self._forget(plan.forgotten)
            self.manifest.tidy()
            self._clear_work()
            self._remove_halves((task for task in tasks if task.index not in plan.finished), plan.damaged)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def staging(self, task: PictureTask) -> Path:
        """Make a new folder for one attempt: an earlier attempt's process may still be running. Raises OSError."""
        return Path(tempfile.mkdtemp(prefix=f"{task.name}-", dir=self._work.path))

    def log_path(self, task: PictureTask) -> Path:
        return self.path / f"image_{task.name}.log"

    def commit(
        self, task: PictureTask, staged: Path, made: MadePicture, *, seconds: float, attempts: int, reason: str = ""
    ) -> None:
        """Move the files of a finished attempt into place, then add it to the manifest. Raises OSError.

        `reason`: why earlier attempts failed.
        """
        for path in made.sha256:
            target = self.path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            move_into_place(staged / path, target)
        shutil.rmtree(staged, ignore_errors=True)
        entry = entry_of(task, status=DONE, seconds=round(seconds, 3), attempts=attempts, engine=made.renderer)
        self.manifest.append(
            replace(
                entry,
                sha256=made.sha256,
                bytes=made.bytes,
                piles=made.piles,
                labelled=made.labelled,
                drawn=made.drawn,
                reason=reason,
            )
        )

    def note_failure(self, task: PictureTask, reason: str, *, attempts: int) -> None:
        """Add a failed picture to the manifest. Raises OSError."""
        self.manifest.append(entry_of(task, status=FAILED, reason=reason, attempts=attempts))

    def finished_pictures(self) -> list[tuple[int, Path, Path]]:
        """Index, picture and label file of all finished pictures, in order."""
        found = []
        for index in sorted(self.manifest.entries):
            image, label = self.path / f"images/{index:06d}.png", self.path / f"labels/{index:06d}.txt"
            if self.manifest.entries[index].status == DONE and image.exists() and label.exists():
                found.append((index, image, label))
        return found

    def coco_parts(self, pictures: list[tuple[int, Path, Path]]) -> list[Path]:
        """The COCO parts of those pictures that have one, in order."""
        parts = (self.path / f"annotations/{index:06d}.json" for index, _, _ in pictures)
        return [part for part in parts if part.exists()]

    def close(self) -> None:
        """Unlock the folder. Unfinished pictures are removed."""
        self._work.remove()

    def _require_same(self, task: PictureTask, forgotten: frozenset[int]) -> None:
        wanted = task.key
        for index, entry in self.manifest.entries.items():
            if index in forgotten or entry.status != DONE or entry.options == wanted:
                continue
            # If the engine differs, other values follow from it.
            names = ["engine"] if wanted["engine"] != entry.options.get("engine") else list(wanted)
            changed = differences(
                {option_name(name): entry.options.get(name) for name in names},
                {option_name(name): wanted[name] for name in names},
            )
            raise UsageError(
                f"{self.path}: its pictures were made with other options ({changed}); give the same, another "
                "folder, or --overwrite to make all again"
            )

    def _is_finished(self, task: PictureTask) -> bool:
        return self._has(task, paths_of(task))

    def _has(self, task: PictureTask, paths: Iterable[str]) -> bool:
        """True if the manifest lists the picture as done and these files have the size it says."""
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
        """Indices of intact pictures, and the first damaged file of each other one. Raises OSError."""
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
        """The first file of a finished picture that does not match its SHA-256, or "". Raises OSError."""
        sha256 = self.manifest.entries[task.index].sha256
        for path in paths_of(task):
            if sha256_of(self.path / path) != sha256.get(path):
                return path
        return ""

    def _foreign_pictures(self, tasks: list[PictureTask]) -> list[str]:
        """A note about pictures neither in the manifest nor made by this run, because trainers would use them."""
        known = {f"{index:06d}.png" for index in self.manifest.entries} | {f"{task.name}.png" for task in tasks}
        strange = sorted(path.name for path in (self.path / "images").glob("*.png") if path.name not in known)
        if not strange:
            return []
        return [f"{self.path}/images: {len(strange)} picture(s) without a line in the manifest, such as {strange[0]}"]

    def _remove_halves(self, tasks: Iterable[PictureTask], damaged: frozenset[int]) -> None:
        """Remove incomplete pictures, the picture before its label. A complete pair stays until it is replaced."""
        for task in tasks:
            paths = paths_of(task)
            if task.index not in damaged and self._has(task, paths[-2:]):
                continue
            for path in reversed(paths):
                remove_file(self.path / path, missing_ok=True)

    def _forget(self, indices: frozenset[int]) -> None:
        for index in sorted(indices):
            name = f"{index:06d}"
            coco, hdf5 = f"annotations/{name}.json", f"hdf5/{name}.hdf5"
            for path in (f"images/{name}.png", f"labels/{name}.txt", hdf5, coco, f"image_{name}.log"):
                remove_file(self.path / path, missing_ok=True)
            self.manifest.entries.pop(index, None)

    def _clear_work(self) -> None:
        for path in self._work.path.iterdir():
            if path.name != LOCK:
                shutil.rmtree(path, ignore_errors=True)


def unwritable(path: Path, error: OSError) -> SinkError:
    return SinkError(f"{path}: cannot be written ({error.strerror or error})")


def _lock(path: Path, patience_s: float) -> WorkFolder:
    end_s = time.perf_counter() + patience_s
    while True:
        try:
            return WorkFolder(path, at=path / WORK)
        except FolderBusyError:
            if time.perf_counter() > end_s:
                raise
            time.sleep(POLL_INTERVAL_S)


def _require_own_folder(path: Path) -> None:
    """Raise UsageError unless the folder is empty, new, or was used by a run."""
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
