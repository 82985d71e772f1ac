"""The process that imports everything once and forks a child per picture. Linux only.

Problem: a picture of 640 px takes less time to draw than its process takes to start Python, import NumPy and OpenCV,
open a GL context and compile shaders. Making several pictures in one process would save that, but state would
accumulate: in drivers, in memory, in whatever a crash left behind.

Solution: this process does all that is the same for every picture, draws none, and forks. A child inherits the imports
(and the GL context, where the driver allows it), makes one picture and exits, so each begins with the very same state.
A child that crashes, hangs or is killed takes nothing with it.

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
import threading
import time
from pathlib import Path
from typing import NoReturn

from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.running.worker import make_in, watch_parent
from engine.system.python_process import wake_with_parent

REQUESTS, ANSWERS = 0, 1
TASKS = Path("/proc/self/task")
IDLE_S = 0.1
MAX_BUSY_S = 10.0


def main() -> None:
    life, may_keep_context = int(sys.argv[1]), sys.argv[2] == "1"
    _prepare(may_keep_context)
    # The collector would write to every object, and a child would copy all pages.
    gc.collect()
    gc.freeze()
    while request := _next_line():
        folder, log = request.rstrip("\n").split("\t")
        alive, closing = os.pipe()  # closed by the end of the child
        pid = os.fork()
        if pid == 0:
            _make(Path(folder), log, life)
        os.close(closing)
        _answer(f"started {pid}")
        ready, _, _ = select.select([REQUESTS, alive], [], [])
        if alive not in ready:  # the run has ended: there are no requests meanwhile
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(alive)
        _answer(f"ended {os.waitstatus_to_exitcode(status)}")


def _prepare(may_keep_context: bool) -> None:
    """Do what is the same for every picture: imports, meshes of the kinds of things, the GL context and its shaders."""
    import cv2  # noqa: F401

    import engine.jobs.dataset.cycles
    import engine.jobs.dataset.labels
    import engine.jobs.dataset.picture  # noqa: F401
    from engine.jobs.dataset.geometry import set_stage
    from engine.jobs.dataset.raster import warm_up
    from engine.jobs.dataset.scene import describe_scene

    if may_keep_context and warm_up():  # first of all: it must meet neither threads nor another context
        _await_idle_threads()
    set_stage(describe_scene(SceneOptions(), 0))


def _await_idle_threads() -> None:
    """Wait until Mesa's thread has stored the compiled shaders on the disk.

    While it works it holds a lock now and then; a child that is forked at such a moment waits for that lock for ever.
    Afterwards it has nothing to do: this process draws no more, and children have no such thread. TimeoutError if it
    does not come to rest.
    """
    end_s = time.monotonic() + MAX_BUSY_S
    before: list[tuple[str, str]] = []
    while (now := _thread_states()) != before or any(state != "S" for state, _ in now):
        if time.monotonic() > end_s:
            raise TimeoutError(f"a thread of the OpenGL driver is still at work after {MAX_BUSY_S:g} s")
        before = now
        time.sleep(IDLE_S)


def _thread_states() -> list[tuple[str, str]]:
    """State (S: asleep) and times on a processor of each thread but this one."""
    others = sorted(task for task in TASKS.iterdir() if task.name != str(threading.get_native_id()))
    return [
        ((task / "stat").read_text(encoding="ascii").rpartition(") ")[2][0], (task / "schedstat").read_text("ascii"))
        for task in others
    ]


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
