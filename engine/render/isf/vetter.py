"""Tries shader files in a process of its own, so that no file can stop or crash the show.

The process stays for the next file, since opening a GL context takes half a second. One that hangs past the deadline
or crashes is killed and replaced; the file gets the reason. What it prints goes nowhere.
"""

import base64
import json
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from engine.errors import MultiverseError, in_one_line
from engine.render.isf.isf_file import MAX_CHARS, IsfFile, IsfImport, IsfInput
from engine.render.isf.vet_record import unpack_file
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.priority import MAX_NICENESS
from engine.system.python_process import exit_reason
from engine.system.reporting import Report
from engine.system.worker_process import WorkerProcess

log = logging.getLogger(__name__)

DEADLINE_S: Final = 20.0  # for a file; a heavy one compiles for 6 s on a software rasteriser
# The process runs only when the show leaves it a core. So its processor time counts, and only a GPU that hangs (which
# takes none) meets this multiple of the deadline by the clock.
WALL_DEADLINES: Final = 3.0
CHECK_INTERVAL_S: Final = 0.5
MAX_PICTURE_BYTES: Final = 4 * 4096**2  # of an imported image, see parse.py
START_DEADLINE_S: Final = 30.0
MAX_QUEUE: Final = 1000
# One thread beside the show. Mesa's shader cache, on by default, is what makes the engine's compile of the file short.
ENVIRONMENT: Final = {"LP_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VetResult:
    ticket: int
    """From `submit`."""
    path: Path | None
    ok: bool
    reason: str = ""
    """Why the file cannot be played, one sentence."""
    line: int | None = None
    """Line of the file that the reason names, from 1."""
    note: str = ""
    """A remark on a file that can be played: it draws only black, for example."""
    draw_ms: float | None = None
    """A picture at its defaults, in the size asked for."""
    compile_ms: float | None = None
    thumbnail: np.ndarray | None = field(default=None, repr=False)
    """(height, width, 3) uint8, at most 240 px wide or high, row 0 at the top."""
    file: IsfFile | None = None
    """To be played: what the process has read, translated and measured. None if not ok."""

    @property
    def inputs(self) -> tuple[IsfInput, ...]:
        """All inputs of the file, images too."""
        return self.file.inputs if self.file is not None else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    ticket: int
    text: str
    vertex: str | None
    path: Path | None
    size_px: tuple[int, int]


class VetProcess:
    """The process that tries files. One thread at a time, but `kill` any; every method may wait, until a deadline."""

    def __init__(self, *, deadline_s: float = DEADLINE_S, gate: str = "") -> None:
        """`gate`: name of the engine's gate, for which its draws on a GPU wait."""
        self._deadline_s, self._gate = deadline_s, gate
        self._worker: WorkerProcess | None = None
        self._refusal = ""

    @property
    def pid(self) -> int | None:
        worker = self._worker  # another thread may kill it
        return worker.pid if worker is not None else None

    def vet(
        self, text: str, *, path: Path | None, size_px: tuple[int, int], vertex: str | None = None, ticket: int = 0
    ) -> VetResult:
        """Try this text, with that of its vertex shader, for at most `deadline_s` of processor time, or three times
        that by the clock."""

        def refuse(reason: str, line: int | None = None) -> VetResult:
            return VetResult(ticket=ticket, path=path, ok=False, reason=reason, line=line)

        for each in (text, vertex or ""):
            if len(each) > MAX_CHARS:
                return refuse(f"the file has {len(each)} characters: at most {MAX_CHARS}")
        phase = "starting with"
        try:
            worker = self._started()
            if worker is None:
                return refuse(f"shaders need OpenGL: {self._refusal}")
            request = {"text": text, "vertex": vertex, "path": str(path or ""), "size_px": size_px}
            worker.send(json.dumps(request).encode() + b"\n")
            end_s = time.monotonic() + self._deadline_s * WALL_DEADLINES
            used_s = _processor_s(worker) + self._deadline_s
            while "ok" not in (answer := _receive(worker, end_s, used_s)):
                phase = answer["phase"]
            phase = "handing over"
            pictures = [_receive_picture(worker, shape, end_s) for shape in answer.get("pictures", ())]
        except TimeoutError:
            self.kill()
            return refuse(f"{phase} it took more than {self._deadline_s:g} s")
        except (EOFError, OSError, ValueError) as error:
            log.debug("the vetting process ended: %s", error)
            return refuse(f"{phase} it ended the trial process ({self.kill()})")
        if not answer["ok"]:
            return refuse(answer["reason"], answer["line"])
        imports = tuple(IsfImport(name=name, pixels=pictures[place]) for name, place in answer["imports"])
        return VetResult(
            ticket=ticket,
            path=path,
            ok=True,
            note=answer["note"],
            draw_ms=answer["draw_ms"],
            compile_ms=answer["compile_ms"],
            thumbnail=pictures[0],
            file=placed(unpack_file(answer["file"]), path, imports),
        )

    def start(self) -> None:
        """Start it if it does not run. A failure is told with the next file."""
        try:
            self._started()
        except (OSError, EOFError, TimeoutError):
            self.kill()

    def kill(self) -> str:
        """End the process at once; why it ended. Idempotent. Any thread."""
        worker, self._worker = self._worker, None
        if worker is None:
            return exit_reason(None)
        worker.kill()
        return worker.reason

    def _started(self) -> WorkerProcess | None:
        """The process, started if it does not run; None if it has no OpenGL. OSError, EOFError, TimeoutError."""
        if self._worker is not None and not self._worker.has_ended:
            return self._worker
        self.kill()
        if self._refusal:
            return None
        try:
            worker = self._worker = WorkerProcess(
                "engine.render.isf.vet_child",
                f"main({self._gate!r})",
                environment=ENVIRONMENT,
                niceness=MAX_NICENESS,
            )
        except MultiverseError as error:
            raise OSError(in_one_line(error)) from error
        self._refusal = _receive(worker, time.monotonic() + START_DEADLINE_S).get("refused", "")
        if self._refusal:
            self.kill()
            return None
        return worker


def _receive(worker: WorkerProcess, end_s: float, used_s: float = math.inf) -> dict[str, Any]:
    """The next message. TimeoutError at `end_s` of the clock, or when the process has used `used_s`; EOFError when it
    has ended."""
    answer: dict[str, Any] = json.loads(_receive_line(worker, end_s, used_s))
    return answer


def _receive_picture(worker: WorkerProcess, shape: Sequence[int], end_s: float) -> np.ndarray:
    """(height, width, channels) uint8. TimeoutError, EOFError; ValueError for another size."""
    if math.prod(shape) > MAX_PICTURE_BYTES:
        raise ValueError(f"a picture of {shape}")
    pixels = np.empty(shape, np.uint8)
    flat, done = pixels.reshape(-1), 0
    while done < flat.size:
        part = np.frombuffer(base64.b64decode(_receive_line(worker, end_s)), np.uint8)
        flat[done : done + part.size] = part
        done += part.size
    return pixels


def _receive_line(worker: WorkerProcess, end_s: float, used_s: float = math.inf) -> bytes:
    while (line := worker.receive(min(CHECK_INTERVAL_S, end_s - time.monotonic()))) is None:
        if time.monotonic() >= end_s or _processor_s(worker) >= used_s:
            raise TimeoutError
    return line


def _processor_s(worker: WorkerProcess) -> float:
    """Processor time of the process so far, all threads."""
    try:
        times = psutil.Process(worker.pid).cpu_times()
    except psutil.Error:
        return 0.0  # it has just ended, which `receive` tells
    return float(times.user + times.system)


class Vetter:
    """A queue of files for a VetProcess, on a thread of its own. `submit`, `poll`, `close`: any thread, never wait."""

    def __init__(self, report: Report, *, deadline_s: float = DEADLINE_S, gate: str = "") -> None:
        """`gate`: name of the engine's gate, for which draws on a GPU wait."""
        self._process = VetProcess(deadline_s=deadline_s, gate=gate)
        self._requests: deque[_Request] = deque()
        self._results: deque[VetResult] = deque()
        self._condition = threading.Condition()
        self._tickets = 0
        self._is_closed = self._wants_process = self._wants_rest = False
        guard = Guard(log, report, "shaders", "shaders: vetting failed")
        self._thread = GuardedThread("shader vetting", self._run, guard)
        self._thread.start()

    def submit(self, text: str, *, path: Path | None, size_px: tuple[int, int], vertex: str | None = None) -> int:
        """Try this text; the result has the returned ticket. A waiting text of the same path is dropped."""
        with self._condition:
            self._tickets += 1
            if path is not None:
                self._requests = deque(each for each in self._requests if each.path != path)
            request = _Request(ticket=self._tickets, text=text, vertex=vertex, path=path, size_px=size_px)
            self._requests.append(request)
            while len(self._requests) > MAX_QUEUE:
                dropped = self._requests.popleft()
                reason = f"more than {MAX_QUEUE} files wait to be tried"
                self._results.append(VetResult(ticket=dropped.ticket, path=dropped.path, ok=False, reason=reason))
            self._condition.notify()
            return self._tickets

    def poll(self) -> VetResult | None:
        """The next result, in the order of the trials; None while there is none."""
        with self._condition:
            return self._results.popleft() if self._results else None

    def warm(self) -> None:
        """Start the process if it does not run, so that the next file does not wait for that."""
        with self._condition:
            self._wants_process = True
            self._condition.notify()

    def rest(self) -> None:
        """End the process until it is needed again, if nothing waits."""
        with self._condition:
            self._wants_rest = True
            self._condition.notify()

    def close(self) -> None:
        """End the process and the thread. Idempotent."""
        with self._condition:
            self._is_closed = True
            self._condition.notify()
        self._process.kill()
        self._thread.join(5.0)
        self._process.kill()

    def _run(self) -> None:
        while (request := self._take()) is not None:
            if isinstance(request, str):
                if request == "warm":
                    self._process.start()
                else:
                    self._process.kill()
                continue
            result = self._process.vet(
                request.text,
                vertex=request.vertex,
                path=request.path,
                size_px=request.size_px,
                ticket=request.ticket,
            )
            with self._condition:
                self._results.append(result)

    def _take(self) -> _Request | str | None:
        """The next request, "warm" or "rest"; None at the end."""
        with self._condition:
            self._condition.wait_for(
                lambda: self._requests or self._is_closed or self._wants_process or self._wants_rest
            )
            is_warm, self._wants_process = self._wants_process, False
            is_rest, self._wants_rest = self._wants_rest, False
            if self._is_closed:
                return None
            if self._requests:
                return self._requests.popleft()
            return "rest" if is_rest and not is_warm else "warm"


def placed(file: IsfFile, path: Path | None, imports: tuple[IsfImport, ...] = ()) -> IsfFile:
    """The file at its place on the disk, which its record does not have."""
    return replace(file, path=path, title=path.stem if path is not None else file.title, imports=imports)
