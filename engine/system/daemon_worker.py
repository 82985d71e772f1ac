"""Runs functions on daemon threads and returns their results and errors as Futures.

Python waits at exit for the threads of a `ThreadPoolExecutor`. A task that hangs on a disk would
keep the engine's process alive for ever; a daemon thread does not.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any


class DaemonWorker:
    """Runs tasks in order on one thread. Call its methods on any thread."""

    def __init__(self, name: str) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        """Call the function after all tasks submitted earlier, like an Executor."""
        future: Future[Any] = Future()
        self._tasks.put(lambda: _settle(future, function, *arguments))
        return future

    def shutdown(self) -> None:
        """Wait until all tasks are done. Nothing may be submitted afterwards. Idempotent."""
        self._tasks.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()


def call_on_thread(name: str, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
    """Call the function once, on a daemon thread of its own."""
    future: Future[Any] = Future()
    threading.Thread(
        target=_settle, args=(future, function, *arguments), name=name, daemon=True
    ).start()
    return future


def _settle(future: "Future[Any]", function: Callable[..., Any], *arguments: Any) -> None:
    try:
        result = function(*arguments)
    except BaseException as error:  # the top of a thread: `future.result` raises it
        future.set_exception(error)
    else:
        future.set_result(result)
