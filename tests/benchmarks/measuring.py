"""The progress of a measurement, and how it runs in a separate process with the environment of
child processes.

On Linux this environment includes allocator settings that make large temporaries cheap, for all
contenders alike.
"""

import base64
import faulthandler
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.children import stderr_file
from engine.children.spec import child_environment
from engine.config import Config, build_config
from engine.errors import ModelError, MultiverseError, in_one_line
from engine.system.python_process import command, exit_reason, utf8_environment
from tests.benchmarks.options import LoopBench

if TYPE_CHECKING:
    from engine.app import Engine
    from tests.benchmarks.device_measuring import MeasuredDevice

FAILED = "failed"
"""The key of a result that is not complete: the part that failed, and the reason."""
KEY = "multiverse bench"


class Progress:
    """Progress of a measurement: call it with the name of the part that begins and the fraction
    done, 0..1.

    One thread. Keeps the figures found so far, which are reported even if a later part fails."""

    def __init__(self, show: Callable[[str, float], None] = lambda part, done: None) -> None:
        self.figures: dict[str, Any] = {}
        self._show = show
        self._part = ""

    def begin(self, figures: dict[str, Any]) -> dict[str, Any]:
        """Set the first figures; the caller adds to them."""
        self.figures = figures
        return figures

    def __call__(self, part: str, done: float) -> None:
        self._part = part
        self._show(part, done)

    def failed(self, error: BaseException) -> dict[str, Any]:
        """The findings up to this error, with the part that failed; {} if no part had begun."""
        if not (self.figures and self._part):
            return {}
        return self.figures | {FAILED: {"part": self._part, "reason": in_one_line(error)}}


def show_config(options: LoopBench, **others: Any) -> Config:
    """A configuration with the demo sound and without outputs."""
    picture = {"width": options.size.width, "height": options.size.height, "fps": options.fps}
    return build_config({**picture, "audio": "demo", "sinks": ("null",), **others})


def percentiles(values: Sequence[float], **percents: float) -> dict[str, float]:
    """Each percentile under its name, with three decimals."""
    return {
        name: round(float(np.percentile(values, percent)), 3) for name, percent in percents.items()
    }


def stage_times(
    stages_ms: dict[str, float], total_ms: float, pieces: int = 1
) -> dict[str, dict[str, float]]:
    """Time of each stage for one of `pieces`, and its fraction of the total; `other` is the
    rest."""
    rest = {"other": max(total_ms - sum(stages_ms.values()), 0.0)}
    return {
        name: {"ms": round(ms / pieces, 3), "share": round(ms / total_ms, 4)}
        for name, ms in (stages_ms | rest).items()
    }


def draw(
    engine: "Engine",
    seconds: float,
    *,
    until: Callable[[], bool] = lambda: False,
    on_frame: Callable[[], object] = lambda: None,
) -> list[float]:
    """Draw for `seconds`, or until `until()`; call `on_frame()` after each frame. Returns ms of
    work per frame."""
    work_ms = []
    for _ in engine.frames(count=round(seconds * engine.status().target_fps)):
        on_frame()
        work_ms.append(engine.times.work_ms(newest=1).max)
        if until():
            break
    return work_ms


def device_facts(target: "MeasuredDevice", unverified: Sequence[str]) -> dict[str, Any]:
    """The device, its precision and its speed of a matrix product: the first figures of a model's
    benchmark. `unverified`: what cannot be measured on a CPU.

    `matmul_tflops`: work per second of a large matrix product here, for comparison; a convolution
    may exceed it."""
    from tests.benchmarks.device_measuring import matmul_tflops

    facts: dict[str, Any] = {
        "device": target.name,
        "dtype": target.dtype_name,
        "threads": target.threads,
    }
    facts["matmul_tflops"] = round(matmul_tflops(target), 3)
    if target.kind == "cpu":
        facts["unverified without a device"] = list(unverified)
    return facts


def in_own_process(
    measure: Callable[[Any, Progress], dict[str, Any]], options: Any, progress: Progress
) -> dict[str, Any]:
    """Call `measure`, a function of a module, in a separate process; returns its result. `options`
    has `threads`.

    If it fails or dies: what it found before, with FAILED; without that, ModelError in one line.
    What libraries print between the lines of JSON only counts in errors."""
    environment = {**os.environ, **child_environment(), "OMP_NUM_THREADS": str(options.threads)}
    printed = ""
    with (
        stderr_file.create() as errors,
        subprocess.Popen(
            [
                *command(__name__, "answer()"),
                base64.b64encode(pickle.dumps((measure, options))).decode(),
            ],
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
                try:
                    message = json.loads(line)[KEY]
                except (ValueError, LookupError, TypeError):  # printed by a library
                    printed = line.strip() or printed
                    continue
                progress.figures = message["figures"]
                if message["is_done"]:
                    return progress.figures
                if "error" in message:
                    return _failed(progress, message["error"])
                progress(message["part"], message["done"])
        except KeyboardInterrupt:
            process.kill()  # it would keep the device until its next line
            raise
        reasons = [
            exit_reason(process.wait()),
            stderr_file.crash_summary(stderr_file.read_tail(errors)),
            printed,
        ]
    return _failed(progress, f"the measurement ended early: {'; '.join(filter(None, reasons))}")


def _failed(progress: Progress, reason: str) -> dict[str, Any]:
    """The findings up to the error; raises it if there are none."""
    error = ModelError(reason)
    found = progress.failed(error)
    if not found:
        raise error
    return found


def answer() -> None:
    """Main function of the measuring process: prints JSON lines.

    Any error hands over what was found up to it. An unexpected one ends the process with its
    traceback, too."""
    faulthandler.enable()

    def write_line(**line: Any) -> None:
        # The newline before it: a library may have printed a line that it has not ended.
        sys.stdout.write(
            "\n" + json.dumps({KEY: {"figures": progress.figures, "is_done": False} | line}) + "\n"
        )
        sys.stdout.flush()

    progress = Progress(lambda part, done: write_line(part=part, done=done))
    try:
        measure, options = pickle.loads(base64.b64decode(sys.argv[1]))
        progress.figures = measure(options, progress)
        write_line(is_done=True)
    except Exception as error:
        write_line(error=in_one_line(error))
        if not isinstance(error, MultiverseError):
            raise
