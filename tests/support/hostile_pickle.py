"""Pickles that run something when they are loaded."""

from collections.abc import Callable
from typing import Any


class Call:
    """Pickled, it calls `function(*arguments)` when loaded."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call
