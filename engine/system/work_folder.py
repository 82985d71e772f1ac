"""The hidden folder beside or in an output in which it is made: one run's at a time, whichever process that is in."""

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from engine.errors import FolderBusyError, SinkError
from engine.system.atomic_file import MAX_HELD_LIVE_S, remove_file, remove_folder, when_free

LOCK = "lock"


class WorkFolder:
    """Held from the constructor to `close` or `remove`, and no longer than the process lives: the system lets go of its
    locks however it ends. FolderBusyError where another run holds it, SinkError where the disk does not let us."""

    def __init__(self, output: Path, *, at: Path | None = None) -> None:
        """What an interrupted run has left in it stays. `at`: the folder, where it is not beside the output."""
        self.path = output.with_name(f".{output.name}.partial") if at is None else at
        self._output = output
        with _one_line(output):
            self._new = [folder for folder in self.path.parents if not folder.exists()]
            """Deepest first: made with it, and gone with it where nothing else is in them."""
            self._lock = self._open()
            while not self._is_held():  # its run removed it between our two steps
                self._lock.close()
                self._lock = self._open()

    def empty(self) -> None:
        """What an earlier run has left is gone."""
        with _one_line(self._output):
            for path in self.path.iterdir():
                if path.name != LOCK:
                    remove_folder(path) if path.is_dir() else remove_file(path)

    def close(self) -> None:
        """Let go of it: what is in it can be gone on from."""
        self._lock.close()

    def remove(self) -> None:
        """As far as it can be. The lock goes last: from then on the folder may be another run's."""
        if self._lock.closed:
            return
        with contextlib.suppress(SinkError):
            self.empty()
        if sys.platform == "win32":  # where no open file can be removed
            self.close()
        with contextlib.suppress(OSError):
            remove_file(self.path / LOCK)
            when_free(self.path.rmdir, self.path, patience_s=MAX_HELD_LIVE_S)
            for folder in self._new:
                folder.rmdir()
        self.close()

    def _open(self) -> BinaryIO:
        while True:
            when_free(partial(self.path.mkdir, parents=True, exist_ok=True), self.path, patience_s=MAX_HELD_LIVE_S)
            lock = self.path / LOCK
            try:
                return when_free(partial(lock.open, "ab", buffering=0), lock, patience_s=MAX_HELD_LIVE_S)
            except FileNotFoundError:  # the folder was removed between the two steps
                continue

    def _is_held(self) -> bool:
        """Take the lock; False where its file is not the folder's any more."""
        try:
            if not _is_taken(self._lock):
                raise FolderBusyError(f"{self._output}: another run is at work on it")
            return os.path.samestat(os.fstat(self._lock.fileno()), (self.path / LOCK).stat())
        except FileNotFoundError:
            return False
        except BaseException:
            self._lock.close()
            raise


def check_place(output: Path) -> None:
    """SinkError where `output` cannot be written. Folders that are missing on the way are made when it is."""
    with _one_line(output):
        folder = next(each for each in output.absolute().parents if each.exists())
        is_folder = folder.is_dir()
    if not is_folder:
        raise SinkError(f"{output}: cannot be written ({folder} is no folder)")
    if not os.access(folder, os.W_OK):
        raise SinkError(f"{output}: cannot be written (no permission to write into {folder})")


def file_key(path: Path) -> list[Any]:
    """Tells a file that was changed from one that was not."""
    known = path.stat()
    return [str(path.resolve()), known.st_size, known.st_mtime_ns]


def sha256_of(path: Path) -> str:
    """Hexadecimal. OSError where it cannot be read."""
    with when_free(lambda: path.open("rb"), path, patience_s=MAX_HELD_LIVE_S) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_taken(file: BinaryIO) -> bool:
    """Lock it for us alone; False where another has. OSError where the disk knows no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # the second is what Windows says
        return False
    return True


@contextlib.contextmanager
def _one_line(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SinkError(f"{output}: cannot be written ({error.strerror or error})") from error
