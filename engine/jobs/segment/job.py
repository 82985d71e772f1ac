"""A segmentation job: source, outputs and settings. Plain values, so it can be sent to another process or machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.errors import UsageError
from engine.jobs.kit.option_range import check_number
from engine.jobs.kit.options import CLUSTER, CLUSTERS, DEVICE, DEVICES, DTYPE, DTYPES, OVERWRITE, RESUME, option
from engine.values import MAX_OBJECTS

MAX_BATCH = 4
RESOLUTIONS_PX = (1008, 672, 336)
NO_MODEL = (
    "no model: name one with --model (a folder or a Hugging Face id, for example --model facebook/sam3), or set model "
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
        raise UsageError(f"--box: {text!r} is not CX,CY,W,H (for example 0.5,0.4,0.2,0.3)") from None
    return cx, cy, width, height


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentJob:
    source: Path
    """A video, a picture or a folder of pictures."""
    outputs: tuple[str, ...]
    """Each a form of its own, by its name: see outputs.py. Text, because a Path forgets a / at its end."""
    prompts: tuple[str, ...] = option((), "What to find, in a few words; repeatable.", flags="--prompt", metavar="TEXT")
    """Each a concept; objects name theirs by its number, from 1. May be missing if there are boxes."""
    model: str = option("", "A folder or a Hugging Face id, as facebook/sam3.", metavar="PATH|ID", is_configured=True)
    """A folder, a Hugging Face id, or random:SHAPE."""
    mode: Mode | None = option(
        None,
        "image: each picture by itself; track: objects keep their ids. (default: track for a video)",
        metavar="image|track",
    )
    """None: track for a video, unless boxes or batches are asked for; else image. In image mode ids are ranks."""
    threshold: float = option(0.5, "Least score of an object.", low=0.0, high=1.0)
    max_objects: int = option(MAX_OBJECTS, "Most objects in a picture; the best stay.", low=1, high=MAX_OBJECTS)
    resolution: int = option(
        RESOLUTIONS_PX[0], "Side in px of what the model sees; less is faster.", metavar="1008|672|336"
    )
    batch: int = option(1, "Pictures at once; image mode.", low=1, high=MAX_BATCH)
    boxes: tuple[Box, ...] = option(
        (),
        "Around an example, 0 to 1; image mode; repeatable; needs torchvision.",
        flags="--box",
        metavar="CX,CY,W,H",
        parse=box_of,
    )
    """Around examples of what to find: centre x and y, width, height, 0..1; image mode only."""
    opacity: float = option(0.5, "Of the colours over the picture.", low=0.0, high=1.0)
    edge: Literal["soft", "hard"] = option("soft", "Of the colours over the picture.", metavar="soft|hard")
    """Edge of the colours; masks themselves are cut at one half."""
    cluster: str | None = option(None, CLUSTER, metavar=CLUSTERS)
    device: str = option("auto", DEVICE, metavar=DEVICES, is_configured=True)
    dtype: str = option("auto", DTYPE, metavar=DTYPES, is_configured=True)
    threads: int | None = option(None, "Of the CPU's work. (default: torch chooses)", low=1)
    """CPU threads of the model; None: as torch chooses, on a cluster one."""
    is_compiled: bool = option(False, "Minutes at the start, faster after it.", flags="--compile")
    is_offloaded: bool = option(False, "Weights in main memory, for small cards.", flags="--offload")
    every: int = option(1, "Only each N-th picture.", metavar="N", low=1)
    limit: int | None = option(None, "At most N pictures.", metavar="N", low=1)
    frames: str = option(
        "", "Write the video's pictures too, by the names COCO gives them.", metavar="FOLDER", shows_default=False
    )
    """A folder for the pictures of a video; "" for none."""
    resume: bool = option(False, RESUME, flags="--resume")
    """Go on where an interrupted run of the same job stopped."""
    overwrite: bool = option(False, OVERWRITE, flags="--overwrite")

    def check(self) -> None:
        """Raise UsageError for contradictions and values out of range. Touches no file."""
        if not self.boxes and not any(text.strip() for text in self.prompts):
            raise UsageError(NO_PROMPT)
        if not self.model:
            raise UsageError(NO_MODEL)
        if not self.outputs:
            raise UsageError("no output: name a video, a picture, a folder or a .json file after the input")
        check_number("--threshold", self.threshold, 0.0, 1.0)
        check_number("--opacity", self.opacity, 0.0, 1.0)
        check_number("--max-objects", self.max_objects, 1, MAX_OBJECTS)
        check_number("--batch", self.batch, 1, MAX_BATCH)
        check_number("--every", self.every, 1)
        check_number("--limit", 1 if self.limit is None else self.limit, 1)
        check_number("--threads", 1 if self.threads is None else self.threads, 1)
        if self.resolution not in RESOLUTIONS_PX:
            raise UsageError(f"--resolution: {self.resolution} is none of {', '.join(map(str, RESOLUTIONS_PX))}")
        for box in self.boxes:
            if not all(0.0 <= number <= 1.0 for number in box):
                raise UsageError(f"--box: {','.join(map(str, box))}: all four numbers are 0 to 1 of the picture")
        if self.mode is not None:
            self.check_mode(self.mode)

    def check_mode(self, mode: Mode) -> None:
        """Raise UsageError for options that this mode does not take."""
        if mode == "track" and self.batch > 1:
            raise UsageError("--batch: pictures are followed one by one; give --mode image with it")
        if mode == "track" and self.boxes:
            raise UsageError("--box: boxes belong to single pictures; give --mode image with it")
