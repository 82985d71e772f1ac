"""Files that are either the old one or the new one, whatever happens in between, and on the disk when they are done."""

import errno
import os
import threading
from pathlib import Path
from typing import Final

# What filesystems say that cannot flush (network shares, FUSE), or that let nobody open a folder.
CANNOT_FLUSH: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF})


def write_atomic(path: Path, content: str | bytes) -> None:
    """Replace what is at `path` by `content`, text in UTF-8; creates the folder. Raises OSError.

    Written beside it, flushed to the disk, then renamed: a crash or a full disk leaves the old file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.stem[:32]}-{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        unfinished.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        move_into_place(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def move_into_place(finished: Path, path: Path) -> None:
    """Rename a closed file to `path`, in the same folder or filesystem, replacing what is there. Raises OSError.

    The content and then the name are on the disk when this returns, so that a power cut takes neither: what is told
    as finished is there afterwards. It takes some milliseconds.
    """
    sync_file(finished)
    os.replace(finished, path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Return when a closed file's content is on the disk. Raises OSError, also for what could not be written before."""
    _sync(path, os.O_RDWR)  # Windows flushes only what may be written


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder are on the disk; Windows has no such call and needs none. Raises OSError."""
    if os.name != "nt":
        _sync(folder, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    try:
        handle = os.open(path, flags)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in CANNOT_FLUSH:
            raise
