"""Files that nobody sees under their own name before they are whole: written beside it and moved there at the end."""

from contextlib import AbstractContextManager
from pathlib import Path

from engine.errors import SinkError
from engine.system.atomic_file import MAX_HELD_JOB_S, HeldFileError, move_into_place
from engine.system.translate_errors import reason_of, translate_errors
from engine.system.work_folder import WorkFolder


class WholeFile:
    """`path` in work, in a hidden folder beside it that one run holds: what a killed run has left there is removed by
    the next one. SinkError in one line; FolderBusyError where another run is at work on the same file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # A name of its own: `.NAME.partial` may hold what an interrupted `video` or `convert` is to go on from.
        self._place = WorkFolder(path, at=path.with_name(f".{path.name}.unfinished"))
        self._place.empty()
        self.unfinished = self._place.path / f"whole{path.suffix}"
        """Where it is written; not there yet."""

    def publish(self) -> None:
        """Give the file its name, whole even after a power cut. On Windows, SinkError where another program holds what
        it is to replace; the file then stays in the hidden folder, and the error says where."""
        try:
            with one_line(self.path):
                move_into_place(self.unfinished, self.path, patience_s=MAX_HELD_JOB_S)
        except SinkError as error:
            if isinstance(error.__cause__, HeldFileError):
                self._place.close()  # `discard` removes nothing from here on
                raise SinkError(f"{error}; it is kept as {self.unfinished}") from error
            raise
        self._place.remove()

    def discard(self) -> None:
        """As if it had never been begun. After `publish`: nothing."""
        self._place.remove()


def partial_path(path: Path) -> Path:
    """Where a file is written until it is whole, in a folder that no other run writes into."""
    return path.with_name(f".{path.name}.partial")


def one_line(path: Path) -> AbstractContextManager[None]:
    """Turn an error of the system while writing `path` into SinkError."""
    return translate_errors({OSError: lambda error: f"{path}: cannot be written ({reason_of(error)})"}, as_=SinkError)
