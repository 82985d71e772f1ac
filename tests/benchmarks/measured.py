"""A trivial measurement, to test the measuring process."""

import os
from dataclasses import dataclass
from typing import Any

from engine.errors import ModelError
from tests.benchmarks.measuring import Progress


@dataclass(frozen=True)
class Options:
    threads: int
    then: str


def measure(options: Options, progress: Progress) -> dict[str, Any]:
    if options.then == "refuse":
        raise ModelError(f"threads: {options.threads} is not 1")
    result = progress.begin({"threads": options.threads})
    progress("first", 0.0)
    print("a library says hello")
    print("[1, 2]")
    result["first"] = 1.5
    progress("second", 0.5)
    if options.then == "fail":
        result["second"] = 2.5
        print("a library that does not end its line", end="")
        raise ModelError("no memory")
    if options.then == "raise":
        result["second"] = 2.5
        raise RuntimeError("no device")
    if options.then == "die":
        print("assertion failed in a driver", flush=True)
        os._exit(3)
    return result
