"""A hidden, locked working folder for an output. One run at a time, across processes."""

import contextlib
import hashlib
import os
import sys
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any

from engine.errors import FolderBusyError, SinkError
from engine.system.atomic_file import MAX_LIVE_WAIT_S, remove_file, remove_folder, when_free
from engine.system.file_names import why_refused
from engine.system.small_file import open_regular
from engine.system.translate_errors import refused

LOCK = "lock"
MAX_NAME_BYTES = 255  # of the usual file systems


def hidden_beside(path: Path, ending: str) -> Path:
    """`.NAME` and this ending, beside `path`; with a short name if a disk would refuse that as too
    long."""
    name = f".{path.name}{ending}"
    if len(os.fsencode(name)) > MAX_NAME_BYTES:
        name = f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()}{ending}"
    return path.with_name(name)


class WorkFolder:
    """A folder for an unfinished output, locked from the constructor until `close` or `remove`, or
    until the process ends, however it ends. FolderBusyError if another run has locked it, SinkError
    if it cannot be made."""

    def __init__(self, output: Path, *, at: Path | None = None) -> None:
        """Keeps the files of an interrupted run. `at`: the folder, if it is not beside the
        output."""
        self.path = hidden_beside(output, ".partial") if at is None else at
        self._output = output
        with one_line(output):
            self._new = [folder for folder in self.path.parents if not folder.exists()]
            """Parent folders that are made with it, deepest first; removed with it if they are
            empty."""
            self._lock = self._open()
            while not self._acquire_lock():  # another run removed it between our two steps
                self._lock.close()
                self._lock = self._open()

    def empty(self) -> None:
        with one_line(self._output):
            for path in self.path.iterdir():
                if path.name != LOCK:
                    remove_folder(path) if path.is_dir() else remove_file(path)

    def close(self) -> None:
        """Unlock it and keep its files, to resume from."""
        self._lock.close()

    def remove(self) -> None:
        """Delete as much as possible, the lock last: after that another run may use the folder."""
        if self._lock.closed:
            return
        with contextlib.suppress(SinkError):
            self.empty()
        if sys.platform == "win32":  # where open files cannot be removed
            self.close()
        with contextlib.suppress(OSError):
            remove_file(self.path / LOCK)
            when_free(self.path.rmdir, self.path, timeout_s=MAX_LIVE_WAIT_S)
            for folder in self._new:
                folder.rmdir()
        self.close()

    def _open(self) -> FileIO:
        while True:
            when_free(
                partial(self.path.mkdir, parents=True, exist_ok=True),
                self.path,
                timeout_s=MAX_LIVE_WAIT_S,
            )
            lock = self.path / LOCK
            try:
                return when_free(partial(FileIO, lock, "ab"), lock, timeout_s=MAX_LIVE_WAIT_S)
            except FileNotFoundError:  # the folder was removed between the two steps
                continue

    def _acquire_lock(self) -> bool:
        """Take the lock; False if its file is not in the folder any more."""
        try:
            if not _try_lock(self._lock):
                raise FolderBusyError(f"{self._output}: another run is at work on it")
            return os.path.samestat(os.fstat(self._lock.fileno()), (self.path / LOCK).stat())
        except FileNotFoundError:
            return False
        except BaseException:
            self._lock.close()
            raise


def check_writable(output: Path) -> None:
    """Raise SinkError if `output` cannot be written. Missing folders are allowed; they are made
    later."""
    reason = why_refused(output)
    with one_line(output):
        parents = output.absolute().parents
        folder = next((each for each in parents if each.exists()), parents[-1])
        if not folder.is_dir():
            reason = reason or f"{folder} is not a folder"
    if reason or not os.access(folder, os.W_OK):
        raise SinkError(
            f"{output}: cannot be written ({reason or f'no permission to write into {folder}'})"
        )


def file_key(path: Path) -> list[Any]:
    """Fingerprint of a file by path, size and time; changes when the file does."""
    known = path.stat()
    return [str(path.resolve()), known.st_size, known.st_mtime_ns]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal. Raises OSError."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _try_lock(file: FileIO) -> bool:
    """Take an exclusive lock; False if another process has it. OSError if the disk has no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # Windows raises the second
        return False
    return True


def one_line(output: Path) -> contextlib.AbstractContextManager[None]:
    """Turn an OSError while writing `output` into SinkError."""
    return refused(f"{output}: cannot be written", SinkError)
