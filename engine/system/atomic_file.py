"""Replaces files atomically and durably, and waits on Windows for programs that hold a file for a
moment.

On Windows a file that any program has open cannot be replaced, renamed or deleted unless that
program shared deletion. Virus scanners, OneDrive and the search indexer open each new file for some
milliseconds, and Python's `open` does not share deletion. So `os.replace` of a file that was just
written, or reading one that is being replaced, raises PermissionError (WinError 5 or 32) now and
then. There we retry with growing delays for a bounded time, as Go's own tools
(cmd/internal/robustio in golang/go: 2 s) and Node's graceful-fs (60 s) do. This is the only module
that renames (checked by tests/architecture). Every function here waits for the disk: call
none on a thread that draws.
"""

import errno
import logging
import os
import shutil
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

MAX_WAIT_S: Final = 5.0
"""Longest wait for a program that has a file open, on Windows."""
MAX_LIVE_WAIT_S: Final = 2.0
"""The same when closing the engine waits for it: autosave and presets have 5 s in all."""
MAX_JOB_WAIT_S: Final = 60.0
"""The same for the output of a job that may have taken hours. Virus scanners hold large files for
many seconds."""
MAX_SILENT_S: Final = 1.0  # after this the log names the file that a job waits for
FIRST_DELAY_S: Final = 0.01
MAX_DELAY_S: Final = 0.25

# Errors of file systems that cannot flush (network shares, FUSE), or that do not let a folder be
# opened.
CANNOT_FLUSH: Final = frozenset(
    {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF}
)

log = logging.getLogger(__name__)


class FileInUseError(PermissionError):
    """Another program holds the file open, or it is write-protected. Raised on Windows only, after
    the last retry."""


