"""A sink whose work is done by a process of its own, which reads the pictures from shared memory.

Whatever blocks that process (a display, a driver, a library that holds Python's lock) delays no
frame. If it dies, that is an error of the sink, which is retried.
"""

import os
from contextlib import suppress

from engine.errors import ChildError, SharedMemoryError, SinkError
from engine.ipc import FrameRing, RingOwner
from engine.sinks.sink import TITLES, OutputFormat, PictureName
from engine.sinks.sink_thread import ThreadSink
from engine.system.worker_process import WorkerProcess
from engine.values import PublishedFrame

MAX_START_S = 20.0  # of the process, with the driver's first window
WAIT_S = 0.5
MAX_END_S = 2.0  # then it is killed


class ProgramSink(ThreadSink):
    """Base of sinks that run `main()` of the module `program` in a process of their own. It reads a
    first line, writes one whenever its state changes, and ends with its input."""

    program = ""
    max_close_s = 2 * MAX_END_S

    def __init__(self, argument: str, picture: PictureName = "main") -> None:
        name = argument or TITLES[picture]
        super().__init__(name, f"{self.kind} {name}")
        self._argument = argument
        self._title = TITLES[picture]
        self._ring: RingOwner | None = None

    def _send_opening(self, process: WorkerProcess, segment: str) -> None:
        """Send the opening line, with the segment of the ring. Called on the sink's thread, like
        the next two."""
        raise NotImplementedError

    def _handle_line(self, line: bytes) -> bool:
        """Store the state in this line. True if the output is open."""
        raise NotImplementedError

    def _failure(self, reason: str) -> str:
        """Why it ended by itself, in one line; "" if somebody closed it. `reason`: how its process
        ended."""
        raise NotImplementedError

    def _end(self, process: WorkerProcess) -> None:
        process.end(MAX_END_S)

    def start(self, output_format: OutputFormat, *, may_wait: bool = False) -> None:
        try:
            size = output_format.width, output_format.height
            self._ring = FrameRing.create(f"{self.kind} {os.getpid()}", *size)  # no rate: unlisted
        except SharedMemoryError as error:
            raise SinkError(f"{self.kind}: {error}") from error
        self._segment = self._ring.segment
        self._thread.start()
        if may_wait and not self._wait_until_open(MAX_START_S):
            raise SinkError(f"{self.kind}: its process opened nothing within {MAX_START_S:.0f} s")

    def set_format(self, output_format: OutputFormat) -> None:
        assert self._ring is not None
        if self._ring.shape != (output_format.height, output_format.width, 4):
            self._ring.resize(output_format.width, output_format.height)

    def publish(self, frame: PublishedFrame) -> None:
        self._raise_error()
        assert self._ring is not None
        self._ring.write(frame.read_rgba(), index=frame.id.index, time_s=frame.id.time_s)
        self._frames += 1

    def pump(self) -> None:
        if self._ring is not None:
            self._ring.beat()  # an extra picture may rest while its model does

    def close(self) -> None:
        super().close()
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def _run(self) -> None:
        try:
            process = WorkerProcess(self.program, "main()")
        except (ChildError, OSError) as error:
            raise SinkError(f"{self.kind}: its process cannot be started ({error})") from error
        self._send_opening(process, self._segment)
        try:
            with suppress(EOFError):
                while not self._is_ending:
                    line = process.receive(WAIT_S)
                    if line is not None and self._handle_line(line):
                        self._opened()
        finally:
            self._end(process)
        if not self._is_ending and (why := self._failure(process.reason)):
            raise SinkError(f"{self.kind}: {why}")
