"""The progress callback of benchmarks; the command line draws the bar."""

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""`progress(stage, done)`, done in 0..1."""


def no_progress(stage: str, done: float) -> None:
    return None
