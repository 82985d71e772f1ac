"""Names for new files that never overwrite anything: if a name exists, the new file gets a number."""

import itertools
import time
from pathlib import Path

from engine.errors import SinkError
from engine.sinks.sink import Picture, picture_name


def dated_file(folder: Path, picture: Picture, wall_s: float, suffix: str) -> Path:
    """A path such as `folder/multiverse 2025-11-20 19.30.05.mp4`, or `multiverse SD ...`, in local time. No colons,
    which Windows refuses. Pure."""
    stem = picture_name(picture, "multiverse")
    return folder / (stem + time.strftime(" %Y-%m-%d %H.%M.%S", time.localtime(wall_s)) + suffix)


def make_folder(kind: str, path: Path) -> None:
    """Create the folder of `path` and its parents. SinkError if that fails."""
    try:
        folder = path.absolute().parent
    except FileNotFoundError:  # the current folder was deleted
        raise SinkError(
            f"{kind}: {path} is relative to the current folder, which was deleted; give an absolute path"
        ) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"{kind}: cannot create the folder {folder}: {error.strerror or error}") from error


def check_suffix(kind: str, path: Path, allowed: tuple[str, ...]) -> None:
    if path.suffix.lower() not in allowed:
        raise SinkError(f"{kind}: {path.name!r} must end in {' or '.join(allowed)}")


def reserve(kind: str, wanted: Path, suffix: str = "") -> Path:
    """Create an empty file and return its path: `wanted`, or with " 2", " 3", ... before the suffix if that exists.

    `suffix`: the end of the name that stays; "" for what follows the last dot. Atomic: two engines that call at once
    get two files. SinkError if the folder cannot be written.
    """
    suffix = suffix or wanted.suffix
    stem = wanted.name.removesuffix(suffix)
    for path in itertools.chain([wanted], (wanted.with_name(f"{stem} {n}{suffix}") for n in itertools.count(2))):
        try:
            path.open("xb").close()
        except FileExistsError:
            continue
        except OSError as error:
            raise SinkError(f"{kind}: cannot write {path}: {error.strerror}") from error
        return path
    raise AssertionError  # `count` never ends
