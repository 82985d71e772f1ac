"""The thread of a child that beats, hears messages, and ends the process when the engine is gone.

The main thread may be inside a library for seconds, so it can do none of the three. One thread does: it waits for a
message, at most a quarter of a second, and beats. It holds no lock, needs the GIL alone, and so falls silent exactly
when the process is stopped or somebody keeps the GIL.
"""

import os
import threading
import time
import traceback
from queue import SimpleQueue
from typing import Final

from engine.children import stderr_file
from engine.children.messages import OutputMade, Stop, ToChild, Update
from engine.errors import PipeClosedError
from engine.ipc import ChildWords, ControlPipe

BEAT_S: Final = 0.25
EXIT_ORPHANED: Final = 71
EXIT_DEAF: Final = 72  # our own thread failed: without it nobody would notice the engine's death


class Mailbox:
    def __init__(self, pipe: ControlPipe[ToChild], words: ChildWords) -> None:
        self.updates: SimpleQueue[Update] = SimpleQueue()
        self.outputs: SimpleQueue[OutputMade] = SimpleQueue()
        self.should_stop = False
        self._pipe = pipe
        self._words = words

    def open(self) -> None:
        """Start to beat and to hear."""
        threading.Thread(target=self._run, name="mailbox", daemon=True).start()

    def _run(self) -> None:
        try:
            while True:
                self._words.beat(time.perf_counter_ns())
                self._sort(self._pipe.receive(BEAT_S))
                stderr_file.cut_long()
        except PipeClosedError:  # the engine is gone, or gave us up: there is nothing to save
            os._exit(EXIT_ORPHANED)
        except Exception:  # the top of a thread
            traceback.print_exc()
            os._exit(EXIT_DEAF)

    def _sort(self, message: ToChild | None) -> None:
        match message:
            case Update():
                self.updates.put(message)
            case OutputMade():
                self.outputs.put(message)
            case Stop():
                self.should_stop = True
