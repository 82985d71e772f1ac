"""Main function of a stage process: loads its part of the model, then takes batches from links and passes them on.

Batch k of a stream comes from input k % inputs and goes to output k % outputs: a process with several neighbours sends
and receives round robin, which keeps the order. The end of a stream arrives on every input and goes to every output;
the next stream begins at 0.
"""

import faulthandler
import importlib
import itertools
import os
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Final, Protocol

import numpy as np

from engine.children import stderr_file
from engine.children.child_main import BEGIN_WAIT_S, connection_of, ignore_signals, prepare_windows
from engine.errors import MultiverseError, PipeClosedError, in_one_line
from engine.ipc import ControlPipe
from engine.jobs.video.split.link import Consumer, Producer
from engine.jobs.video.split.messages import BeginStage, StageFault, StageReady

EXIT_FAULT: Final = 1
EXIT_NEIGHBOUR_GONE: Final = 4  # exit code of a process that is not the cause


class Work(Protocol):
    """A stage's part of the painting, loaded and warm. Single-threaded."""

    ready: StageReady

    def __call__(self, given: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """The output arrays for the input arrays of a slot. The input stays valid until the result is copied."""

    def seconds(self, worked_s: float) -> Mapping[str, float]:
        """Seconds of the last call by stage; `worked_s`: from its start until its result was copied."""

    def memory_mb(self) -> float | None:
        """Device memory in use; None on a CPU."""


def main(control: int, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
    """Main function of a stage process; exits the process. All arguments are ends of pipes."""
    os._exit(run(control, inputs, outputs))


def run(control: int, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
    """Run until the other end of a pipe is gone; returns the exit code."""
    ignore_signals()
    prepare_windows()
    faulthandler.enable()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # goes where stderr goes
    connection = connection_of(control)
    pipe: ControlPipe[BeginStage] = ControlPipe(connection, BeginStage)
    try:
        begin = pipe.receive(BEGIN_WAIT_S)
        if begin is None:
            return EXIT_NEIGHBOUR_GONE
        threading.Thread(target=_end_with, args=(connection,), name="end with the parent", daemon=True).start()
        return _work(pipe, begin, inputs, outputs)
    except PipeClosedError:
        return EXIT_NEIGHBOUR_GONE
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()


def _end_with(connection: Connection) -> None:
    """Run on a thread: exit this process at once when the parent exits, even while loading."""
    with suppress(OSError):
        wait([connection])
    os._exit(EXIT_NEIGHBOUR_GONE)


def _work(pipe: ControlPipe[BeginStage], begin: BeginStage, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
    try:
        consumers = [Consumer(plan, connection_of(handle)) for plan, handle in zip(begin.inputs, inputs, strict=True)]
        producers = [Producer(plan, connection_of(handle)) for plan, handle in zip(begin.outputs, outputs, strict=True)]
        module, _, opener = begin.opener.partition(":")
        work: Work = getattr(importlib.import_module(module), opener)(begin)
        pipe.send(work.ready)
        while True:
            serve(work, consumers, producers)
    except PipeClosedError:
        raise
    except Exception as error:  # top of a process
        traceback.print_exc()
        fault = StageFault(text=in_one_line(error), says_all=isinstance(error, MultiverseError))
    pipe.send(fault)
    return EXIT_FAULT


def serve(work: Work, inputs: list[Consumer], outputs: list[Producer]) -> None:
    """Process one stream of batches to its end. PipeClosedError if a neighbour is gone."""
    for number in itertools.count():
        given = inputs[number % len(inputs)].take()
        if given is None:
            break
        began_s = time.perf_counter()
        made = work(given.arrays)
        worked_s = time.perf_counter() - began_s
        output = outputs[number % len(outputs)]
        slot = output.room()
        began_s = time.perf_counter()
        for name, array in slot.arrays.items():
            np.copyto(array, made[name])
        worked_s += time.perf_counter() - began_s
        inputs[number % len(inputs)].give_back(given)
        output.give(
            slot,
            number=given.number,
            pictures=given.pictures,
            seconds=work.seconds(worked_s),
            memory_mb=work.memory_mb() or 0.0,
        )
        stderr_file.truncate_long()
    for other in range(1, len(inputs)):
        ended = inputs[(number + other) % len(inputs)].take()
        assert ended is None, "batches are dealt in turn: where one is missing, all have ended"
    for output in outputs:
        output.end()
