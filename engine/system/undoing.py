"""Undoes the begin of a step whose rest fails."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def undo_on_error(undo: Callable[[], object]) -> Iterator[None]:
    """Call `undo()` if the block raises anything, also an interrupt; the error is raised again."""
    try:
        yield
    except BaseException:
        undo()
        raise