def write_atomic(path: Path, content: str | bytes) -> None:
    """Replace the file at `path` by `content`, text in UTF-8; creates the folder. Raises OSError.

    It writes a new file beside it, flushes it, then renames it: a crash or a full disk leaves the
    old file. Raises FileInUseError if another program holds the old file for 2 s, or it is
    write-protected. The new content is then stored beside it, and the error names that file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = unfinished_path(path, threading.get_ident())
    # Only a file left by an earlier error can be in use. A folder that takes no new files is an
    # error at once.
    timeout_s = MAX_LIVE_WAIT_S if unfinished.exists() else 0.0
    file = when_free(lambda: unfinished.open("wb"), unfinished, timeout_s=timeout_s)
    try:
        with file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            with _unless_unsupported():
                # by this handle: opening it again could fail while a scanner has it
                os.fsync(file.fileno())
        replace_file(unfinished, path)
    except FileInUseError as error:
        reason = f"{error.strerror}; the new content is kept in {unfinished.name}"
        raise FileInUseError(errno.EACCES, reason, str(path)) from error
    except BaseException:
        with suppress(OSError):  # the first error is the one to report
            remove_file(unfinished, missing_ok=True)
        raise
    sync_folder(path.parent)


def unfinished_path(path: Path, thread: int) -> Path:
    """Path of the new file while `write_atomic` runs on this thread. Unique per `path`, because it
    may stay."""
    own = zlib.crc32(os.fsencode(path.name))
    return path.with_name(f".{path.stem[:32]}-{own:08x}-{os.getpid()}-{thread}.tmp")


def move_into_place(finished: Path, path: Path, *, timeout_s: float = MAX_WAIT_S) -> None:
    """Rename a closed file to `path`, in the same folder or filesystem, replacing what is there.
    Raises OSError. Content and name are on the disk when it returns, so a file that was reported as
    finished survives a power cut. This takes some milliseconds. FileInUseError leaves `finished` as
    it is."""
    sync_file(finished)
    replace_file(finished, path, timeout_s=timeout_s)
    sync_folder(path.parent)


def replace_file(source: Path, path: Path, *, timeout_s: float = MAX_LIVE_WAIT_S) -> None:
    """Rename a file, replacing the one at `path`, without flushing. Raises OSError."""
    when_free(
        partial(_unless_protected, partial(os.replace, source, path), path),
        path,
        timeout_s=timeout_s,
    )


def remove_file(
    path: Path, *, missing_ok: bool = False, timeout_s: float = MAX_LIVE_WAIT_S
) -> None:
    """Delete a file. Raises OSError."""
    unlink = partial(path.unlink, missing_ok=missing_ok)
    when_free(partial(_unless_protected, unlink, path), path, timeout_s=timeout_s)


def remove_folder(path: Path, *, timeout_s: float = MAX_LIVE_WAIT_S) -> None:
    """Delete a folder with its content. Raises OSError."""
    when_free(lambda: shutil.rmtree(path), path, timeout_s=timeout_s)


def when_free(action: Callable[[], T], path: Path, *, timeout_s: float = MAX_WAIT_S) -> T:
    """Return `action()`, which uses the file or folder `path`. On Windows it is retried for up to
    `timeout_s` seconds while another program holds the file; then FileInUseError. Elsewhere it is
    called once."""
    if sys.platform != "win32" or timeout_s <= 0:
        return action()
    waited_s = 0.0
    is_logged = False
    for delay_s in retry_delays_s(timeout_s):
        try:
            return action()
        except OSError as error:
            if not _is_in_use(error) or isinstance(error, FileInUseError):
                raise
        if timeout_s > MAX_WAIT_S and waited_s > MAX_SILENT_S and not is_logged:
            log.warning("%s: another program has it open; trying again for %g s", path, timeout_s)
            is_logged = True
        time.sleep(delay_s)
        waited_s += delay_s
    try:
        return action()
    except OSError as error:
        if not _is_in_use(error):
            raise
        reason = f"another program has had it open for {timeout_s:g} s, or there is no permission"
        raise FileInUseError(errno.EACCES, reason, str(path)) from error


def retry_delays_s(timeout_s: float) -> Iterator[float]:
    """Seconds between attempts: doubling from 10 ms to 250 ms, `timeout_s` in all. Pure."""
    delay_s = FIRST_DELAY_S
    left_s = timeout_s
    while left_s > 0:
        yield min(delay_s, left_s)
        left_s -= delay_s
        delay_s = min(2 * delay_s, MAX_DELAY_S)


def sync_file(path: Path) -> None:
    """Flush a closed file's content to the disk. Raises OSError, also for earlier writes that
    failed."""
    _sync(path, os.O_RDWR)  # Windows flushes only files opened for writing


def sync_folder(folder: Path) -> None:
    """Flush a folder's file names to the disk. Windows has no such call and needs none. Never
    raises. It is called after the rename, when the file is in place, so an error is only logged."""
    if os.name == "nt":
        return
    try:
        _sync(folder, os.O_RDONLY)
    except OSError as error:
        effect = "its files are written, but a power cut may lose their names"
        log.warning(
            "%s: cannot be flushed to the disk (%s); %s", folder, error.strerror or error, effect
        )


def _sync(path: Path, flags: int) -> None:
    with _unless_unsupported():
        handle = when_free(lambda: os.open(path, flags), path, timeout_s=MAX_LIVE_WAIT_S)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _unless_unsupported() -> Iterator[None]:
    """Ignore the errors of file systems that cannot flush."""
    try:
        yield
    except OSError as error:
        if error.errno not in CANNOT_FLUSH:
            raise


def _unless_protected(action: Callable[[], None], path: Path) -> None:
    """Run `action`. Raises FileInUseError at once for a read-only file. Windows returns the same
    error as for an open file, but a retry cannot succeed. Other systems allow replacing it."""
    try:
        action()
    except PermissionError as error:
        if sys.platform == "win32" and os.path.isfile(path) and not os.access(path, os.W_OK):
            reason = "it is write-protected: clear Read-only in its properties"
            raise FileInUseError(errno.EACCES, reason, str(path)) from error
        raise


def _is_in_use(error: OSError) -> bool:
    """True for Windows' errors about a file open elsewhere, or a folder whose files are still being
    deleted."""
    is_folder_there = os.path.isdir(error.filename2 or "")  # no file can ever be renamed to it
    return error.errno == errno.ENOTEMPTY or (
        isinstance(error, PermissionError) and not is_folder_there
    )
