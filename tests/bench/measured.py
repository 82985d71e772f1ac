"""A trivial measurement, to test the measuring process."""

import os
from typing import Any

from engine.bench.measuring import answer
from engine.bench.progress import Progress
from engine.errors import ModelError


def main() -> None:
    answer(_measure)


def _measure(*, threads: int, then: str, progress: Progress) -> dict[str, Any]:
    if then == "refuse":
        raise ModelError(f"threads: {threads} is not 1")
    result = progress.begin({"threads": threads})
    progress("first", 0.0)
    print("a library says hello")
    print("[1, 2]")
    result["first"] = 1.5
    progress("second", 0.5)
    if then == "fail":
        result["second"] = 2.5
        print("a library that does not end its line", end="")
        raise ModelError("no memory")
    if then == "raise":
        result["second"] = 2.5
        raise RuntimeError("no device")
    if then == "die":
        print("assertion failed in a driver", flush=True)
        os._exit(3)
    return result
