"""Names for files that must not overwrite anything: what exists keeps its name, the new one gets a number."""

import itertools
import time
from pathlib import Path

from engine.errors import SinkError
from engine.sinks.sink import Picture, picture_name


def dated_file(folder: Path, picture: Picture, wall_s: float, suffix: str) -> Path:
    """Like `folder/multiverse 2025-11-20 19.30.05.mp4` in local time, without colons because Windows refuses them. The
    name of an extra picture is longer: `multiverse ADDITION ...`. Pure."""
    stem = picture_name(picture, "multiverse")
    return folder / (stem + time.strftime(" %Y-%m-%d %H.%M.%S", time.localtime(wall_s)) + suffix)


def make_folder(kind: str, path: Path) -> None:
    """Make the folder of `path`, and those above it, where they are missing. SinkError when that fails."""
    try:
        folder = path.absolute().parent
    except FileNotFoundError:  # somebody has removed the working folder
        raise SinkError(
            f"{kind}: {path} is in the working folder, which is gone; give a path that begins at the root"
        ) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"{kind}: cannot make the folder {folder}: {error.strerror or error}") from error


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
