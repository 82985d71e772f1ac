"""Files that appear under their own name only when complete, and names that never overwrite another
file."""

import itertools
import time
from pathlib import Path

from engine.errors import SinkError, SinkUsageError
from engine.sinks.sink import PictureName, picture_name
from engine.system.atomic_file import MAX_JOB_WAIT_S, FileInUseError, move_into_place
from engine.system.file_names import why_refused
from engine.system.translate_errors import translate_errors
from engine.system.work_folder import WorkFolder, hidden_beside, one_line


def dated_file(folder: Path, picture: PictureName, wall_s: float, suffix: str) -> Path:
    """A path such as `folder/multiverse 2025-11-20 19.30.05.mp4`, or `multiverse SD ...`, in local
    time. No colons, which Windows refuses. Pure."""
    stem = picture_name(picture, "multiverse")
    return folder / (stem + time.strftime(" %Y-%m-%d %H.%M.%S", time.localtime(wall_s)) + suffix)


def make_folder(kind: str, path: Path) -> None:
    """Create the folder of `path` and its parents. SinkError if that fails."""
    try:
        folder = path.absolute().parent
    except FileNotFoundError:
        why = "is relative to the current folder, which was deleted; give an absolute path"
        raise SinkError(f"{kind}: {path} {why}") from None
    with translate_errors({OSError: f"{kind}: cannot create the folder {folder}"}, as_=SinkError):
        folder.mkdir(parents=True, exist_ok=True)


def check_name(kind: str, path: Path, allowed: tuple[str, ...]) -> None:
    """Raise SinkUsageError for another suffix, and for a name that Windows refuses, there."""
    if reason := why_refused(path):
        raise SinkUsageError(f"{kind}: {path}: {reason}; choose another name")
    if path.suffix.lower() not in allowed:
        raise SinkUsageError(f"{kind}: {path.name!r} must end in {' or '.join(allowed)}")


def reserve(kind: str, target: Path, suffix: str = "") -> Path:
    """Create an empty file and return its path: `target`, or with " 2", " 3", ... before the suffix
    if that exists.

    `suffix`: the end of the name that stays; "" for what follows the last dot. Atomic: two engines
    that call at once get two files. SinkError if the folder cannot be written."""
    suffix = suffix or target.suffix
    stem = target.name.removesuffix(suffix)
    for path in itertools.chain(
        [target], (target.with_name(f"{stem} {n}{suffix}") for n in itertools.count(2))
    ):
        try:
            path.open("xb").close()
        except FileExistsError:
            continue
        except OSError as error:
            raise SinkError(f"{kind}: cannot write {path}: {error.strerror}") from error
        return path
    raise AssertionError  # `count` never ends


class WholeFile:
    """A file for `path`, written in a hidden folder beside it that belongs to one run. Leftovers of
    a killed run are removed by the next one. SinkError in one line; FolderBusyError if another run
    is writing the same file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Not `.NAME.partial`, which may hold the checkpoint of an interrupted `video` or `convert`.
        self._folder = WorkFolder(path, at=hidden_beside(path, ".unfinished"))
        self._folder.empty()
        self.unfinished = self._folder.path / f"whole{path.suffix}"
        """Path to write to; it does not exist yet."""

    def publish(self) -> None:
        """Sync the file to disk and rename it to `path`. On Windows, SinkError if another program
        holds the old file; the new one then stays in the hidden folder, and the error says
        where."""
        try:
            with one_line(self.path):
                move_into_place(self.unfinished, self.path, timeout_s=MAX_JOB_WAIT_S)
        except SinkError as error:
            if isinstance(error.__cause__, FileInUseError):
                self._folder.close()  # so that `discard` keeps the new file
                raise SinkError(f"{error}; the new file is {self.unfinished}") from error
            raise
        self._folder.remove()

    def discard(self) -> None:
        """Remove everything that was written. Does nothing after `publish`."""
        self._folder.remove()


def partial_path(path: Path) -> Path:
    """Temporary path of a file until it is complete, in a folder used by one run only."""
    return path.with_name(f".{path.name}.partial")
