"""A stage process, seen from the process that started it."""

import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from typing import Final

from engine.children import stderr_file
from engine.children.spec import child_environment
from engine.errors import PipeClosedError
from engine.ipc import ControlPipe
from engine.ipc.control_pipe import open_pipe
from engine.jobs.video.split.messages import BeginStage, FromStage, StageFault, StageReady
from engine.system.python_process import exit_reason, start_python

STAGE: Final = "engine.jobs.video.split.stage_process"
GONE_S: Final = 10.0  # a killed process is gone in milliseconds, unless it is stuck in a driver


class StageProcess:
    """Single-threaded. Only `close` blocks."""

    def __init__(
        self, title: str, begin: BeginStage, inputs: Sequence[Connection], outputs: Sequence[Connection]
    ) -> None:
        """`inputs` and `outputs`: its ends of the links, which are copied. ChildError or OSError if it cannot start."""
        self.title = title
        """Name in messages, such as `process 1 of 2`."""
        self.ready: StageReady | None = None
        self.fault: StageFault | None = None
        with ExitStack() as undo:
            self._stderr = undo.enter_context(stderr_file.create())
            ours, theirs = open_pipe()
            undo.callback(ours.close)
            with theirs:
                handles = theirs.fileno(), tuple(end.fileno() for end in inputs), tuple(end.fileno() for end in outputs)
                call = f"main{handles!r}"
                passed = [handles[0], *handles[1], *handles[2]]
                environment = {**child_environment(), "OMP_NUM_THREADS": str(begin.threads)}
                self._popen = start_python(
                    STAGE, call, stdout=self._stderr, stderr=self._stderr, handles=passed, environment=environment
                )
            undo.pop_all()
        self._pipe: ControlPipe[FromStage] = ControlPipe(ours, FromStage)
        self._is_pipe_open = True
        with suppress(PipeClosedError):  # it has died, which will be noticed next
            self._pipe.send(begin)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def connection(self) -> Connection:
        """For `multiprocessing.connection.wait`: ready when the process has sent a message or is gone."""
        return self._pipe.connection

    @property
    def is_leaving(self) -> bool:
        """True once it has sent its exit reason or is gone, as far as its messages were read."""
        return self.fault is not None or not self._is_pipe_open

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._popen.poll()

    def listen(self) -> None:
        """Read its pending messages."""
        while self._is_pipe_open:
            try:
                message = self._pipe.receive()
            except PipeClosedError:
                self._is_pipe_open = False
                return
            if message is None:
                return
            if isinstance(message, StageReady):
                self.ready = message
            else:
                self.fault = message

    def reason(self) -> str:
        """Exit reason in one line. Valid once `is_leaving`."""
        if self.fault is not None:
            return self.fault.text if self.fault.says_all else f"the {self.title} stage: {self.fault.text}"
        how = exit_reason(self.exit_code), stderr_file.crash_summary(self.last_lines())
        return f"the {self.title} stage ended: {'; '.join(filter(None, how))}"

    def last_lines(self) -> list[str]:
        """The last lines of its stderr."""
        return stderr_file.read_tail(self._stderr)

    def kill(self) -> None:
        self._popen.kill()

    def close(self) -> None:
        """Wait until the killed process is gone, and release its resources."""
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(GONE_S)
        self._pipe.close()
        self._stderr.close()
