"""Estimates time, disk and memory for pictures, from measurements; finds cores and memory that are
available."""

import math
import os
import sys
from pathlib import Path

import psutil

from engine.dataset.sensor.effects import parse_effects
from engine.dataset.task import PictureTask

MB, GB = 10**6, 10**9

# Memory of one picture's process, and for each of its pixels, with a margin of a quarter. Raster:
# 363 MB at 640x640, 357 at 1920x1080, 831 at 5280x3956, with all files; recipe 2: 526 MB at
# 640x640, 1336 at 5280x3956. Cycles: 1.1 GB at 640x640 with ours, about 7 at 5280x3956.
MEMORY_BYTES = {"raster": (450 * MB, 30), "recipe 2": (600 * MB, 50), "cycles": (900 * MB, 300)}
USED_FRACTION = 0.9  # of the available memory

# Core-seconds of a picture. Recipe 2, raster: 0.42 to 0.66 for windows of 640x640, 1.5 to 2.5 at
# 1920x1080, 9 at 5280x3956. Cycles: 544 s on two cores for 50 samples of 21 megapixels.
# and for each sample
CORE_S = {"raster": (0.5, 0.35e-6), "recipe 2": (0.45, 0.43e-6), "cycles": (6.0, 1.0e-6)}
START_S = 4.0  # imports, the first process of each job, figures: 3 to 5 s

# Bytes on the disk. PNG: 1.75 a pixel at 640x640, 1.63 at 5280x3956, noise included; JPEG of recipe
# 2: 0.45 to 0.6. The frozen scene of recipe 2: 110 kB on average for a window, 800 kB for 340
# piles. Tiles: the pixels of the overlap again. Depth and masks: 0.13 and 0.02 a pixel at both
# sizes. Shards: all but scenes once more.
PNG_PIXEL_BYTES = 1.7
JPEG_PIXEL_BYTES = 0.6
FORMAT_PIXEL_BYTES = {"depth": 0.15, "masks": 0.03}
LABEL_BYTES = 25_000
MANIFEST_BYTES = 5_000
COCO_BYTES = 250_000
SCENE_BYTES = 110_000
WHOLE_SCENE_BYTES = 800_000
MIN_FREE_FRACTION = (
    0.5  # of the estimate; a run with less space is refused: a scene without noise takes half
)
# cgroups version 2, then version 1: the limit, and how much is in use.
MEMORY_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
MEMORY_USES = (
    Path("/sys/fs/cgroup/memory.current"),
    Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def estimate(task: PictureTask, pictures: int, *, jobs: int, cores: int) -> tuple[float, int]:
    """Estimate seconds and bytes on the disk for this many pictures like this one."""
    pixels = math.prod(task.picture_px)
    start_s, sample_s = CORE_S[_cost(task)]
    core_seconds = start_s + sample_s * pixels * (task.drawing.max_samples or 1)
    seconds = START_S + core_seconds * pictures / max(min(jobs, cores, pictures), 1)
    return seconds, round(_disk_bytes(task, pixels) * pictures)


def _disk_bytes(task: PictureTask, pixels: int) -> float:
    """Bytes of one picture's files."""
    labels = task.labels
    recipe_2 = task.recipe_2
    if recipe_2 is None:
        each_bytes = PNG_PIXEL_BYTES * pixels + LABEL_BYTES + MANIFEST_BYTES
        return each_bytes + COCO_BYTES * ("coco" in task.labels.written)
    effects = parse_effects(recipe_2.sensor.camera_effects)
    pixel_bytes = _pixel_bytes(
        JPEG_PIXEL_BYTES if "jpeg" in effects else PNG_PIXEL_BYTES, task.labels.written
    )
    if labels.tiles is not None:
        tile_bytes = PNG_PIXEL_BYTES if labels.tile_quality is None else JPEG_PIXEL_BYTES
        pixel_bytes += _pixel_bytes(tile_bytes, task.labels.written) / (1 - labels.overlap) ** 2
    scene_bytes = WHOLE_SCENE_BYTES if recipe_2.camera.view is None else SCENE_BYTES
    return (
        pixel_bytes * pixels + LABEL_BYTES * len(task.labels.written) + MANIFEST_BYTES + scene_bytes
    )


def _pixel_bytes(picture: float, formats: tuple[str, ...]) -> float:
    """Bytes of a pixel of a picture and of its files in these formats."""
    once = picture + sum(FORMAT_PIXEL_BYTES.get(name, 0.0) for name in formats)
    return once * (1 + ("webdataset" in formats))


def picture_bytes(task: PictureTask) -> int:
    """Main memory of the processes of one picture, with a margin."""
    base_bytes, pixel_bytes = MEMORY_BYTES[_cost(task)]
    return base_bytes + pixel_bytes * math.prod(task.picture_px)


def _cost(task: PictureTask) -> str:
    """Cost class: the engine, and for the raster engine the recipe; it determines time and
    memory."""
    if task.drawing.engine == "cycles":
        return "cycles"
    return "raster" if task.recipe_2 is None else "recipe 2"


def default_jobs(available_bytes: int, cores: int, each_bytes: int) -> int:
    """Pictures in parallel: as many as fit into memory, at most one per core, at least one."""
    return max(1, min(cores, int(available_bytes * USED_FRACTION) // each_bytes))


def size_text(size_bytes: int) -> str:
    """Format a size: `3.4 GB`, `120 GB`, `35 MB`."""
    if size_bytes >= 10 * GB:
        return f"{size_bytes / GB:.0f} GB"
    return (
        f"{size_bytes / GB:.1f} GB"
        if size_bytes >= 0.95 * GB
        else f"{max(size_bytes / MB, 1):.0f} MB"
    )


def duration_text(seconds: float) -> str:
    """Format a duration: `12 minutes`."""
    for unit_s, name in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 1.5 * unit_s:
            return (
                f"{seconds / unit_s:.2g} {name}"
                if seconds < 10 * unit_s
                else f"{seconds / unit_s:.0f} {name}"
            )
    return f"{max(seconds, 1):.0f} seconds"


def cores() -> int:
    """Number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_bytes(
    limits: tuple[Path, ...] = MEMORY_LIMITS, uses: tuple[Path, ...] = MEMORY_USES
) -> int:
    """Main memory that new processes may use, without swapping, within the container's limit."""
    available: int = psutil.virtual_memory().available
    limit = _first_number(limits)
    used = _first_number(uses)
    # The use counts cached files, which can be freed: so at least half of the limit counts as free.
    return (
        available
        if limit is None or used is None
        else min(available, max(limit - used, limit // 2))
    )


def memory_left_bytes() -> int:
    """Memory that this process may still allocate: what is available, within its own limit (ulimit
    -v)."""
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
