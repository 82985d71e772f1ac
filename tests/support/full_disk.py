"""A disk that is full, for this process and those that it starts."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def no_file_over(size_bytes: int) -> Iterator[None]:
    """Refuse larger files in this block, as a full disk does. Not on Windows."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        with pytest.MonkeyPatch.context() as patch:
            # Bytecode that was cut off would fail the next import, here or in a process that is
            # started now.
            patch.setattr(sys, "dont_write_bytecode", True)
            patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
