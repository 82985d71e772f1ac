"""The output folder of a dataset. Locked by one run at a time; never contains a picture without its
label.

images/000000.png  (with --split images/train/000000.png)
labels/000000.txt  annotations/000000.json  (parts for COCO)  scenes/000000.json
README.md  card/  tiles/  and folders and files of further formats (recipe 2; labels/writers/)
image_000000.log  manifest.jsonl  dataset.yaml  coco_annotations.json
.work/  (the lock, unfinished pictures)

A picture's files are written to .work and renamed when all are complete, the label first and the
picture last: trainers list the pictures, and one without a label would count as one without piles.
The next run removes the label if a killed run left it without a picture. Files are flushed to the
disk before they enter the manifest, and a resumed run compares each with its SHA-256 there: a
damaged picture is drawn again."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from engine.dataset.labels.options import FORMATS, REMOVED_FORMATS
from engine.dataset.labels.record import FinishedPicture
from engine.dataset.labels.writers import writers_of
from engine.dataset.options import option_name
from engine.dataset.running.manifest import DONE, FAILED, MANIFEST, entry_line, read_manifest
from engine.dataset.running.policy import FinishedAttempt
from engine.dataset.running.verifying import verify
from engine.dataset.task import PictureTask
from engine.errors import FolderBusyError, SinkError, UsageError
from engine.jobs.kit import differences
from engine.system.atomic_file import move_into_place, remove_file
from engine.system.package_version import package_version
from engine.system.work_folder import LOCK, WorkFolder

WORK = ".work"
YAML_FILE = "dataset.yaml"
IMAGES = "images"
LABELS = "labels"
PARTS = "annotations"
SCENES = "scenes"
TILES = "tiles"
FOLDERS = (IMAGES, LABELS, PARTS, SCENES)
MAX_NAMED = 4
POLL_INTERVAL_S = 0.02
# 000005.png, and 000005_1_2.png for a part of picture 5. Anything else is the user's and is never
# removed.
NUMBERED = re.compile(r"(\d{6,})(?:_\d+)*\.[a-z0-9]+")
SYSTEM_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", "lost+found"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """The work of a run, determined before anything is changed."""

    finished: frozenset[int]  # indices of intact pictures, also beyond those of the run
    existing: int  # number of pictures of the run that are complete
    # indices to draw: those of the run that are not finished, and damaged ones beyond it
    missing: tuple[int, ...]
    forgotten: frozenset[int]  # indices whose files are removed because they will be made again
    # indices of pictures with a damaged or missing file; their other files are removed
    broken: frozenset[int]
    is_checked: bool  # False if the check was interrupted: then the folder's content is unknown
    notes: tuple[str, ...]


class DatasetFolder:
    """A dataset's folder, locked until `close`. FolderBusyError if another run has it, SinkError
    for disk errors."""

    def __init__(self, path: Path, *, patience_s: float = 0.0) -> None:
        """Lock the folder, waiting up to `patience_s` for another run. UsageError if it holds other
        files."""
        self.path = path
        _require_own_folder(path)
        end_s = time.perf_counter() + patience_s
        while True:
            try:
                self._work = WorkFolder(path, at=path / WORK)
                break
            except FolderBusyError:
                if time.perf_counter() > end_s:
                    raise
                time.sleep(POLL_INTERVAL_S)
        # indices of pictures that were read and verified, or made by this run
        self._sound: set[int] = set()
        self._had: dict[int, frozenset[str]] = {}
        try:
            for name in (IMAGES, LABELS):
                (path / name).mkdir(exist_ok=True)
            self.manifest = read_manifest(path)
        except OSError as error:
            self._work.close()
            raise unwritable(path, error) from error

    def plan(
        self,
        indices: range,
        task: Callable[[int], PictureTask],
        *,
        is_resuming: bool,
        is_whole: bool = True,
        on_checked: Callable[[int, int], object] = lambda checked, of: None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> RunPlan:
        """Plan the run; changes nothing. UsageError if existing pictures were made with other
        options. With `is_resuming`, all their files are read once, reported to
        `on_checked(pictures, of_all)`, until `is_stopped`; else they are dropped: all of the folder
        if `is_whole`, else those of the indices."""
        notes = []
        if self.manifest.unreadable:
            notes.append(
                f"{self.manifest.path}: {self.manifest.unreadable} line(s) truncated or "
                "unreadable, ignored; "
                "pictures without a line are made again"
            )
        lines = self.manifest.lines
        known = sorted(lines) if is_whole else [index for index in indices if index in lines]
        forgotten = frozenset(known if not is_resuming else ())
        first = task(indices[0])
        self._require_same(first, forgotten)
        finished = [index for index in known if lines[index].is_done and index not in forgotten]
        # complete: with all files that the run wants
        intact = set[int]()
        complete = set[int]()
        incomplete = set[int]()
        damaged: dict[int, str] = {}
        try:
            # Files of formats that the run does not need may be removed from a finished dataset.
            needed = folders_of(first)
            optional = (folders_of(first, FORMATS) | REMOVED_FORMATS) - {LABELS}
            checked = verify(
                self.path, self.manifest, finished, needed, optional, on_checked, is_stopped
            )
            for index, fault, lost in checked:
                if fault:
                    damaged[index] = fault
                elif any(path.partition("/")[0] not in optional for path in lost):
                    incomplete.add(index)  # a file that every picture needs was removed
                else:
                    intact.add(index)
                    if not lost:
                        complete.add(index)
            notes += self._foreign_pictures(indices)
        except OSError as error:
            raise unwritable(self.path, error) from error
        notes += self._notes_about(intact, damaged)
        lacking = [index for index in indices if index not in complete]
        missing = tuple(sorted([*lacking, *(index for index in damaged if index not in indices)]))
        self._sound = set(intact)
        for index in missing:
            if index not in forgotten and self._is_done(index):
                paths = (path for path in lines[index].paths(index) if (self.path / path).exists())
                self._had[index] = frozenset(path.partition("/")[0] for path in paths)
        return RunPlan(
            finished=frozenset(intact),
            existing=len(indices) - len(lacking),
            missing=missing,
            forgotten=forgotten,
            broken=frozenset(damaged) | incomplete,
            is_checked=len(intact) + len(damaged) + len(incomplete) == len(finished),
            notes=tuple(notes),
        )

    def prepare(self, plan: RunPlan, subsets: tuple[str, ...] = ("",)) -> None:
        """Clean up after earlier runs. Raises SinkError."""
        try:
            self._forget(plan.forgotten)
            self.manifest.tidy()
            for path in self._work.path.iterdir():
                if path.name != LOCK:
                    shutil.rmtree(path, ignore_errors=True)
            self._remove_halves(plan)
            for name in (IMAGES, LABELS):
                for subset in subsets:
                    (self.path / name / subset).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def task_again(self, task: PictureTask) -> PictureTask:
        """Add to the task the file formats that the picture had before `prepare`, so that none is
        lost."""
        had = self._had.get(task.index, frozenset())
        lost = [
            name
            for name in FORMATS
            if name not in task.labels.formats and had & folders_of(task, (name,))
        ]
        return (
            replace(task, labels=replace(task.labels, write=(*task.labels.formats, *lost)))
            if lost
            else task
        )

    def staging(self, task: PictureTask) -> Path:
        """Make a new folder for one attempt: an earlier attempt's process may still be running.
        Raises OSError."""
        return Path(tempfile.mkdtemp(prefix=f"{task.name}-", dir=self._work.path))

    def log_path(self, task: PictureTask) -> Path:
        return self.path / f"image_{task.name}.log"

    @property
    def worker_log(self) -> Path:
        """The log of processes that make more than one picture; deleted at the end."""
        return self._work.path / "workers.log"

    def commit(
        self, task: PictureTask, finished: FinishedAttempt, *, earlier: tuple[str, ...] = ()
    ) -> None:
        """Move an attempt's files into place and add it to the manifest. `earlier`: former
        failures. OSError."""
        picture = finished.picture
        for path in picture.sha256:
            target = self.path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            move_into_place(finished.folder / path, target)
        if self._is_done(task.index):
            for path in set(self.manifest.lines[task.index].paths(task.index)) - set(
                picture.sha256
            ):
                # of a format that is no longer written
                remove_file(self.path / path, missing_ok=True)
        shutil.rmtree(finished.folder, ignore_errors=True)
        values = {name: getattr(picture, name) for name in ("sha256", "bytes", "piles", "labelled")}
        values |= {
            "drawn": picture.scene_facts,
            "engine": picture.renderer,
            "seconds": round(finished.seconds, 3),
        }
        values |= {"attempts": len(earlier) + 1, "reason": "; ".join(earlier)}
        self.manifest.append(entry_line(task, status=DONE, **values))
        self._sound.add(task.index)

    def note_failure(self, task: PictureTask, reason: str, *, attempts: int) -> None:
        """Add a failed picture to the manifest. Raises OSError."""
        self.manifest.append(entry_line(task, status=FAILED, reason=reason, attempts=attempts))
        self._sound.discard(task.index)

    def finished_labels(self) -> Iterator[tuple[int, Path]]:
        """Yield index and label file of all intact pictures with a YOLO label, in order."""
        for index in sorted(self._sound):
            for path in self.manifest.lines[index].paths(index):
                if path.startswith(f"{LABELS}/"):
                    yield index, self.path / path

    def finished_files(self, unsure: frozenset[str]) -> Iterator[FinishedPicture]:
        """Yield all intact pictures in order, without missing paths in the folders `unsure`."""
        for index in sorted(self._sound):
            paths = tuple(
                path
                for path in self.manifest.lines[index].paths(index)
                if path.partition("/")[0] not in unsure or (self.path / path).exists()
            )
            yield FinishedPicture(index=index, paths=paths)

    def engines(self, indices: range) -> list[str]:
        """The renderers of these pictures."""
        lines = self.manifest.lines
        return sorted({lines[index].origin.engine for index in indices if index in lines} - {""})

    def bytes_of(self, indices: frozenset[int]) -> int:
        """Size of these pictures' files as the manifest says it. Raises OSError."""
        return sum(sum(entry.bytes.values()) for entry in self.manifest.entries(sorted(indices)))

    def folders_named(self) -> set[str]:
        """Folders of all files in the manifest."""
        return {
            pattern.partition("/")[0]
            for line in self.manifest.lines.values()
            for pattern in line.patterns
        }

    @property
    def finished(self) -> int:
        """Number of intact pictures."""
        return len(self._sound)

    def trust_existing(self, but: frozenset[int] = frozenset()) -> None:
        """Count pictures as intact if their files exist, `but` these, without reading them. Raises
        OSError."""
        for index, line in self.manifest.lines.items():
            if line.is_done and index not in but:
                paths = (
                    path for path in line.paths(index) if path.partition("/")[0] in (IMAGES, LABELS)
                )
                if all((self.path / path).exists() for path in paths):
                    self._sound.add(index)

    def close(self) -> None:
        """Unlock the dataset's folder. Unfinished pictures are removed."""
        self._work.remove()

    def _require_same(self, task: PictureTask, forgotten: frozenset[int]) -> None:
        requested = task.key
        origins = (
            line.origin
            for index, line in self.manifest.lines.items()
            if index not in forgotten and line.is_done
        )
        for known in {
            id(origin): origin.options for origin in origins
        }.values():  # few: equal ones are shared
            if known.get("write") == "":  # without YOLO's labels, which a run may add
                known = known | {"write": requested.get("write")}
            if known == requested:
                continue
            names = [*requested, *known]
            known, requested = ({"recipe": 1} | each for each in (known, requested))
            for decisive in ("recipe", "engine"):  # if it differs, other values follow from it
                if known.get(decisive) != requested[decisive]:
                    names = [decisive]
                    break
            compared = [
                {option_name(name): each.get(name) for name in names} for each in (known, requested)
            ]
            changed = differences(*compared)
            raise UsageError(
                f"{self.path}: its pictures were made with other options ({changed}); give the "
                "same, another "
                "folder, or --overwrite to make all again"
            )

    def _notes_about(self, whole: set[int], damaged: dict[int, str]) -> list[str]:
        notes = []
        if damaged:
            more = f" and {len(damaged) - MAX_NAMED} more" if len(damaged) > MAX_NAMED else ""
            named = ", ".join(list(damaged.values())[:MAX_NAMED])
            notes.append(f"{self.path}: damaged, and drawn again: {named}{more}")
        lines = self.manifest.lines
        version = package_version()
        older = sum(lines[index].origin.version != version for index in whole)
        if older:
            notes.append(
                f"{older} pictures were made by another version of this program, which may have "
                "drawn them otherwise; "
                "--overwrite makes all again"
            )
        return notes

    def _foreign_pictures(self, indices: range) -> list[str]:
        """A note about foreign pictures, neither in the manifest nor of this run, because trainers
        would use them."""
        strange = []
        for path, index in numbered_files(self.path, IMAGES):
            known = set(self.manifest.lines[index].paths(index)) if self._is_done(index) else ()
            if path not in known and (known or index not in indices):
                strange.append(path)
        if not strange:
            return []
        example = min(strange).removeprefix(f"{IMAGES}/")
        return [
            f"{self.path}/{IMAGES}: {len(strange)} picture(s) without a line in the manifest, "
            f"such as {example}"
        ]

    def _remove_halves(self, plan: RunPlan) -> None:
        """Remove files of incomplete pictures, the pictures before their labels. A complete one
        that is drawn again stays until it is replaced."""
        missing = frozenset(plan.missing)
        retained = plan.finished | {
            index for index in missing - plan.broken if self._is_done(index)
        }
        for folder in dict.fromkeys((*FOLDERS, *sorted(self.folders_named()))):
            for path, index in numbered_files(self.path, folder):
                if index not in retained and (index in missing or index in plan.broken):
                    remove_file(self.path / path, missing_ok=True)

    def _is_done(self, index: int) -> bool:
        line = self.manifest.lines.get(index)
        return line is not None and line.is_done

    def _forget(self, indices: frozenset[int]) -> None:
        for index in sorted(indices):
            for path in reversed(
                [f"image_{index:06d}.log", *self.manifest.lines[index].paths(index)]
            ):
                remove_file(self.path / path, missing_ok=True)
            self.manifest.forget(index)


