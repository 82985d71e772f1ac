"""A memory fence from pure Python, for counters that another process reads without a lock.

x86 keeps ordinary stores in order, but not the streaming stores that memcpy uses for large pictures: such a
store may become visible before the counter stored ahead of it. ARM keeps no order at all. A fence on both
sides of the copy is therefore needed everywhere. Python offers none, but taking and releasing a lock is made
of atomic operations: on x86 a locked instruction (a full fence); on ARMv8 an acquire and a release. One
acquire and release lets earlier accesses sink in and later ones rise into the pair; of two pairs in a row the
first's release is ordered before the second's acquire (ARMv8 is "RCsc"), so nothing passes both. About 0.1
us.
"""

import threading


class Fence:
    """`fence()` orders all loads and stores before it against all after it. One a ring: never contended."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            pass
        with self._lock:
            pass
