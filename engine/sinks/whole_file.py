"""Files that nobody sees under their own name before they are whole: written beside it and moved there at the end."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import SinkError


def partial_path(path: Path) -> Path:
    """Where it is written until it is whole."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


@contextmanager
def one_line(path: Path) -> Iterator[None]:
    """The system's error as SinkError."""
    try:
        yield
    except OSError as error:
        raise SinkError(f"{path}: cannot be written ({error.strerror or error})") from error
