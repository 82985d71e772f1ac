"""A trivial measurement, to test the measuring process."""

from typing import Any

from engine.bench.measuring import answer
from engine.bench.progress import Progress
from engine.errors import ModelError


def main() -> None:
    answer(_measure)


def _measure(*, threads: int, progress: Progress) -> dict[str, Any]:
    progress("half", 0.5)
    if threads == 0:
        raise ModelError("threads: 0 is not positive")
    if threads < 0:
        raise RuntimeError(f"threads: {threads} is not positive")
    return {"threads": threads}
