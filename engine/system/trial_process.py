"""A worker process for what may hang, crash or fill the memory: foreign shaders, fonts and
pictures.

It works at a low priority, with limits of processor time and memory. One that passes them or
crashes is killed, and replaced for the next order, since a start takes half a second.
"""

import base64
import contextlib
import faulthandler
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from engine.errors import MultiverseError, in_one_line
from engine.system import priority
from engine.system.guarded_thread import GuardedThread
from engine.system.python_process import exit_reason
from engine.system.worker_process import WorkerProcess, claim_output

CHECK_INTERVAL_S: Final = 0.5
MAX_PICTURE_BYTES: Final = 4 * 4096**2
START_DEADLINE_S: Final = 120.0  # beside a show that takes all cores
MAX_HANG_S: Final = 3600.0  # of a process whose engine was killed, too
CLOSE_TRIES: Final = 50
HANG_MARGIN: Final = 1.5  # such a process ends later than the engine would end it
LINE_BYTES: Final = 192 << 10  # of a picture
HANG: Final = "hang_s"
"""Key of an order: seconds after which the process ends by itself."""
# One thread beside the show. Mesa's shader cache, on by default, is what makes the engine's compile
# of the file short.
ENVIRONMENT: Final = {"LP_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

Answer = tuple[dict[str, Any], Sequence[np.ndarray]]
"""The last message to an order, and the pictures that follow it."""
Work = Callable[[dict[str, Any], Callable[[str], None]], Answer]
"""`work(order, phase)` does an order; `phase(name)` reports its phase."""


class LateError(TimeoutError):
    """The work was out of time by the clock alone: the machine is busy, or it waits for a GPU."""


class TrialProcess:
    """The engine's end of a worker process that gets risky work: sends orders, receives answers,
    kills it at a deadline. One thread at a time, but `kill` and `pid` any; every method may wait,
    until a deadline. They raise TimeoutError when the process has taken more than `deadline_s` of
    processor time for an order, LateError when it has taken much more by the clock. They raise
    EOFError when it has ended, OSError if it cannot be started."""

    wall_deadlines = 3.0
    """The process runs only when the show leaves it a core. So its processor time counts, and only
    what waits, such as for a GPU that hangs, meets this multiple of the deadline by the clock."""

    def __init__(self, module: str, call: str, deadline_s: float) -> None:
        """`call` of our module calls `serve_orders`."""
        self._program = (module, call)
        self.deadline_s = deadline_s
        self._worker: WorkerProcess | None = None
        self._end_s = 0.0
        self._max_used_s = 0.0
        self._refusal = ""

    @property
    def pid(self) -> int | None:
        worker = self._worker  # another thread may kill it
        return worker.pid if worker is not None else None

    def start(self) -> str:
        """Start the process if it does not run. Returns why it refuses to work, or ""."""
        if self._refusal or (self._worker is not None and not self._worker.has_ended):
            return self._refusal
        self.kill()
        try:
            self._worker = WorkerProcess(
                *self._program, environment=ENVIRONMENT, niceness=priority.MAX_NICENESS
            )
        except MultiverseError as error:
            raise OSError(in_one_line(error)) from error
        self._end_s = time.monotonic() + START_DEADLINE_S
        self._max_used_s = math.inf
        self._refusal = self.receive().get("refused", "")
        if self._refusal:
            self.kill()
        return self._refusal

    def warm(self) -> None:
        """Start the process if it does not run. A failure is reported with the next order."""
        try:
            self.start()
        except (OSError, EOFError, TimeoutError):
            self.kill()

    def order(self, order: Mapping[str, Any], wall_deadlines: float | None = None) -> str:
        """Send an order; its answers are received next. Returns why it refuses to work, or "".

        `wall_deadlines`: For this order; infinite for work that is known to end."""
        refusal = self.start()
        if refusal or (worker := self._worker) is None:
            return refusal
        wall_s = self.deadline_s * (
            self.wall_deadlines if wall_deadlines is None else wall_deadlines
        )
        hang_s = min(HANG_MARGIN * wall_s, MAX_HANG_S)
        worker.send(json.dumps({**order, HANG: hang_s}).encode() + b"\n")
        self._end_s = time.monotonic() + wall_s
        self._max_used_s = _processor_s(worker) + self.deadline_s
        return ""

    def receive(self) -> dict[str, Any]:
        """The next message of the answer."""
        message: dict[str, Any] = json.loads(self._receive_line())
        return message

    def receive_picture(self, shape: Sequence[int]) -> np.ndarray:
        """Receive a picture, (height, width, channels) uint8, of at most 64 MB. ValueError for
        another size."""
        if math.prod(shape) > MAX_PICTURE_BYTES:
            raise ValueError(f"a picture of {shape}")
        pixels = np.empty(shape, np.uint8)
        flat = pixels.reshape(-1)
        done = 0
        while done < flat.size:
            part = np.frombuffer(base64.b64decode(self._receive_line()), np.uint8)
            flat[done : done + part.size] = part
            done += part.size
        return pixels

    def kill(self) -> str:
        """End the process at once; why it ended. Idempotent. Any thread."""
        worker = self._worker
        self._worker = None
        if worker is None:
            return exit_reason(None)
        worker.kill()
        return worker.reason

    def close(self, user: GuardedThread, patience_s: float) -> None:
        """End the process and the thread that uses it, which may be starting it at this moment.
        Idempotent."""
        for _ in range(CLOSE_TRIES):
            self.kill()
            user.join(patience_s / CLOSE_TRIES)

    def _receive_line(self) -> bytes:
        worker = self._worker
        if worker is None:  # another thread has killed it
            raise EOFError
        while (
            line := worker.receive(min(CHECK_INTERVAL_S, self._end_s - time.monotonic()))
        ) is None:
            if _processor_s(worker) >= self._max_used_s:
                raise TimeoutError
            if time.monotonic() >= self._end_s:
                raise LateError
        return line


def _processor_s(worker: WorkerProcess) -> float:
    """Processor time of the process so far, all threads."""
    try:
        times = psutil.Process(worker.pid).cpu_times()
    except psutil.Error:
        return 0.0  # it has just ended, which `receive` reports
    return float(times.user + times.system)


# -- the process's end -----------------------------------------------------------------------------


def serve_orders(open_work: Callable[[], Work], *, niceness: int, max_growth_bytes: int) -> None:
    """Answer orders until the input closes. `open_work()` may refuse to work with a
    MultiverseError. `max_growth_bytes`: address space beyond what it has once it can work (Linux).
    It ends by itself when its parent dies, even while it hangs: `faulthandler` ends it from a
    thread that needs no GIL."""
    priority.lower_priority(niceness)
    answers = claim_output()

    def answer(message: Mapping[str, Any]) -> None:
        answers.write(json.dumps(message).encode() + b"\n")
        answers.flush()

    # the engine has ended
    with contextlib.suppress(OSError), open(os.devnull, "w", encoding="utf-8") as nowhere:
        try:
            work = open_work()
        except MultiverseError as error:
            answer({"refused": in_one_line(error)})
            return
        _limit_memory(max_growth_bytes)
        answer({"ready": True})
        while line := sys.stdin.buffer.readline():
            order = json.loads(line)
            faulthandler.dump_traceback_later(order.pop(HANG), exit=True, file=nowhere)
            message, pictures = work(order, lambda name: answer({"phase": name}))
            answer(message)
            for each in pictures:
                answers.writelines(_packed(each))
            answers.flush()
            faulthandler.cancel_dump_traceback_later()


def _packed(pixels: np.ndarray) -> Iterator[bytes]:
    """Lines of base64. They are short because the engine unpacks them, and draws nothing while it
    unpacks one."""
    flat = np.ascontiguousarray(pixels).reshape(-1)
    for begin in range(0, flat.size, LINE_BYTES):
        yield base64.b64encode(flat[begin : begin + LINE_BYTES].data) + b"\n"


def _limit_memory(max_growth_bytes: int) -> None:
    """Let what needs too much end in a MemoryError, or this process, instead of the whole
    machine."""
    if sys.platform == "linux":
        import resource

        used_bytes = (
            int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            * resource.getpagesize()
        )
        resource.setrlimit(
            resource.RLIMIT_AS, (used_bytes + max_growth_bytes, resource.RLIM_INFINITY)
        )
