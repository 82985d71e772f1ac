"""Replace files atomically and durably, and wait on Windows for programs that hold a file for a moment.

Problem: on Windows a file that any program has open cannot be replaced, renamed or deleted unless that program shared
deletion when it opened the file, and may not be opened for writing either. Virus scanners, OneDrive and the search
indexer open each new file for some milliseconds, and Python's own `open` does not share deletion. So `os.replace` of a
file that was just written raises PermissionError (WinError 5 or 32) now and then; reading a file that is being replaced
does too.

Solution: on Windows, retry with growing delays for a bounded time. Go's own tools do the same (cmd/internal/robustio
in golang/go: 2 s), and Node's graceful-fs for renames (60 s). This is the only module that renames (held by
tests/test_architecture.py). Every function here waits for the disk: call none on a thread that draws.
"""

import errno
import logging
import os
import shutil
import stat
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

MAX_HELD_S: Final = 5.0
"""Longest wait for a program that holds a file, on Windows."""
MAX_HELD_LIVE_S: Final = 2.0
"""The same where the end of a show waits for it: autosave and presets get 5 s at the end for all they do."""
MAX_HELD_JOB_S: Final = 60.0
"""The same for the output of a job that may have taken hours. A scanner reads a large film for many seconds."""
MAX_SILENT_S: Final = 1.0  # then the log says what a job waits for
FIRST_DELAY_S: Final = 0.01
MAX_DELAY_S: Final = 0.25

# What filesystems say that cannot flush (network shares, FUSE), or that let nobody open a folder.
CANNOT_FLUSH: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF})

log = logging.getLogger(__name__)


class HeldFileError(PermissionError):
    """Another program kept a file open for all the time we waited, or it is write-protected. Raised on Windows only."""