def numbered_files(root: Path, folder: str) -> Iterator[tuple[str, int]]:
    """Yield path in the dataset and index of files in and below this folder that are named after a
    picture. Links to folders are not followed. Raises OSError."""
    inner = []
    try:
        with os.scandir(root / folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    inner.append(entry.name)
                elif match := NUMBERED.fullmatch(entry.name):
                    yield f"{folder}/{entry.name}", int(match[1])
    except FileNotFoundError:
        return
    for name in inner:
        yield from numbered_files(root, f"{folder}/{name}")


def folders_of(task: PictureTask, formats: tuple[str, ...] | None = None) -> frozenset[str]:
    """Folders in which every finished picture has a file; only those of `formats`, if given."""
    written = writers_of(task.labels.written if formats is None else formats)
    own = frozenset(path.partition("/")[0] for writer in written for path in writer.paths(task))
    if formats is not None:
        return own
    return own | {IMAGES} if task.recipe_2 is None else own | {IMAGES, SCENES}


def unwritable(path: Path, error: OSError) -> SinkError:
    return SinkError(f"{path}: cannot be written ({error.strerror or error})")


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
    refused = {
        name
        for name in (IMAGES, LABELS)
        if (path / name).is_dir() and not any((path / name).iterdir())
    }
    # a run that was refused at its start leaves these
    if present - refused and not present & {MANIFEST, WORK}:
        raise UsageError(f"{path}: is not empty and holds no dataset of ours; name another folder")
