"""A thread that does one thing after another, and keeps no program from ending.

Python waits at its end for the threads of a `ThreadPoolExecutor`, so that a look at a disk that never answers would
keep the engine's process for ever.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any


class DaemonWorker:
    """`submit` on any thread, as of an Executor."""

    def __init__(self, name: str) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        """Call it with these arguments after all that was submitted before; what it returns or raises, later."""
        future: Future[Any] = Future()

        def task() -> None:
            try:
                result = function(*arguments)
            except BaseException as error:  # the top of a thread: the future holds it
                future.set_exception(error)
            else:
                future.set_result(result)

        self._tasks.put(task)
        return future

    def shutdown(self) -> None:
        """Return when all is done that was submitted; nothing may be submitted any more. Idempotent."""
        self._tasks.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
