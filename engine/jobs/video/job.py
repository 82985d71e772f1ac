"""A video job: source, output, painting and settings. Plain values, so a job can be sent to another
process."""

from dataclasses import dataclass

from engine.errors import UsageError
from engine.jobs.kit import options
from engine.jobs.kit.options import check_no_stream, check_number, check_place, option
from engine.models.sd.painting import MAX_GUIDANCE, MAX_SEED, MAX_STEPS, Painting
from engine.models.sd.plan.sampler_choice import SAMPLERS
from engine.models.sd.spec import NO_MODEL
from engine.system.schedule import MAX_VIDEO_FPS, MIN_VIDEO_FPS, parse_rate
from engine.values import Deinterlace
from osc_schema.sd import declared

MAX_BATCH = 64
SIDE_STEP_PX = 8  # pixels per latent
MIN_SIDE_PX = 64
MAX_SCALE = 2.0  # of a ControlNet or an IP-Adapter; they were trained with 1
MAX_LORA_WEIGHT = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoJob:
    source: str
    """A video, a picture, a folder of pictures, a camera's index or name, or an address."""
    output: str
    """A video (.mp4 .m4v .mov .mkv .webm .avi), or a folder of frames: no suffix, or a trailing
    slash."""
    painting: Painting
    scale: float = option(
        1.0, "Factor of the source's size; sides are rounded to 8 px.", metavar="0.05..8"
    )
    batch: int = option(1, "Pictures per batch.", metavar="1..64")
    recursive: bool = option(False, options.RECURSIVE, flags="--recursive")
    fps: float | None = option(None, options.FPS, metavar="RATE", parse=parse_rate)
    deinterlace: Deinterlace | None = option(None, options.DEINTERLACE, metavar="field|frame")
    every: int = option(1, "Only each N-th picture.", metavar="N")
    """A picture is painted if its number % every == 0."""
    frames: int | None = option(None, "At most N pictures.", metavar="N")
    cluster: str | None = option(None, options.CLUSTER, metavar=options.CLUSTERS)
    device: str = option("auto", options.DEVICE, metavar=options.DEVICES, is_configured=True)
    dtype: str = option("auto", options.DTYPE, metavar=options.DTYPES, is_configured=True)
    threads: int | None = option(None, "CPU threads. (default: chosen by torch)", metavar="N")
    """None: chosen by torch, or one per actor on a cluster."""
    metadata: bool = option(True, options.METADATA, flags="--metadata/--no-metadata")
    resume: bool = option(False, options.RESUME, flags="--resume")
    overwrite: bool = option(False, options.OVERWRITE, flags="--overwrite")

    def check(self) -> None:
        """Raise UsageError for contradictions and values out of range. Touches no file."""
        check_painting(self.painting)
        check_place(self.device, self.dtype)
        check_no_stream(self.source, self.output)
        check_number("--every", self.every, 1)
        check_number("--batch", self.batch, 1, MAX_BATCH)
        check_number("--scale", self.scale, 0.05, 8.0)
        check_number("--frames", 1 if self.frames is None else self.frames, 1)
        check_number(
            "--fps", MIN_VIDEO_FPS if self.fps is None else self.fps, MIN_VIDEO_FPS, MAX_VIDEO_FPS
        )
        check_number("--threads", 1 if self.threads is None else self.threads, 1)

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Painted width and height of a picture of this size, rounded to multiples of 8 px."""
        return painted_size(width * self.scale, height * self.scale)

    def notes(self, width: int, height: int) -> list[str]:
        """Notes about options with an unexpected effect on pictures of this size."""
        if min(width, height) * self.scale >= MIN_SIDE_PX - SIDE_STEP_PX / 2:
            return []
        size = "{}x{}".format(*self.size_for(width, height))
        return [
            f"painted at {size}: sides are at least {MIN_SIDE_PX} px, so the proportions have "
            "changed"
        ]


def painted_size(width: float, height: float) -> tuple[int, int]:
    """These sides, rounded to multiples of SIDE_STEP_PX, at least MIN_SIDE_PX."""
    sides = (max(MIN_SIDE_PX, round(px / SIDE_STEP_PX) * SIDE_STEP_PX) for px in (width, height))
    return next(sides), next(sides)


def check_painting(painting: Painting) -> None:
    """Raise UsageError for values that no model supports."""
    if not painting.spec.model:
        raise UsageError(NO_MODEL)
    if painting.sampler not in SAMPLERS:
        raise UsageError(f"--sampler {painting.sampler}: not one of {', '.join(SAMPLERS)}")
    check_number("--steps", painting.steps, 1, MAX_STEPS)
    check_number(
        "--strength", painting.strength, declared("strength").low, declared("strength").high
    )
    check_number("--cfg", painting.cfg, 0.0, MAX_GUIDANCE)
    check_number("--seed", painting.seed, 0, MAX_SEED)
    check_number("--ip-scale", painting.ip_scale, 0.0, MAX_SCALE)
    for use in painting.controls:
        check_number("--controlnet", use.scale, 0.0, MAX_SCALE)
    for weight in (*painting.lora_weights, *(weight for _, weight in painting.spec.loras)):
        check_number("--lora", weight, -MAX_LORA_WEIGHT, MAX_LORA_WEIGHT)
