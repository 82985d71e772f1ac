"""Process identities that stay unique when process ids are reused: the id with the start time.

The start time must not change when the wall clock is set. Linux counts it from boot. XNU stores the
wall clock at fork (microtime in bsd/kern/kern_fork.c, apple/darwin-xnu) and never changes it, nor
does Windows (GetProcessTimes). But on macOS psutil's `create_time()` (adjust_proc_create_time in
psutil/_psosx.py, 7.1 and later) adds each step of the clock since psutil was imported. Two
processes would get different times for a third. psutil's own comparisons use the value without
these steps (Process._get_ident in psutil/__init__.py), and so do we.
"""

import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from engine.ipc.compat_psutil import identity_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """Identifies a process, also when its id is reused later."""

    pid: int
    start: float
    """Start time. Linux: clock ticks since boot; elsewhere seconds since 1970 by the wall clock at
    that moment."""
    namespace: int
    """Linux: number of the id's pid namespace (containers have their own); 0 elsewhere."""


def own_identity() -> ProcessIdentity:
    """Identity of this process; constant while it runs."""
    return _computed_once(os.getpid(), own_namespace())


@functools.cache
def _computed_once(own_pid: int, namespace: int) -> ProcessIdentity:
    """Cached by id: a forked child has another id, so it gets an identity of its own."""
    start = _start_of(own_pid)
    assert start is not None  # we are running
    return ProcessIdentity(pid=own_pid, start=start, namespace=namespace)


def own_namespace() -> int:
    """Number of this process's pid namespace on Linux; 0 elsewhere."""
    if sys.platform != "linux":
        return 0
    return os.stat("/proc/self/ns/pid").st_ino


def is_alive(identity: ProcessIdentity) -> bool:
    """True while this process runs; a zombie counts as dead. Only for identities of our own
    namespace."""
    start = own_identity().start if identity.pid == os.getpid() else _start_of(identity.pid)
    # a tick, or the rounding of a float
    return start is not None and abs(start - identity.start) < 0.5


def is_pid_alive(pid: int) -> bool:
    """True while any process with this id runs."""
    return _start_of(pid) is not None


def _start_of(pid: int) -> float | None:
    """Start time of the process, or None if there is none or only a zombie."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return None
        fields = stat[
            stat.rindex(b")") + 2 :
        ].split()  # the command before it may contain spaces and brackets
        # proc(5): fields 3 and 22
        state = fields[0]
        start = fields[19]
        return None if state in b"ZXx" else float(start)
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        if sys.platform == "darwin":
            return float(identity_of(process)[1])
        return float(process.create_time())
    except psutil.NoSuchProcess:
        return None
