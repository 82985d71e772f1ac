"""Names for files that must not overwrite anything: what exists keeps its name, the new one gets a number."""

import itertools
import time
from pathlib import Path

from engine.errors import SinkError
from engine.sinks.sink import Picture, picture_name


def dated_file(folder: Path, picture: Picture, wall_s: float, suffix: str) -> Path:
    """Like `folder/multiverse 2025-11-20 19.30.05.mp4`, or `multiverse SD ...`, in local time and without a colon,
    which Windows refuses. Pure."""
    stem = picture_name(picture, "multiverse")
    return folder / (stem + time.strftime(" %Y-%m-%d %H.%M.%S", time.localtime(wall_s)) + suffix)


def check_folder(kind: str, path: Path, record_folder: Path) -> None:
    """Raise SinkError when the folder of `path` is not there. The record folder is made when it is wanted."""
    folder = path.absolute().parent
    try:
        if folder == record_folder.absolute():
            folder.mkdir(parents=True, exist_ok=True)
        is_there = folder.is_dir()
    except OSError as error:
        raise SinkError(f"{kind}: cannot use the folder {folder}: {error.strerror}") from error
    if not is_there:
        raise SinkError(f"{kind}: there is no folder {folder}")


def check_suffix(kind: str, path: Path, allowed: tuple[str, ...]) -> None:
    if path.suffix.lower() not in allowed:
        raise SinkError(f"{kind}: {path.name!r} must end in {' or '.join(allowed)}")


def reserve(kind: str, wanted: Path) -> Path:
    """Create an empty file and return its path: `wanted`, or with " 2", " 3", ... before the suffix where
    that exists.

    Two engines that ask at once get two files. Raises SinkError when the folder cannot be written.
    """
    for path in itertools.chain([wanted], (wanted.with_stem(f"{wanted.stem} {n}") for n in itertools.count(2))):
        try:
            path.open("xb").close()
        except FileExistsError:
            continue
        except OSError as error:
            raise SinkError(f"{kind}: cannot write {path}: {error.strerror}") from error
        return path
    raise AssertionError  # the numbers do not end
