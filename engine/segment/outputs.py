"""What can be written, told by its name:

    .mp4 .mov .mkv .avi    the source with coloured masks, its sound copied
    .png .jpg              the same of one picture
    .json                  COCO: every mask as RLE, with box, area, score and, of followed objects, track_id
    name/ or no suffix     a folder of masks: 8-bit palette PNGs, a picture each, values are ids

Nothing is to be seen under its own name before it is whole: it is written beside it and moved there at the end.
"""

import importlib.util
import os
from pathlib import Path
from typing import Literal, Protocol

from engine.errors import SinkError, SinkUnavailableError, UsageError
from engine.segment.results import Result
from engine.sources.pictures import Pictures

VIDEOS = (".mp4", ".mov", ".mkv", ".avi")
PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
COCO = ".json"
WORK = ".unfinished"
"""In a folder of masks: the one on its way."""
FORMS = "a video (.mp4 .mov .mkv .avi), a picture (.png .jpg), COCO (.json) or a folder of masks (name/)"

Form = Literal["video", "picture", "coco", "masks"]


class Output(Protocol):
    """Opened, fed and ended by one thread. SinkError, in one line, when it cannot be written."""

    path: Path
    notes: list[str]

    def add(self, result: Result) -> None:
        """The next picture, in order."""

    def finish(self) -> None:
        """Whole, under its own name."""

    def discard(self) -> None:
        """As if it had never been begun."""


def form_of(name: str) -> Form:
    """UsageError for an ending that stands for nothing."""
    suffix = Path(name).suffix.lower()
    if name.endswith(("/", os.sep)) or not suffix or Path(name).is_dir():
        return "masks"
    if suffix in VIDEOS:
        return "video"
    if suffix in PICTURES:
        return "picture"
    if suffix == COCO:
        return "coco"
    raise UsageError(f"{name}: an output is {FORMS}")


def check_outputs(names: tuple[str, ...], source: Path, *, overwrite: bool) -> None:
    """Before anything is loaded: a result that cannot be written is no result."""
    for number, name in enumerate(names):
        path, form = Path(name), form_of(name)
        if not path.absolute().parent.is_dir():
            raise UsageError(f"{name}: there is no folder {path.absolute().parent}")
        if path.exists() and source.exists() and path.samefile(source):
            raise UsageError(f"{name}: is the input; name another output")
        if path.absolute() in (Path(other).absolute() for other in names[:number]):
            raise UsageError(f"{name}: is named twice")
        if form == "masks" and path.exists() and not path.is_dir():
            raise UsageError(f"{name}: is a file; a folder of masks needs another name")
        is_taken = path.exists()
        if form == "masks" and is_taken:
            is_taken = any(entry.name != WORK for entry in path.iterdir())
        if is_taken and not overwrite:
            raise UsageError(f"{name}: exists already; --overwrite replaces it")
        if not os.access(path if path.is_dir() else path.absolute().parent, os.W_OK):
            raise SinkError(f"{name}: cannot be written (no permission)")
        if form == "coco" and importlib.util.find_spec("pycocotools") is None:
            raise SinkUnavailableError(f"{name}: COCO needs pycocotools; get it with: pip install pycocotools")


def check_forms(names: tuple[str, ...], pictures: Pictures) -> None:
    """UsageError for what this source cannot become."""
    for name in names:
        form = form_of(name)
        if form == "picture" and pictures.kind != "picture":
            raise UsageError(f"{name}: {pictures.path} is no single picture; name a video or a folder of masks")
        if form == "video" and pictures.kind == "picture":
            raise UsageError(f"{name}: {pictures.path} is one picture; name a .png or .jpg")
