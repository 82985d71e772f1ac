"""A segmentation job: source, outputs and settings. Plain values, so it can be sent to another
process or machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.errors import UsageError
from engine.jobs.kit import options
from engine.jobs.kit.options import check_number, check_ranges, option
from engine.models.sam3 import MAX_MEMORIES, MIN_MEMORIES
from engine.system.schedule import MAX_VIDEO_FPS, MIN_VIDEO_FPS, parse_rate
from engine.values import MAX_OBJECTS, Deinterlace

MAX_BATCH = 4
PICTURES = "Also write the video's pictures, under their names in the COCO file."
RESOLUTIONS_PX = (1008, 840, 672, 504, 336)
NO_MODEL = (
    "no model: name one with --model (a folder or a Hugging Face id, for example --model "
    "facebook/sam3), or set model "
    "under [sam3] in a file and pass --config FILE.toml"
)
NO_PROMPT = 'no prompt: say what to find, for example --prompt "person" --prompt "guitar"'

Mode = Literal["image", "track"]
Box = tuple[float, float, float, float]


def box_of(text: str) -> Box:
    """Parse CX,CY,W,H; UsageError for anything else."""
    try:
        cx, cy, width, height = (float(number) for number in text.split(","))
    except ValueError:
        raise UsageError(
            f"--box: {text!r} is not CX,CY,W,H (for example 0.5,0.4,0.2,0.3)"
        ) from None
    return cx, cy, width, height


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentJob:
    source: Path
    """A video, a picture or a folder of pictures."""
    outputs: tuple[str, ...]
    """Each in a format chosen by its name: see outputs.py. Strings, because a Path drops a trailing
    slash."""
    prompts: tuple[str, ...] = option(
        (), "Object to find, in a few words; repeatable.", flags="--prompt", metavar="TEXT"
    )
    """One concept each; objects refer to it by its number, from 1. May be empty if there are
    boxes."""
    model: str = option(
        "",
        "A folder or a Hugging Face id, such as facebook/sam3.",
        metavar="PATH|ID",
        is_configured=True,
    )
    mode: Mode | None = option(
        None,
        "image: each picture by itself; track: objects keep their ids. (default: track for a "
        "video)",
        metavar="image|track",
    )
    """None: track for a video, unless boxes or batches are given; else image. In image mode ids are
    ranks."""
    threshold: float = option(0.5, "Minimum score of an object.", low=0.0, high=1.0)
    max_objects: int = option(
        16, "Maximum number of objects per picture; the best are kept.", low=1, high=MAX_OBJECTS
    )
    memories: int = option(
        MAX_MEMORIES,
        "Frames a mask is computed from: fewer, faster; track mode.",
        low=MIN_MEMORIES,
        high=MAX_MEMORIES,
    )
    detect_every: int = option(
        1, "Look for new objects in each N-th picture; track mode.", metavar="N", low=1, high=16
    )
    resolution: int = option(
        RESOLUTIONS_PX[0],
        "Side of the model's input in px; smaller is faster.",
        metavar="1008|840|672|504|336",
    )
    batch: int = option(1, "Pictures per batch; image mode.", low=1, high=MAX_BATCH)
    boxes: tuple[Box, ...] = option(
        (),
        "Box around an example, 0 to 1; image mode; repeatable; needs torchvision.",
        flags="--box",
        metavar="CX,CY,W,H",
        parse=box_of,
    )
    """Centre x and y, width, height."""
    opacity: float = option(0.5, "Opacity of the mask colours over the picture.", low=0.0, high=1.0)
    edge: Literal["soft", "hard"] = option(
        "soft", "Edge of the mask colours over the picture.", metavar="soft|hard"
    )
    """Only for the overlay; the masks themselves are cut at one half."""
    cluster: str | None = option(None, options.CLUSTER, metavar=options.CLUSTERS)
    device: str = option("auto", options.DEVICE, metavar=options.DEVICES, is_configured=True)
    dtype: str = option("auto", options.DTYPE, metavar=options.DTYPES, is_configured=True)
    threads: int | None = option(None, "CPU threads. (default: chosen by torch)", low=1)
    is_compiled: bool = option(
        False, "Compile the model: minutes at the start, faster afterwards.", flags="--compile"
    )
    is_fp8: bool = option(
        False, "8-bit floating point (Linux, RTX 40 or H100); give --compile, too.", flags="--fp8"
    )
    is_offloaded: bool = option(
        False, "Keep weights in main memory, for small GPUs.", flags="--offload"
    )
    recursive: bool = option(False, options.RECURSIVE, flags="--recursive")
    fps: float | None = option(None, options.FPS, metavar="RATE", parse=parse_rate)
    deinterlace: Deinterlace | None = option(None, options.DEINTERLACE, metavar="field|frame")
    every: int = option(1, "Only each N-th picture.", metavar="N", low=1)
    frames: int | None = option(None, "At most N pictures.", metavar="N", low=1)
    pictures: str = option("", PICTURES, metavar="FOLDER", shows_default=False)
    metadata: bool = option(True, options.METADATA, flags="--metadata/--no-metadata")
    resume: bool = option(False, options.RESUME, flags="--resume")
    overwrite: bool = option(False, options.OVERWRITE, flags="--overwrite")

    def check(self) -> None:
        """Raise UsageError for contradictions and values out of range. Touches no file."""
        if not self.boxes and not any(text.strip() for text in self.prompts):
            raise UsageError(NO_PROMPT)
        if len(set(self.prompts)) < len(self.prompts):
            twice = next(text for text in self.prompts if self.prompts.count(text) > 1)
            raise UsageError(f"--prompt: {twice!r} is given twice; give each object once")
        if not self.model:
            raise UsageError(NO_MODEL)
        if not self.outputs:
            raise UsageError(
                "no output: name a video, a picture, a folder or a .json file after the input"
            )
        check_ranges(self)
        options.check_place(self.device, self.dtype)
        check_number(
            "--fps", MIN_VIDEO_FPS if self.fps is None else self.fps, MIN_VIDEO_FPS, MAX_VIDEO_FPS
        )
        if self.resolution not in RESOLUTIONS_PX:
            raise UsageError(
                f"--resolution: {self.resolution} is not one of "
                f"{', '.join(map(str, RESOLUTIONS_PX))}"
            )
        for box in self.boxes:
            if not all(0.0 <= number <= 1.0 for number in box):
                raise UsageError(
                    f"--box: {','.join(map(str, box))}: all four numbers are 0 to 1 of the picture"
                )
        if self.mode is not None:
            self.check_mode(self.mode)

    def check_mode(self, mode: Mode) -> None:
        """Raise UsageError for options that this mode does not take."""
        wrong = (
            "--batch: tracking takes one picture at a time"
            if self.batch > 1
            else "--box: tracking takes no boxes"
        )
        if mode == "image" and (self.detect_every, self.memories) != (1, MAX_MEMORIES):
            raise UsageError(
                "--detect-every and --memories: for tracking only; give --mode track with it"
            )
        if mode == "track" and (self.batch > 1 or self.boxes):
            raise UsageError(f"{wrong}; give --mode image with it")
