"""The process that imports everything once and forks a child per picture. Linux only.

Problem: a picture of 640 px takes less time to draw than its process takes to start Python, import NumPy and OpenCV,
load compiled kernels and build the models of machines and trees. Making several pictures in one process would save
that, but state would accumulate: in drivers, in memory, in whatever a crash left behind.

Solution: this process does all that is the same for every picture, draws none, and forks. A child inherits imports,
kernels and models, opens OpenGL, makes one picture and exits, so each begins with the very same state. A child that
crashes, hangs or is killed takes nothing with it.

A GL context is not inherited, although llvmpipe without threads of its own could draw with it, 0.1 s faster.
Mesa stores compiled shaders by threads that wait on a condition variable. A child has no such threads, but glibc (2.36)
still counts them there as waiting: pthread_cond_signal, called for each shader that the child compiles, soon waits for
ever for a group of them to leave. And what a child compiles would be stored for no other.

The parent sends FOLDER, a tab, LOG and a newline on standard input; the answers are `started PID` and `ended CODE` on
standard output. A child must not share threads with this process (they do not survive a fork), so this process starts
none: it waits with `select`, and each child starts its own watch over the pipe `life`, which closes when the run ends.
"""

import gc
import logging
import os
import select
import signal
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NoReturn

from engine.jobs.dataset.geometry.distractors import build_all_models
from engine.jobs.dataset.running.rehearsal import rehearse
from engine.jobs.dataset.running.worker import TASK, make_in, watch_parent
from engine.jobs.dataset.task import task_of
from engine.system.python_process import wake_with_parent

REQUESTS, ANSWERS = 0, 1
LONG_RUN = 3  # pictures after which the models of all things are built: 0.7 s that each later picture saves a part of


def main() -> None:
    life, first = int(sys.argv[1]), Path(sys.argv[2])
    task = task_of((first / TASK).read_text(encoding="utf-8"))
    rehearse(task)
    # The collector would write to every object, and a child would copy all pages.
    gc.collect()
    gc.freeze()
    spare: Iterator[None] = iter(())
    for number in count(1):
        request = _next_line()
        if not request:
            return
        folder, log = request.rstrip("\n").split("\t")
        alive, closing = os.pipe()  # closed by the end of the child
        pid = os.fork()
        if pid == 0:
            _make(Path(folder), log, life)
        os.close(closing)
        _answer(f"started {pid}")
        if number == LONG_RUN and task.varied is not None:
            spare = build_all_models()
        if not _has_ended(alive, spare):  # the run has: there are no requests meanwhile
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(alive)
        _answer(f"ended {os.waitstatus_to_exitcode(status)}")


def _has_ended(alive: int, spare: Iterator[None]) -> bool:
    """Wait for the end of a child, or of the run (False); meanwhile do spare work for later children."""
    timeout_s: float | None = 0.0
    while True:
        if timeout_s is not None and next(spare, True):
            gc.freeze()
            timeout_s = None
        ready, _, _ = select.select([REQUESTS, alive], [], [], timeout_s)
        if ready:
            return alive in ready


def _next_line() -> str:
    """One request; "" when the parent has closed the pipe. It sends the next only after an answer."""
    line = b""
    while not line.endswith(b"\n"):
        more = os.read(REQUESTS, 65536)
        if not more:
            return ""
        line += more
    return os.fsdecode(line)


def _answer(text: str) -> None:
    try:
        os.write(ANSWERS, f"{text}\n".encode("ascii"))
    except BrokenPipeError:  # the run has ended
        os._exit(0)


def _make(folder: Path, log: str, life: int) -> NoReturn:
    """Make one picture in the forked child. An error here ends the child with a traceback in its log."""
    wake_with_parent()
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    watch_parent(life)
    code = make_in(folder)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # nothing of the parent is cleaned up here
