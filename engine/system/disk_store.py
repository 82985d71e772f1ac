"""A thread that waits for a disk, so that no other has to.

Its jobs are done in the order they were given. It is a daemon: a disk that never answers, a network home that hangs,
keeps neither the show nor its end waiting.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from engine.errors import MultiverseError
from osc_schema import Rejected

log = logging.getLogger(__name__)

Job = Callable[[], None]
Fail = Callable[[str], None]

MAX_S = 5.0
"""For one thing; and how long the end waits for all that was to be done."""
POLL_INTERVAL_S = 2.0
MAX_WAITING = 1000


class DiskThread:
    """`post` and `close` on any thread."""

    def __init__(self, name: str, report: Callable[[str, str], None], look: Job | None = None) -> None:
        """`look` is called at once and then every 2 s, on the thread: it must tell its own errors."""
        self.has_looked = threading.Event()
        """Set after the first `look`."""
        self._name = name
        self._report = report
        self._look = look
        self._changed = threading.Condition()
        self._jobs: deque[tuple[Job, Fail]] = deque()
        """The first one is in hand."""
        self._is_closing = False
        self._busy_since_s: float | None = None
        self._look_at_s = time.perf_counter()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def post(self, job: Job, fail: Fail) -> None:
        """Do `job` after all that was posted before. `fail(reason)` when it raises, on the thread; when it is not even
        begun because the disk does not answer, here and now."""
        since_s = self._busy_since_s
        if since_s is not None and (waited_s := time.perf_counter() - since_s) > MAX_S:
            fail(f"the disk has not answered for {waited_s:.0f} s")
            return
        with self._changed:
            is_taken = len(self._jobs) < MAX_WAITING
            if is_taken:
                self._jobs.append((job, fail))
                self._changed.notify_all()
        if not is_taken:
            fail(f"{MAX_WAITING} others wait for the disk already")

    def close(self) -> None:
        """Returns when all is done that was posted, or says after 5 s that the rest of it is not."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            is_done = self._changed.wait_for(lambda: not self._jobs, MAX_S)
            left = len(self._jobs)
        if is_done:
            self._thread.join(0.5)  # it may be looking, which nobody needs any more
        else:
            self._report(self._name, f"the disk has not answered for {MAX_S:g} s; what waited is left ({left})")

    # -- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._is_wanted, self._rest_s())
                entry = self._jobs[0] if self._jobs else None
                if entry is None and self._is_closing:
                    return
            self._busy_since_s = time.perf_counter()
            if self._look is not None and self._look_at_s <= self._busy_since_s and not self._is_closing:
                self._attempt(self._look, lambda reason: self._report(self._name, reason))
                self._look_at_s = time.perf_counter() + POLL_INTERVAL_S
                self.has_looked.set()
            elif entry is not None:
                self._attempt(*entry)
                with self._changed:
                    self._jobs.popleft()
                    self._changed.notify_all()
            self._busy_since_s = None

    def _is_wanted(self) -> bool:
        return bool(self._jobs) or self._is_closing

    def _rest_s(self) -> float | None:
        """Until the next look."""
        return None if self._look is None else max(0.0, self._look_at_s - time.perf_counter())

    def _attempt(self, job: Job, fail: Fail) -> None:
        try:
            job()
        except (MultiverseError, Rejected, OSError) as error:
            fail(str(error))
        except Exception as error:  # the top of the thread's loop
            log.exception("%s: an error of the engine itself", self._name)
            fail(f"an error of the engine itself: {type(error).__name__}")
