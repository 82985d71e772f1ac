"""A sink's own thread. Its error is stored for the sink's next call, which raises it on the render
thread."""

import logging
import threading
from collections.abc import Callable

from engine.errors import MultiverseError
from engine.sinks.sink import Sink, SinkStatus
from engine.system.guarded_thread import Guard, GuardedThread

log = logging.getLogger(__name__)


def sink_thread(
    name: str, run: Callable[[], object], on_failure: Callable[[Exception], object]
) -> GuardedThread:
    """A thread that calls `run` once and gives its error to `on_failure`, on that thread.

    `SinkSet` reports the error when the sink raises it. Only unexpected errors are logged with
    their traceback; ours, such as a full disk, explain themselves in one line."""

    def guarded() -> None:
        try:
            run()
        except MultiverseError as error:
            on_failure(error)

    guard = Guard(log, lambda key, line: None, "sink", f"the thread {name!r} of a sink failed")
    return GuardedThread(name, guarded, guard, on_failure)


class ThreadSink(Sink):
    """A sink that does its slow work in `_run`, on a thread of its own, until `_is_ending`."""

    max_close_s: float | None = None
    """Limit for the thread's end in `close`; None: as long as it takes."""

    def __init__(self, name: str, thread: str) -> None:
        """`name`: for receivers; `thread`: of the thread, which `start` starts."""
        self.name = name
        self._change = threading.Condition()
        """Held to change what the thread waits for."""
        self._is_open = False
        self._is_ending = False
        self._error: Exception | None = None
        self._frames = 0
        self._dropped = 0
        self._thread = sink_thread(thread, self._run, self._store_error)

    def _run(self) -> None:
        raise NotImplementedError

    def drain(self) -> bool:
        with self._change:
            self._is_ending = True
            self._change.notify_all()
        return not self._thread.is_alive

    def close(self) -> None:
        self.drain()
        self._thread.join(self.max_close_s)

    def status(self) -> SinkStatus:
        return SinkStatus(
            kind=self.kind,
            name=self.name,
            frames=self._frames,
            dropped=self._dropped,
            detail=self._status_detail(),
        )

    def _status_detail(self) -> str:
        raise NotImplementedError

    def _opened(self) -> None:
        """Called by the thread when what it writes to is open."""
        with self._change:
            self._is_open = True
            self._change.notify_all()

    def _wait_until_open(self, timeout_s: float | None = None) -> bool:
        """False after the timeout. Raises the thread's error."""
        with self._change:
            self._change.wait_for(lambda: self._is_open or self._error, timeout_s)
        self._raise_error()
        return self._is_open

    def _store_error(self, error: Exception) -> None:
        with self._change:
            self._error = error
            self._change.notify_all()

    def _raise_error(self) -> None:
        """Raise the error that ended the thread, once, as the sink is closed then."""
        if self._error is not None:
            error = self._error
            self._error = None
            raise error
