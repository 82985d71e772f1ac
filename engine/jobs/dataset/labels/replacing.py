"""Replaces a text file at once, written in pieces."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from engine.system.atomic_file import move_into_place, remove_file


@contextmanager
def replaced(path: Path) -> Iterator[TextIO]:
    """A new file, ASCII, that replaces the one at `path` when the block ends; an error leaves the old one."""
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("w", encoding="ascii", newline="\n") as file:
            yield file
        move_into_place(new, path)
    except BaseException:
        remove_file(new, missing_ok=True)
        raise
