"""A measurement in a process of its own, with the environment of children, which costs or gains all alike: on Linux its
allocator settings make large temporaries cheap."""

import faulthandler
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from engine.bench.progress import Progress
from engine.children import stderr_file
from engine.children.spec import child_environment
from engine.errors import ModelError, MultiverseError
from engine.system import openmp
from engine.system.python_process import command, exit_reason, utf8_environment


def in_own_process(
    module: str, asked: dict[str, Any], progress: Progress, *, waiting: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What `main()` of `module` measures when asked so (plain values; `threads` of a CPU among them). ModelError for
    what it refuses, and where it dies, in one line. `waiting`: how OpenMP's threads wait; None: as in children."""
    environment = {**os.environ, **child_environment(), "OMP_NUM_THREADS": str(asked["threads"])}
    if waiting is not None:
        environment = {name: value for name, value in environment.items() if name not in openmp.VARIABLES} | waiting
    with (
        stderr_file.create() as errors,
        subprocess.Popen(
            [*command(module, "main()"), json.dumps(asked)],
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            errors="replace",
            env=environment | utf8_environment(),
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line)
            if "result" in told:
                return told["result"]
            if "error" in told:
                raise ModelError(told["error"])
            progress(told["stage"], told["done"])
        reasons = [exit_reason(process.wait()), stderr_file.gist(stderr_file.tail_of(errors))]
    raise ModelError(f"the measurement ended without a result: {'; '.join(filter(None, reasons))}")


def answer(measure: Callable[..., dict[str, Any]]) -> None:
    """The measuring process: JSON lines on its standard output. `measure` is called with what was asked and
    `progress`."""
    faulthandler.enable()

    def tell(**line: Any) -> None:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    try:
        tell(result=measure(**json.loads(sys.argv[1]), progress=lambda stage, done: tell(stage=stage, done=done)))
    except MultiverseError as error:
        tell(error=str(error))
