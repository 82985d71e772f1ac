"""Cores and memory that this process may use: containers and schedulers limit them."""

import os
from pathlib import Path

import psutil

# cgroups version 2, then version 1.
MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def cores() -> int:
    """Number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        usable: int = len(os.sched_getaffinity(0))
        return usable
    return os.cpu_count() or 1


def memory_bytes(limits: tuple[Path, ...] = MEMORY_LIMITS) -> int:
    """Main memory, or the container's limit if that is less."""
    total: int = psutil.virtual_memory().total
    for limit in limits:
        try:
            return min(total, int(limit.read_text(encoding="ascii")))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return total
