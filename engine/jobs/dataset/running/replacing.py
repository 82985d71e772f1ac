"""Replaces a file by one that is written in steps."""

from collections.abc import Callable
from pathlib import Path

from engine.system.atomic_file import move_into_place, remove_file


def replace_with(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with the path of a new file, then replace the old one, which stays until the new one is complete.

    A kill at any moment leaves the old or the new file. Raises OSError and what `write` raises.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        write(new)
        move_into_place(new, path)
    except BaseException:
        remove_file(new, missing_ok=True)
        raise
