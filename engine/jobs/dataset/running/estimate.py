"""Time, disk and memory that pictures will take, from sizes and times that were measured. Pure."""

from dataclasses import dataclass

from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.task import PictureTask, RenderSettings

MB, GB = 10**6, 10**9

# Memory of one picture's process, by pixels. Raster: 363 MB at 640x640, 357 at 1920x1080, 831 at 5280x3956, with all
# files. Cycles: 1.1 GB at 640x640 with ours, about 7 at 5280x3956. With a margin of a quarter.
RASTER_BYTES, RASTER_PIXEL_BYTES = 450 * MB, 30
CYCLES_BYTES, CYCLES_PIXEL_BYTES = 900 * MB, 300
USED_SHARE = 0.9  # of the available memory

# Core-seconds of a picture. Cycles: 544 s on two cores for 50 samples of 21 megapixels.
RASTER_S, RASTER_PIXEL_S = 0.5, 0.35e-6
CYCLES_S, CYCLES_SAMPLE_S = 6.0, 1.0e-6

# Bytes on the disk. PNG: 1.75 a pixel at 640x640, 1.63 at 5280x3956, noise included. HDF5: 3.8 and 3.5.
PNG_PIXEL_BYTES, HDF5_PIXEL_BYTES = 1.7, 3.7
LABEL_BYTES, MANIFEST_BYTES, COCO_BYTES = 25_000, 5_000, 250_000
CLEARLY = 0.5  # a run is refused if not even this share of the estimate is free: a scene without noise takes half


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    pictures: int
    seconds: float
    disk_bytes: int

    def line(self, free_bytes: int) -> str:
        """`about 12 minutes and 3.4 GB for 100 pictures; 120 GB free`."""
        return (
            f"about {_duration(self.seconds)} and {size_text(self.disk_bytes)} for {self.pictures} pictures; "
            f"{size_text(free_bytes)} free"
        )

    def is_clearly_too_large(self, free_bytes: int) -> bool:
        return self.disk_bytes * CLEARLY > free_bytes


def estimate(task: PictureTask, pictures: int, *, jobs: int, cores: int) -> Estimate:
    """The estimate for pictures such as this one."""
    view = task.varied.camera.view if task.varied is not None else None
    width, height = view or (task.options.width, task.options.height)
    pixels = width * height
    if task.drawing.engine == "cycles":
        core_seconds = CYCLES_S + CYCLES_SAMPLE_S * pixels * (task.drawing.max_samples or 0)
    else:
        core_seconds = RASTER_S + RASTER_PIXEL_S * pixels
    each_bytes = PNG_PIXEL_BYTES * pixels + LABEL_BYTES + MANIFEST_BYTES
    each_bytes += HDF5_PIXEL_BYTES * pixels * task.with_hdf5 + COCO_BYTES * task.with_coco
    return Estimate(
        pictures=pictures,
        seconds=core_seconds * pictures / max(min(jobs, cores), 1),
        disk_bytes=round(each_bytes * pictures),
    )


def picture_bytes(drawing: RenderSettings, options: SceneOptions) -> int:
    """Main memory of the processes of one picture, with a margin."""
    pixels = options.width * options.height
    if drawing.engine == "cycles":
        return CYCLES_BYTES + CYCLES_PIXEL_BYTES * pixels
    return RASTER_BYTES + RASTER_PIXEL_BYTES * pixels


def default_jobs(available_bytes: int, cores: int, each_bytes: int) -> int:
    """Pictures in parallel: as many as fit into memory, at most one per core, at least one."""
    return max(1, min(cores, int(available_bytes * USED_SHARE) // each_bytes))


def size_text(size_bytes: int) -> str:
    """`3.4 GB`, `120 GB`, `35 MB`."""
    if size_bytes >= 10 * GB:
        return f"{size_bytes / GB:.0f} GB"
    return f"{size_bytes / GB:.1f} GB" if size_bytes >= 0.95 * GB else f"{max(size_bytes / MB, 1):.0f} MB"


def _duration(seconds: float) -> str:
    for unit_s, name in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 1.5 * unit_s:
            return f"{seconds / unit_s:.2g} {name}" if seconds < 10 * unit_s else f"{seconds / unit_s:.0f} {name}"
    return f"{max(seconds, 1):.0f} seconds"
