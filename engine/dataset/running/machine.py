"""Cores and memory that this process may use: containers and schedulers limit them."""

import os
import sys
from pathlib import Path

import psutil

# cgroups version 2, then version 1: the limit, and how much is in use.
MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
MEMORY_USES = (Path("/sys/fs/cgroup/memory.current"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"))


def cores() -> int:
    """Number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        usable: int = len(os.sched_getaffinity(0))
        return usable
    return os.cpu_count() or 1


def available_bytes(limits: tuple[Path, ...] = MEMORY_LIMITS, uses: tuple[Path, ...] = MEMORY_USES) -> int:
    """Main memory that new processes may use, without swapping, within the container's limit."""
    available: int = psutil.virtual_memory().available
    limit, used = _first_number(limits), _first_number(uses)
    # The use counts cached files, which make room: so a half of the limit is taken for free in any case.
    return available if limit is None or used is None else min(available, max(limit - used, limit // 2))


def memory_left_bytes() -> int:
    """Memory that this process may still take: what is available, and what its own limit (ulimit -v) leaves."""
    left = available_bytes()
    if sys.platform == "linux":
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            left = min(left, limit - psutil.Process().memory_info().vms)
    return max(left, 0)


def _first_number(paths: tuple[Path, ...]) -> int | None:
    for path in paths:
        try:
            return int(path.read_text(encoding="ascii"))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return None
