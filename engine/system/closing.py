"""Closes the parts of an engine: all are asked to end first, then each is closed, in reverse order of opening.

The naive way closes one part after another, and each may wait: three children that hang take three times as long as
one. A service manager kills after 10 s, in the middle of a recording. So whatever takes its time to end (children,
recordings) is asked first, all at once, and ends beside the others. Then every part is closed on a thread of its own,
which is waited for until a deadline that all share: a disk, a driver or a client that never answers costs the deadline
once, and the parts behind it are closed all the same. A part that is not closed by then is named in the log and left
to end with the process.

Parts that hold objects of the GL context are closed on the engine's own thread (`here`). They bound their waits
themselves; a driver that never returns from there cannot be left.
"""

import contextlib
import logging
import threading
import time
from concurrent.futures import Future, wait
from functools import partial
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar, runtime_checkable

log = logging.getLogger(__name__)

MAX_CLOSE_S: Final = 4.5  # all parts together; a child has 3 s of them before it is killed, and 1 s to be gone
MIN_WAIT_S: Final = 0.05  # for each part behind the deadline, too: most need less


class Closable(Protocol):
    def close(self) -> None: ...


@runtime_checkable
class Asked(Protocol):
    """A part that takes its time to end, and may begin before it is closed."""

    def ask_to_end(self) -> None:
        """Begin to end, without waiting. `close` follows, and waits for it."""


Part = TypeVar("Part", bound=Closable)


class Closing:
    """A context that ends its parts when it is left; used on one thread."""

    def __init__(self, *, max_s: float = MAX_CLOSE_S) -> None:
        """`max_s`: for all parts together, from the moment the context is left."""
        self._max_s = max_s
        self._parts: list[tuple[Closable, bool]] = []

    def __call__(self, part: Part) -> Part:
        """Returns the part, to be closed at the end on a thread of its own."""
        self._parts.append((part, False))
        return part

    def here(self, part: Part) -> Part:
        """The same for a part that must be closed on the thread that leaves the context."""
        self._parts.append((part, True))
        return part

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Raises the last error of a part, after all are closed."""
        self._end_s = time.perf_counter() + self._max_s
        with contextlib.ExitStack() as stack:
            for part, is_here in self._parts:
                stack.callback(part.close if is_here else partial(self._close_beside, part))
            for part, _ in reversed(self._parts):
                if isinstance(part, Asked):
                    part.ask_to_end()

    def _close_beside(self, part: Closable) -> None:
        """On a thread of its own, which is waited for until the deadline; raises what that raised."""
        closed: Future[None] = Future()

        def close() -> None:
            try:
                part.close()
            except BaseException as error:  # the top of a thread: raised again by the one that waits
                closed.set_exception(error)
            else:
                closed.set_result(None)

        name = type(part).__name__
        threading.Thread(target=close, name=f"close {name}", daemon=True).start()
        done, _ = wait([closed], max(MIN_WAIT_S, self._end_s - time.perf_counter()))
        if done:
            closed.result()
        else:
            log.warning("%s has not ended within %g s; it is left to end with the process", name, self._max_s)