def write_atomic(path: Path, content: str | bytes) -> None:
    """Replace what is at `path` by `content`, text in UTF-8; creates the folder. Raises OSError.

    Written beside it, flushed to the disk, then renamed: a crash or a full disk leaves the old file. HeldFileError
    where another program holds the old file for 2 s, or it is write-protected; the new content is then kept beside it,
    and the error names it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = unfinished_path(path, threading.get_ident())
    # Only one that an earlier error has kept can be held; a folder that takes no new files is told at once.
    patience_s = MAX_HELD_LIVE_S if unfinished.exists() else 0.0
    file = when_free(lambda: unfinished.open("wb"), unfinished, patience_s=patience_s)
    try:
        with file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            _flush(file.fileno())  # by this handle: opening it again could fail while a scanner has it
        replace_file(unfinished, path)
    except HeldFileError as error:
        kept = f"{error.strerror}; the new content is kept in {unfinished.name}"
        raise HeldFileError(errno.EACCES, kept, str(path)) from error
    except BaseException:
        with suppress(OSError):  # the error before it is the one to tell
            remove_file(unfinished, missing_ok=True)
        raise
    sync_folder(path.parent)


def unfinished_path(path: Path, thread: int) -> Path:
    """Path that `write_atomic` writes to on this thread: beside it, and for no other file, for it may be kept there."""
    own = zlib.crc32(os.fsencode(path.name))
    return path.with_name(f".{path.stem[:32]}-{own:08x}-{os.getpid()}-{thread}.tmp")


def move_into_place(finished: Path, path: Path, *, patience_s: float = MAX_HELD_S) -> None:
    """Rename a closed file to `path`, in the same folder or filesystem, replacing what is there. Raises OSError.

    The content and then the name are on the disk when this returns, so that a power cut takes neither: what is told
    as finished is there afterwards. It takes some milliseconds. HeldFileError leaves `finished` as it is.
    """
    sync_file(finished)
    replace_file(finished, path, patience_s=patience_s)
    sync_folder(path.parent)


def replace_file(source: Path, path: Path, *, patience_s: float = MAX_HELD_LIVE_S) -> None:
    """Rename a file, replacing what is at `path`, without flushing. Raises OSError."""
    replace = partial(os.replace, source, path)
    when_free(partial(_unless_protected, replace, path), path, patience_s=patience_s)


def remove_file(path: Path, *, missing_ok: bool = False, patience_s: float = MAX_HELD_LIVE_S) -> None:
    """Delete a file. Raises OSError."""
    unlink = partial(path.unlink, missing_ok=missing_ok)
    when_free(partial(_unless_protected, unlink, path), path, patience_s=patience_s)


def remove_folder(path: Path, *, patience_s: float = MAX_HELD_LIVE_S) -> None:
    """Delete a folder and all that is in it. Raises OSError."""
    when_free(lambda: shutil.rmtree(path), path, patience_s=patience_s)


def when_free(action: Callable[[], T], path: Path, *, patience_s: float = MAX_HELD_S) -> T:
    """Return `action()`, which uses the file or folder `path`.

    On Windows it is retried for up to `patience_s` seconds while the system refuses it as another program's file does;
    then HeldFileError, in words for one line. Elsewhere it is simply called.
    """
    if sys.platform != "win32" or patience_s <= 0:
        return action()
    waited_s, is_told = 0.0, False
    for delay_s in retry_delays_s(patience_s):
        try:
            return action()
        except OSError as error:
            if not _is_held(error) or isinstance(error, HeldFileError):
                raise
        if patience_s > MAX_HELD_S and waited_s > MAX_SILENT_S and not is_told:
            log.warning("%s: another program has it open; trying again for %g s", path, patience_s)
            is_told = True
        time.sleep(delay_s)
        waited_s += delay_s
    try:
        return action()
    except OSError as error:
        if not _is_held(error):
            raise
        reason = f"another program has had it open for {patience_s:g} s, or there is no permission"
        raise HeldFileError(errno.EACCES, reason, str(path)) from error


def retry_delays_s(patience_s: float) -> Iterator[float]:
    """Seconds between attempts: doubling from 10 ms to 250 ms, `patience_s` in all. Pure."""
    delay_s, left_s = FIRST_DELAY_S, patience_s
    while left_s > 0:
        yield min(delay_s, left_s)
        left_s -= delay_s
        delay_s = min(2 * delay_s, MAX_DELAY_S)


def sync_file(path: Path) -> None:
    """Return when a closed file's content is on the disk. Raises OSError, also for what could not be written before."""
    _sync(path, os.O_RDWR)  # Windows flushes only what may be written


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder are on the disk; Windows has no such call and needs none. Never raises.

    It comes after the rename: the file is there under its name, so an error here is only logged.
    """
    if os.name == "nt":
        return
    try:
        _sync(folder, os.O_RDONLY)
    except OSError as error:
        log.warning(
            "%s: cannot be flushed to the disk (%s); its files are written, but a power cut may still take new names",
            folder,
            error.strerror or error,
        )


def _sync(path: Path, flags: int) -> None:
    try:
        handle = when_free(lambda: os.open(path, flags), path, patience_s=MAX_HELD_LIVE_S)
    except OSError as error:
        if error.errno not in CANNOT_FLUSH:
            raise
        return
    try:
        _flush(handle)
    finally:
        os.close(handle)


def _flush(handle: int) -> None:
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in CANNOT_FLUSH:
            raise


def _unless_protected(action: Callable[[], None], path: Path) -> None:
    """Do it. HeldFileError, at once, for a file with the attribute Read-only: Windows refuses it with the same error as
    one that is open, and other systems let it be replaced."""
    try:
        action()
    except PermissionError as error:
        if sys.platform == "win32" and _is_protected(path):
            reason = "it is write-protected: clear Read-only in its properties"
            raise HeldFileError(errno.EACCES, reason, str(path)) from error
        raise


def _is_protected(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and not mode & stat.S_IWRITE  # of a folder the attribute means something else


def _is_held(error: OSError) -> bool:
    """True for what Windows says of a file that is open elsewhere, and of a folder whose files are being deleted."""
    return isinstance(error, PermissionError) or error.errno == errno.ENOTEMPTY
