"""Whether a process that wrote its identity down still lives, however often its id was used again since."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    pid: int
    start: float
    """Linux: clock ticks since boot (setting the wall clock moves nothing); elsewhere seconds since 1970."""
    namespace: int
    """Linux: number of the pid namespace the id counts in (containers have their own); 0 elsewhere."""


def own_identity() -> ProcessIdentity:
    start = _start_of(os.getpid())
    assert start is not None  # we are running
    return ProcessIdentity(pid=os.getpid(), start=start, namespace=own_namespace())


def own_namespace() -> int:
    if sys.platform != "linux":
        return 0
    return os.stat("/proc/self/ns/pid").st_ino


def is_alive(identity: ProcessIdentity) -> bool:
    """True while that very process runs; a zombie is dead. Only for identities of our own namespace."""
    start = _start_of(identity.pid)
    return start is not None and abs(start - identity.start) < 0.5  # a tick, or the rounding of a float


def is_pid_alive(pid: int) -> bool:
    """True while any process of this id runs."""
    return _start_of(pid) is not None


def _start_of(pid: int) -> float | None:
    """When the process started, None when there is none (or only its zombie)."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return None
        fields = stat[stat.rindex(b")") + 2 :].split()  # the command before it may hold spaces and brackets
        state, start = fields[0], fields[19]  # proc(5): fields 3 and 22
        return None if state in b"ZXx" else float(start)
    import psutil  # type: ignore[import-untyped]

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None
