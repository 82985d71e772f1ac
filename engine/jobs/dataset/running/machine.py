"""How much of this machine a run may take: containers and schedulers give less than there is."""

import os
from pathlib import Path

import psutil

# Version 2 of control groups, then version 1.
MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def cores() -> int:
    """That this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes(limits: tuple[Path, ...] = MEMORY_LIMITS) -> int:
    """Of main memory, the container's where that is less."""
    total = psutil.virtual_memory().total
    for limit in limits:
        try:
            return min(total, int(limit.read_text(encoding="ascii")))
        except (OSError, ValueError):  # there is none, or "max"
            continue
    return total
