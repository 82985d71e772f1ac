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
from engine.errors import ModelError, MultiverseError, in_one_line
from engine.system import openmp
from engine.system.python_process import command, exit_reason, utf8_environment

KEY = "multiverse bench"


def in_own_process(
    module: str, asked: dict[str, Any], progress: Progress, *, waiting: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run `main()` of `module` with the arguments `asked` (plain values, including `threads`); returns its result.

    If it fails or dies: what it found before, with FAILED; without that, ModelError in one line. `waiting`: OpenMP's
    wait policy; None: that of child processes. What libraries print between the lines of JSON only counts in errors.
    """
    environment = {**os.environ, **child_environment(), "OMP_NUM_THREADS": str(asked["threads"])}
    if waiting is not None:
        environment = {name: value for name, value in environment.items() if name not in openmp.VARIABLES}
        environment |= waiting
    printed = ""
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
        try:
            for line in process.stdout:
                message = _message(line)
                if message is None:
                    printed = line.strip() or printed
                    continue
                progress.found = message["found"]
                if message["is_done"]:
                    return progress.found
                if "error" in message:
                    return _ended(progress, ModelError(message["error"]))
                progress(message["part"], message["done"])
        except KeyboardInterrupt:
            process.kill()  # it would keep the device until its next line
            raise
        reasons = [exit_reason(process.wait()), stderr_file.crash_summary(stderr_file.read_tail(errors)), printed]
    return _ended(progress, ModelError(f"the measurement ended early: {'; '.join(filter(None, reasons))}"))


def _ended(progress: Progress, error: ModelError) -> dict[str, Any]:
    """The findings up to the error; raises it if there are none."""
    found = progress.failed(error)
    if not found:
        raise error
    return found


def answer(measure: Callable[..., dict[str, Any]]) -> None:
    """In the measuring process: call `measure` with its arguments and `progress`, print JSON lines.

    Any error hands over what was found up to it. An unexpected one ends the process with its traceback, too.
    """
    faulthandler.enable()

    def write_line(**line: Any) -> None:
        # The newline before it: a library may have printed a line that it has not ended.
        sys.stdout.write("\n" + json.dumps({KEY: {"found": progress.found, "is_done": False} | line}) + "\n")
        sys.stdout.flush()

    progress = Progress(lambda part, done: write_line(part=part, done=done))
    try:
        progress.found = measure(**json.loads(sys.argv[1]), progress=progress)
        write_line(is_done=True)
    except Exception as error:
        write_line(error=in_one_line(error))
        if not isinstance(error, MultiverseError):
            raise


def _message(line: str) -> dict[str, Any] | None:
    """A line of ours; None for what else is printed."""
    try:
        message: dict[str, Any] = json.loads(line)[KEY]
    except (ValueError, LookupError, TypeError):
        return None
    return message
