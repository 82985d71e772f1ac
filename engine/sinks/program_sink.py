"""A sink whose work is done by a process of its own, which reads the pictures from shared memory.

Whatever holds up that process (a display, a driver, a library that keeps Python's lock) holds up no frame, and its
death is an error of the sink, which is retried.
"""

import os
import threading
from contextlib import suppress

from engine.errors import ChildError, SharedMemoryError, SinkError
from engine.ipc import FrameRing, RingOwner
from engine.sinks.sink import TITLES, PictureName, Sink, SinkStatus, Stage
from engine.sinks.sink_thread import sink_thread
from engine.system.worker_process import WorkerProcess
from engine.values import PublishedFrame

MAX_START_S = 20.0  # of the process, with the driver's first window
WAIT_S = 0.5
MAX_END_S = 2.0  # then it is killed


class ProgramSink(Sink):
    """`main()` of `program` reads a first line, writes one whenever its state changes, and ends with its input."""

    program = ""

    def __init__(self, argument: str, picture: PictureName = "main") -> None:
        self.name = argument or TITLES[picture]
        self._argument = argument
        self._title = TITLES[picture]
        self._ring: RingOwner | None = None
        self._change = threading.Condition()
        self._error: Exception | None = None
        self._is_ending = self._is_open = False
        self._frames = 0
        self._thread = sink_thread(f"{self.kind} {self.name}", self._run, self._keep_error)

    def _greet(self, process: WorkerProcess, segment: str) -> None:
        """Send the opening line, with the segment of the ring. On the sink's thread, as the following."""
        raise NotImplementedError

    def _hear(self, line: bytes) -> bool:
        """Keep the state in this line. True if the output is open."""
        raise NotImplementedError

    def _failure(self, reason: str) -> str:
        """Why it ended by itself, in one line; "" if somebody wanted that. `reason`: how its process ended."""
        raise NotImplementedError

    def _end(self, process: WorkerProcess) -> None:
        process.end(MAX_END_S)

    def start(self, stage: Stage, *, may_wait: bool = False) -> None:
        try:
            self._ring = FrameRing.create(f"{self.kind} {os.getpid()}", stage.width, stage.height)  # no rate: unlisted
        except SharedMemoryError as error:
            raise SinkError(f"{self.kind}: {error}") from error
        self._segment = self._ring.segment
        self._thread.start()
        if may_wait:
            with self._change:
                is_told = self._change.wait_for(lambda: self._is_open or self._error, MAX_START_S)
            self._raise_error()
            if not is_told:
                raise SinkError(f"{self.kind}: its process opened nothing within {MAX_START_S:.0f} s")

    def set_format(self, stage: Stage) -> None:
        assert self._ring is not None
        if self._ring.shape != (stage.height, stage.width, 4):
            self._ring.resize(stage.width, stage.height)

    def publish(self, frame: PublishedFrame) -> None:
        self._raise_error()
        assert self._ring is not None
        self._ring.write(frame.read_rgba(), index=frame.id.index, time_s=frame.id.time_s)
        self._frames += 1

    def pump(self) -> None:
        if self._ring is not None:
            self._ring.beat()  # an extra picture may rest while its model does

    def drain(self) -> bool:
        self._is_ending = True
        return not self._thread.is_alive

    def close(self) -> None:
        self._is_ending = True
        if self._thread.is_started:
            self._thread.join(timeout_s=2 * MAX_END_S)
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def status(self) -> SinkStatus:
        return SinkStatus(kind=self.kind, name=self.name, frames=self._frames, detail=self._detail)

    @property
    def _detail(self) -> str:
        return ""

    def _keep_error(self, error: Exception) -> None:
        with self._change:
            self._error = error
            self._change.notify_all()

    def _raise_error(self) -> None:
        """Raise the error that ended the thread, once, as the sink is closed then."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _run(self) -> None:
        try:
            process = WorkerProcess(self.program, "main()")
        except (ChildError, OSError) as error:
            raise SinkError(f"{self.kind}: its process cannot be started ({error})") from error
        self._greet(process, self._segment)
        try:
            with suppress(EOFError):
                while not self._is_ending:
                    if (line := process.receive(WAIT_S)) is not None:
                        with self._change:
                            self._is_open = self._hear(line) or self._is_open
                            self._change.notify_all()
        finally:
            self._end(process)
        if not self._is_ending and (why := self._failure(process.reason)):
            raise SinkError(f"{self.kind}: {why}")
