"""A file that is either the old one or the new one, whatever happens in between."""

import os
import threading
from pathlib import Path


def write_atomic(path: Path, text: str) -> None:
    """Replace what is at `path` by `text` in UTF-8; creates the folder. Raises OSError.

    Written beside it, flushed to the disk, then renamed: a crash or a full disk leaves the old file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.stem[:32]}-{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with open(unfinished, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself last through a power cut; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
