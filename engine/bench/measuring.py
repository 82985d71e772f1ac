"""Run a measurement in a separate process, with the environment of child processes.

On Linux this includes allocator settings that make large temporaries cheap, for all contenders alike.
"""

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
    """Run `main()` of `module` with the arguments `asked` (plain values, including `threads`); returns its result.

    ModelError, in one line, if it fails or dies. `waiting`: OpenMP's wait policy; None: that of child processes.
    """
    environment = {**os.environ, **child_environment(), "OMP_NUM_THREADS": str(asked["threads"])}
    if waiting is not None:
        environment = {name: value for name, value in environment.items() if name not in openmp.VARIABLES}
        environment |= waiting
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
            message = json.loads(line)
            if "result" in message:
                result: dict[str, Any] = message["result"]
                return result
            if "error" in message:
                raise ModelError(message["error"])
            progress(message["stage"], message["done"])
        reasons = [exit_reason(process.wait()), stderr_file.crash_summary(stderr_file.read_tail(errors))]
    raise ModelError(f"the measurement ended without a result: {'; '.join(filter(None, reasons))}")


def answer(measure: Callable[..., dict[str, Any]]) -> None:
    """In the measuring process: call `measure` with its arguments and `progress`, print JSON lines."""
    faulthandler.enable()

    def write_line(**line: Any) -> None:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    try:
        asked = json.loads(sys.argv[1])
        write_line(result=measure(**asked, progress=lambda stage, done: write_line(stage=stage, done=done)))
    except MultiverseError as error:
        write_line(error=str(error))
