"""Replaces files atomically: a kill at any moment leaves the old or the new one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from engine.system.atomic_file import move_into_place, remove_file


@contextmanager
def open_replacement(path: Path) -> Iterator[TextIO]:
    """Open a new ASCII file that replaces the one at `path` when the block ends; an error leaves
    the old one."""
    with replacement_path(path) as new, new.open("w", encoding="ascii", newline="\n") as file:
        yield file


@contextmanager
def replacement_path(path: Path) -> Iterator[Path]:
    """Yield the path of a new file that replaces the one at `path` in the same way."""
    new = path.with_name(f".{path.name}.new")
    try:
        yield new
        move_into_place(new, path)
    except BaseException:
        remove_file(new, missing_ok=True)
        raise
