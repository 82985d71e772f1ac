"""Closes the parts of an engine in reverse order of opening, after asking all of them to end.

A service manager kills the process after 10 s, in the middle of a recording. So all slow parts
(children, recordings) are asked to end first. Then each part is closed on a thread of its own, and
all share one deadline: a disk, driver or client that never answers costs it once. A part that
misses the deadline is named in the log and ends with the process.

Parts that own objects of the GL context are closed on the engine's own thread (`here`) and limit
their waits themselves; a driver that never returns cannot be abandoned there.
"""

import contextlib
import logging
import time
from concurrent.futures import wait
from functools import partial
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar, runtime_checkable

from engine.system.daemon_worker import call_on_thread

log = logging.getLogger(__name__)

MAX_CLOSE_S: Final = 4.5  # all parts together; a child gets 3 s before it is killed, and 1 s to end
MIN_WAIT_S: Final = 0.05  # for each part even after the deadline; most parts need less


class Closable(Protocol):
    def close(self) -> None: ...


@runtime_checkable
class Stoppable(Protocol):
    """A part that takes long to end, and can be asked to stop before it is closed."""

    def ask_to_end(self) -> None:
        """Begin to end, without waiting. `close` is called later and waits for the end."""


Part = TypeVar("Part", bound=Closable)


class Closing:
    """A context manager that closes its parts at exit. Use it on one thread."""

    def __init__(self, *, max_s: float = MAX_CLOSE_S) -> None:
        """`max_s`: deadline for all parts together, from the exit of the context."""
        self._max_s = max_s
        self._parts: list[tuple[Closable, bool]] = []

    def __call__(self, part: Part) -> Part:
        """Add a part that is closed on a thread of its own. Returns the part."""
        self._parts.append((part, False))
        return part

    def here(self, part: Part) -> Part:
        """Add a part that must be closed on the thread that exits the context. Returns the part."""
        self._parts.append((part, True))
        return part

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close all parts, then raise the last error of any."""
        self._end_s = time.perf_counter() + self._max_s
        with contextlib.ExitStack() as stack:
            for part, is_here in self._parts:
                stack.callback(part.close if is_here else partial(self._close_on_thread, part))
            for part, _ in reversed(self._parts):
                if isinstance(part, Stoppable):
                    part.ask_to_end()

    def _close_on_thread(self, part: Closable) -> None:
        """Close it on another thread and wait until the deadline; raises the error of `close`."""
        name = type(part).__name__
        closed = call_on_thread(f"close {name}", part.close)
        done, _ = wait([closed], max(MIN_WAIT_S, self._end_s - time.perf_counter()))
        if done:
            closed.result()
        else:
            log.warning(
                "%s has not ended within %g s; it will end with the process", name, self._max_s
            )
