"""Tests shader files in a separate process, so that no file can stop or crash the show.

The process stays for the next file. One that hangs past the deadline or crashes is killed and
replaced (`system/trial_process.py`); the result names the reason. Its output is discarded.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.render.isf.isf_file import MAX_CHARS, IsfFile, IsfImport, IsfInput
from engine.render.isf.vet_record import unpack_file
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.priority import MAX_NICENESS
from engine.system.reporting import Report
from engine.system.trial_process import LateError, TrialProcess

log = logging.getLogger(__name__)

DEADLINE_S: Final = 20.0  # for a file; a heavy one compiles for 6 s on a software rasteriser
MAX_QUEUE: Final = 1000
MAX_WAIT_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VetResult:
    ticket: int
    """From `submit`."""
    path: Path | None
    ok: bool
    reason: str = ""
    """Why the file cannot be played, one sentence."""
    is_late: bool = False
    """True if it was not tested to the end, because the machine is busy: it may pass later."""
    line: int | None = None
    """Line of the file that the reason names, from 1."""
    note: str = ""
    """A remark on a file that can be played: it draws only black, for example."""
    draw_ms: float | None = None
    """Time of a picture at its defaults, in the requested size."""
    thumbnail: np.ndarray | None = field(default=None, repr=False)
    """(height, width, 3) uint8, at most 240 px wide or high, row 0 at the top."""
    file: IsfFile | None = None
    """The shader to play, as the process has parsed, translated and measured it. None if not ok."""

    @property
    def inputs(self) -> tuple[IsfInput, ...]:
        """All inputs of the file, images too."""
        return self.file.inputs if self.file is not None else ()


class VetProcess(TrialProcess):
    """The process that tests shader files."""

    def __init__(
        self, niceness: int = MAX_NICENESS, *, deadline_s: float = DEADLINE_S, gate: str = ""
    ) -> None:
        """gate: Name of the engine's gate, for which its draws on a GPU wait."""
        super().__init__("engine.render.isf.vet_child", f"main({gate!r}, {niceness})", deadline_s)

    def vet(
        self,
        text: str,
        *,
        path: Path | None,
        size_px: tuple[int, int],
        vertex: str | None = None,
        ticket: int = 0,
        is_sound: bool = False,
        wall_deadlines: float | None = None,
        is_second: bool = False,
    ) -> VetResult:
        """Test a shader's text, with that of its vertex shader. Waits for two deadlines at most.

        is_sound: It is known to end and to draw, so no clock refuses it. wall_deadlines: As in
        `order`. is_second: The process has ended once, which may be the system's doing, as without
        memory."""
        again = partial(
            self.vet,
            text,
            path=path,
            size_px=size_px,
            vertex=vertex,
            ticket=ticket,
            is_sound=is_sound,
        )

        def refuse(reason: str, line: int | None = None) -> VetResult:
            return VetResult(ticket=ticket, path=path, ok=False, reason=reason, line=line)

        for each in (text, vertex or ""):
            if len(each) > MAX_CHARS:
                return refuse(f"the file has {len(each)} characters: at most {MAX_CHARS}")
        phase = "starting with"
        try:
            order = {
                "text": text,
                "vertex": vertex,
                "path": str(path or ""),
                "size_px": size_px,
                "is_sound": is_sound,
            }
            if refusal := self.order(order, wall_deadlines):
                return refuse(f"shaders need OpenGL: {refusal}")
            while "ok" not in (answer := self.receive()):
                phase = answer["phase"]
            phase = "handing over"
            pictures = [self.receive_picture(shape) for shape in answer.get("pictures", ())]
        except LateError:
            self.kill()
            return replace(
                refuse(f"{phase} it was out of time by the clock: this machine is busy"),
                is_late=True,
            )
        except TimeoutError:
            self.kill()
            return refuse(f"{phase} it took more than {self.deadline_s:g} s of processor time")
        except (EOFError, OSError, ValueError) as error:
            log.debug("the vetting process ended: %s", error)
            # by another thread
            is_closed = self.pid is None
            ended = self.kill()
            if not is_second and not is_closed:
                return again(wall_deadlines=wall_deadlines, is_second=True)
            return refuse(f"{phase} it ended the trial process ({ended})")
        if not answer["ok"]:
            return refuse(answer["reason"], answer["line"])
        imports = tuple(
            IsfImport(name=name, pixels=pictures[number]) for name, number in answer["imports"]
        )
        return VetResult(
            ticket=ticket,
            path=path,
            ok=True,
            note=answer["note"],
            draw_ms=answer["draw_ms"],
            thumbnail=pictures[0],
            file=with_path(unpack_file(answer["file"]), path, imports),
        )


