"""The progress of a benchmark, and what it has found so far, which is handed over even if a later part fails."""

from collections.abc import Callable
from typing import Any

from engine.errors import in_one_line

FAILED = "failed"
"""The key of a result that is not complete: the part that failed, and the reason."""


class Progress:
    """Call it with the name of the part that begins and the share done, 0..1. One thread."""

    def __init__(self, show: Callable[[str, float], None] = lambda part, done: None) -> None:
        self.found: dict[str, Any] = {}
        """The figures found so far."""
        self._show = show
        self._part = ""

    def begin(self, found: dict[str, Any]) -> dict[str, Any]:
        """The first figures, to be added to."""
        self.found = found
        return found

    def __call__(self, part: str, done: float) -> None:
        self._part = part
        self._show(part, done)

    def failed(self, error: BaseException) -> dict[str, Any]:
        """The findings up to this error, with the part that failed; {} if no part had begun."""
        if not (self.found and self._part):
            return {}
        return self.found | {FAILED: {"part": self._part, "reason": in_one_line(error)}}
