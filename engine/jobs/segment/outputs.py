"""Output formats, chosen by the name:

    .mp4 .m4v .mov .mkv .webm .avi    the source with coloured masks, its sound copied
    .png .jpg .webp .tif .bmp         the same of one picture
    .json                             COCO: every mask as RLE, with box, area, score and, of followed objects, track_id
    name/ or no suffix                a folder of masks: 8-bit grey PNGs, a picture each, values are ids

With --frames also a folder of the video's own pictures, by the names that COCO gives them.

No output has its own name before it is whole: it is written beside it and moved there at the end.
"""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from engine.errors import SinkUnavailableError, UsageError
from engine.jobs.kit.option_range import check_no_stream
from engine.jobs.segment.results import Result
from engine.sinks.picture_file import PICTURE_FORMATS
from engine.sinks.picture_video import VIDEO_FORMATS
from engine.sources.pictures import Pictures
from engine.system.work_folder import check_place

COCO = ".json"
WORK = ".unfinished"
"""In a folder of masks: the mask that is being written."""
JOB_WORK = ".segment"
"""In a folder of masks: what a run keeps to go on from, if all its outputs are folders."""
FORMS = (
    f"a video ({' '.join(VIDEO_FORMATS)}), a picture ({' '.join(PICTURE_FORMATS)}), COCO (.json) or a folder of masks "
    "(name/)"
)

Form = Literal["video", "picture", "coco", "masks", "frames"]


OnWhole = Callable[[Path], object]


def nothing(unfinished: Path) -> None:
    """The default of `on_whole`."""


class SegmentOutput(Protocol):
    """Used by one thread. SinkError, in one line, if it cannot be written."""

    path: Path
    notes: list[str]

    def add(self, result: Result) -> None:
        """Add the next picture, in order."""

    def finish(self, on_whole: OnWhole = nothing) -> None:
        """Complete it and give it its name. A file calls `on_whole` with its unfinished path just before that."""

    def discard(self) -> None:
        """Leave nothing of it behind."""


def form_of(name: str) -> Form:
    """The format of a name; UsageError for an unknown suffix."""
    suffix = Path(name).suffix.lower()
    if name.endswith(("/", os.sep)) or not suffix or Path(name).is_dir():
        return "masks"
    if suffix in VIDEO_FORMATS:
        return "video"
    if suffix in PICTURE_FORMATS:
        return "picture"
    if suffix == COCO:
        return "coco"
    raise UsageError(f"{name}: an output is {FORMS}")


def forms_of(names: tuple[str, ...], frames: str) -> list[tuple[str, Form]]:
    """The outputs with their formats, then the folder of `frames` if there is one."""
    forms: list[tuple[str, Form]] = [(name, form_of(name)) for name in names]
    return [*forms, (frames, "frames")] if frames else forms


def check_outputs(forms: list[tuple[str, Form]], source: Path) -> list[str]:
    """Check before anything is loaded that all outputs can be written; returns those that exist already."""
    check_no_stream(source, *(name for name, _ in forms))
    existing = []
    for number, (name, form) in enumerate(forms):
        path, is_folder = Path(name), form in ("masks", "frames")
        if path.exists() and source.exists() and path.samefile(source):
            raise UsageError(f"{name}: is the input; name another output")
        if path.absolute() in (Path(other).absolute() for other, _ in forms[:number]):
            raise UsageError(f"{name}: is named twice")
        if is_folder and path.exists() and not path.is_dir():
            raise UsageError(f"{name}: is a file; a folder of {form} needs another name")
        is_taken = path.exists()
        if is_folder and is_taken:
            is_taken = any(entry.name not in (WORK, JOB_WORK) for entry in path.iterdir())
        if is_taken:
            existing.append(name)
        check_place(path / WORK if is_folder else path)
        if form == "coco" and importlib.util.find_spec("pycocotools") is None:
            raise SinkUnavailableError(f"{name}: COCO needs pycocotools; get it with: pip install pycocotools")
    return existing


def job_folder_of(forms: list[tuple[str, Form]]) -> Path:
    """Where a run keeps what it has found: beside its first file, or in its first folder."""
    for name, form in forms:
        if form not in ("masks", "frames"):
            return Path(name).with_name(f".{Path(name).name}.segment")
    return Path(forms[0][0]) / JOB_WORK


def check_forms(forms: list[tuple[str, Form]], pictures: Pictures) -> None:
    """Raise UsageError for formats that this source cannot become."""
    for name, form in forms:
        if form == "picture" and pictures.kind != "picture":
            raise UsageError(f"{name}: {pictures.path} is no single picture; name a video or a folder of masks")
        if form == "video" and pictures.kind == "picture":
            raise UsageError(f"{name}: {pictures.path} is one picture; name one ({' '.join(PICTURE_FORMATS)})")
        if form == "frames" and pictures.kind != "video":
            raise UsageError(f"--frames: only of a video; COCO names the pictures of {pictures.path} as they are there")
