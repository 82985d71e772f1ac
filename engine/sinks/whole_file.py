"""Files that appear under their own name only when complete: written in a hidden folder, then renamed."""

from contextlib import AbstractContextManager
from pathlib import Path

from engine.errors import SinkError
from engine.system.atomic_file import MAX_HELD_JOB_S, HeldFileError, move_into_place
from engine.system.translate_errors import reason_of, translate_errors
from engine.system.work_folder import WorkFolder


class WholeFile:
    """A file for `path`, written in a hidden folder beside it that belongs to one run.

    Leftovers of a killed run are removed by the next one. SinkError in one line; FolderBusyError if another run is
    writing the same file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # Not `.NAME.partial`, which may hold the checkpoint of an interrupted `video` or `convert`.
        self._place = WorkFolder(path, at=path.with_name(f".{path.name}.unfinished"))
        self._place.empty()
        self.unfinished = self._place.path / f"whole{path.suffix}"
        """Path to write to; it does not exist yet."""

    def publish(self) -> None:
        """Sync the file to disk and rename it to `path`. On Windows, SinkError if another program holds the old file;
        the new one then stays in the hidden folder, and the error says where."""
        try:
            with one_line(self.path):
                move_into_place(self.unfinished, self.path, timeout_s=MAX_HELD_JOB_S)
        except SinkError as error:
            if isinstance(error.__cause__, HeldFileError):
                self._place.close()  # so that `discard` keeps the new file
                raise SinkError(f"{error}; the new file is {self.unfinished}") from error
            raise
        self._place.remove()

    def discard(self) -> None:
        """Remove everything that was written. Does nothing after `publish`."""
        self._place.remove()


def partial_path(path: Path) -> Path:
    """Temporary path of a file until it is complete, in a folder used by one run only."""
    return path.with_name(f".{path.name}.partial")


def one_line(path: Path) -> AbstractContextManager[None]:
    """Turn an OSError while writing `path` into SinkError."""
    return translate_errors({OSError: lambda error: f"{path}: cannot be written ({reason_of(error)})"}, as_=SinkError)
