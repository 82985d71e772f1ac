"""Replaces a file by one that is written in steps: a kill at any moment leaves the old or the new one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from engine.system.atomic_file import move_into_place, remove_file


@contextmanager
def replaced(path: Path) -> Iterator[TextIO]:
    """A new file, ASCII, that replaces the one at `path` when the block ends; an error leaves the old one."""
    with new_path(path) as new, new.open("w", encoding="ascii", newline="\n") as file:
        yield file


@contextmanager
def new_path(path: Path) -> Iterator[Path]:
    """The path of a new file, which replaces the one at `path` likewise."""
    new = path.with_name(f".{path.name}.new")
    try:
        yield new
        move_into_place(new, path)
    except BaseException:
        remove_file(new, missing_ok=True)
        raise
