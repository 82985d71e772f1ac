"""A sink's own thread. Its error is kept for the sink's next call, which raises it on the render thread."""

import logging
from collections.abc import Callable

from engine.errors import MultiverseError
from engine.system.guarded_thread import Guard, GuardedThread

log = logging.getLogger(__name__)


def sink_thread(name: str, run: Callable[[], object], on_failure: Callable[[Exception], object]) -> GuardedThread:
    """A thread that calls `run` once and gives its error to `on_failure`, on that thread.

    `SinkSet` reports the error when the sink raises it. Only unexpected errors are logged with their traceback; ours,
    such as a full disk, explain themselves in one line.
    """

    def guarded() -> None:
        try:
            run()
        except MultiverseError as error:
            on_failure(error)

    guard = Guard(log, lambda key, line: None, "sink", f"the thread {name!r} of a sink failed")
    return GuardedThread(name, guarded, guard, on_failure)