class Vetter:
    """Queues files for a VetProcess on its own thread. Any thread; `close` waits, the others
    never."""

    def __init__(
        self,
        report: Report,
        niceness: int = MAX_NICENESS,
        *,
        deadline_s: float = DEADLINE_S,
        gate: str = "",
    ) -> None:
        """The arguments are those of `VetProcess`."""
        self._process = VetProcess(niceness, deadline_s=deadline_s, gate=gate)
        self._requests: deque[tuple[int, Path | None, Callable[[], VetResult]]] = deque()
        """Tickets, paths and trials."""
        self._results: deque[VetResult] = deque()
        self._condition = threading.Condition()
        self._tickets = 0
        self._is_closed = False
        self._next_action: Callable[[], object] | None = None
        """Start or end the process when nothing waits."""
        guard = Guard(log, report, "shaders", "shaders: vetting failed")
        self._thread = GuardedThread("shader vetting", self._run, guard)
        self._thread.start()

    def submit(self, text: str, *, path: Path | None, **how: Any) -> int:
        """Queue a text; its result has the returned ticket. A waiting text of the same path is
        dropped.

        how: The other arguments of `VetProcess.vet`."""
        with self._condition:
            self._tickets += 1
            if path is not None:
                self._requests = deque(each for each in self._requests if each[1] != path)
            trial = partial(self._process.vet, text, path=path, ticket=self._tickets, **how)
            self._requests.append((self._tickets, path, trial))
            while len(self._requests) > MAX_QUEUE:
                ticket, dropped, _ = self._requests.popleft()
                reason = f"more than {MAX_QUEUE} files wait to be tried"
                self._results.append(
                    VetResult(ticket=ticket, path=dropped, ok=False, reason=reason)
                )
            self._condition.notify()
            return self._tickets

    def poll(self) -> VetResult | None:
        """Return the next result, in the order of the trials; None while there is none."""
        with self._condition:
            return self._results.popleft() if self._results else None

    def warm(self) -> None:
        """Start the process if it does not run, so that the next file does not wait for it."""
        with self._condition:
            self._next_action = self._process.warm
            self._condition.notify()

    def rest(self) -> None:
        """End the process until it is needed again, if nothing waits."""
        with self._condition:
            self._next_action = self._next_action or self._process.kill
            self._condition.notify()

    def close(self) -> None:
        """End the process and the thread. Idempotent."""
        with self._condition:
            self._is_closed = True
            self._condition.notify()
        self._process.close(self._thread, MAX_WAIT_S)

    def _run(self) -> None:
        while (task := self._take()) is not None:
            result = task()
            if isinstance(result, VetResult):
                with self._condition:
                    self._results.append(result)

    def _take(self) -> Callable[[], object] | None:
        """Return the next task; None at the end."""
        with self._condition:
            self._condition.wait_for(lambda: self._requests or self._is_closed or self._next_action)
            action = self._next_action
            self._next_action = None
            if self._is_closed:
                return None
            return self._requests.popleft()[2] if self._requests else action


def with_path(file: IsfFile, path: Path | None, imports: tuple[IsfImport, ...] = ()) -> IsfFile:
    """Add the path and images, which a record does not store, to a file."""
    return replace(
        file, path=path, title=path.stem if path is not None else file.title, imports=imports
    )
