"""A memory fence in pure Python, for counters that another process reads without a lock.

x86 keeps ordinary stores in order, but not the streaming stores that memcpy uses for large pictures: such a store may
become visible before a counter that was stored earlier. ARM guarantees no order at all. So both sides of the copy need
a fence. Python has none, but acquiring and releasing a lock uses atomic operations: on x86 a locked instruction, which
is a full fence; on ARMv8 an acquire and a release. One pair lets earlier accesses move down and later ones move up into
it. Of two pairs in a row, the first's release is ordered before the second's acquire (ARMv8 is "RCsc"), so nothing
moves past both. It takes about 0.1 us.
"""

import threading


class Fence:
    """`fence()` orders all loads and stores before it against all after it. One per ring, so never contended."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            pass
        with self._lock:
            pass
