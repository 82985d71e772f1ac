"""What is to be segmented, into what and how. Plain values: a job can travel to another process or machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.errors import UsageError
from engine.ipc.segmentation_sheet import MAX_OBJECTS
from engine.jobs.kit.option_range import check_number

MAX_BATCH = 4
RESOLUTIONS_PX = (1008, 672, 336)
NO_MODEL = (
    "no model: name one with --model (a folder or a Hugging Face id, for example --model facebook/sam3), or set model "
    "under [sam3] in a file and pass --config FILE.toml"
)
NO_PROMPT = 'no prompt: say what to find, for example --prompt "person" --prompt "guitar"'

Mode = Literal["image", "track"]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentJob:
    source: Path
    """A video, a picture or a folder of pictures."""
    outputs: tuple[str, ...]
    """Each a form of its own, by its name: see outputs.py. Text, because a Path forgets the / at its end."""
    frames: str = ""
    """A folder for the pictures of a video, by the names that COCO gives them; "" for none."""
    prompts: tuple[str, ...]
    """Each a concept; objects name theirs by its number, from 1. May be missing where there are boxes."""
    model: str
    """A folder, a Hugging Face id, or random:SHAPE."""
    mode: Mode | None = None
    """image: each picture by itself, ids by rank; track: objects keep their ids. None: track for a video, unless boxes
    or batches are asked for; else image."""
    threshold: float = 0.5
    """Least score of an object."""
    max_objects: int = MAX_OBJECTS
    """In one picture; the best are kept."""
    resolution: int = RESOLUTIONS_PX[0]
    """Side in px of the square that the model sees."""
    batch: int = 1
    """Pictures that the model takes at once; image mode only."""
    boxes: tuple[Box, ...] = ()
    """Around examples of what to find: centre x and y, width, height, 0..1; image mode only."""
    opacity: float = 0.5
    """Of the colours over the picture."""
    edge: Literal["soft", "hard"] = "soft"
    """Of the colours over the picture; masks themselves are cut at one half."""
    device: str = "auto"
    dtype: str = "auto"
    threads: int | None = None
    """CPU threads of the model; None: as torch chooses."""
    is_compiled: bool = False
    is_offloaded: bool = False
    every: int = 1
    """Only each n-th picture."""
    limit: int | None = None
    """At most so many pictures."""
    resume: bool = False
    """Go on where an interrupted run of the same job stopped."""
    overwrite: bool = False

    def check(self) -> None:
        """UsageError for what contradicts itself. Touches no file."""
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
        """UsageError for what the mode that was chosen does not take."""
        if mode == "track" and self.batch > 1:
            raise UsageError("--batch: pictures are followed one by one; give --mode image with it")
        if mode == "track" and self.boxes:
            raise UsageError("--box: boxes belong to single pictures; give --mode image with it")
