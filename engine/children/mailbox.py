"""A child's thread that sends heartbeats, receives messages, and ends the process when the engine
has ended.

The main thread may be inside a library for seconds, so it cannot do this. This thread waits up to a
quarter of a second for a message, then stores a heartbeat. It takes no lock and needs only the GIL,
so heartbeats stop exactly when the process is stopped or something holds the GIL.
"""

import logging
import os
import time
from queue import SimpleQueue
from typing import Final

from engine.children import stderr_file
from engine.children.messages import OutputCreated, Stop, ToChild, Update
from engine.errors import PipeClosedError
from engine.ipc import ChildCounters, ControlPipe
from engine.system.guarded_thread import Guard, GuardedThread

BEAT_S: Final = 0.25
EXIT_ORPHANED: Final = 71
EXIT_NO_MAILBOX: Final = 72  # the mailbox thread failed: the engine's death would go unnoticed

log = logging.getLogger(__name__)


class Mailbox:
    """Received messages, by kind. Any thread reads them."""

    def __init__(self, pipe: ControlPipe[ToChild], counters: ChildCounters) -> None:
        self.updates: SimpleQueue[Update] = SimpleQueue()
        self.outputs: SimpleQueue[OutputCreated] = SimpleQueue()
        self.should_stop = False
        self._pipe = pipe
        self._counters = counters

    def open(self) -> None:
        # logged to stderr only
        guard = Guard(log, lambda key, line: None, "mailbox", "the mailbox thread failed")
        GuardedThread(
            "mailbox", self._run, guard, on_failure=lambda error: os._exit(EXIT_NO_MAILBOX)
        ).start()

    def _run(self) -> None:
        try:
            while True:
                self._counters.beat(time.perf_counter_ns())
                self._dispatch(self._pipe.receive(BEAT_S))
                stderr_file.truncate_long()
        except PipeClosedError:  # the engine has ended or abandoned this process: nothing to save
            os._exit(EXIT_ORPHANED)

    def _dispatch(self, message: ToChild | None) -> None:
        match message:
            case Update():
                self.updates.put(message)
            case OutputCreated():
                self.outputs.put(message)
            case Stop():
                self.should_stop = True
