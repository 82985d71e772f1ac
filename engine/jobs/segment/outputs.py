"""Output formats, chosen by the name:

    .mp4 .m4v .mov .mkv .webm .avi    the source with coloured masks, its sound copied
    .png .jpg .webp .tif .bmp         the same of one picture
    .json                             COCO: every mask as RLE, with box, area, score and, in track
                                      mode, track_id
    name/ or no suffix                a folder of masks: one grey PNG per picture, values are ids; 8
                                      bits, or 16

--pictures adds a folder of the video's own pictures, under their names in the COCO file.

Every output is written under a temporary name beside its final one, and renamed when complete.
"""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from engine.errors import SinkUnavailableError, UsageError
from engine.jobs.kit.options import check_no_stream
from engine.jobs.segment.results import MaskedPicture
from engine.sinks.picture_file import PICTURE_FORMATS
from engine.sinks.picture_video import VIDEO_FORMATS
from engine.sources.pictures import FolderPictures, Pictures
from engine.system.installing import install_line
from engine.system.work_folder import check_writable, hidden_beside

COCO = ".json"
MASK = ".png"
WORK = ".unfinished"
"""Subfolder of a folder of masks, for the mask that is being written."""
JOB_WORK = ".segment"
"""Working folder inside a folder of masks, if all outputs of the run are folders."""
FORMS = (
    f"a video ({' '.join(VIDEO_FORMATS)}), a picture ({' '.join(PICTURE_FORMATS)}), COCO (.json) "
    "or a folder of masks "
    "(name/)"
)

Form = Literal["video", "picture", "coco", "masks", "frames"]
OnWhole = Callable[[Path], object]


class SegmentOutput(Protocol):
    """Interface of the outputs of a segmentation. Single-threaded. SinkError, in one line, if it
    cannot be written."""

    path: Path
    notes: list[str]

    def add(self, result: MaskedPicture) -> None:
        """Add the next picture, in order."""

    def finish(self, on_whole: OnWhole) -> None:
        """Complete the output and move it to its name. A file calls `on_whole` with its temporary
        path just before."""

    def discard(self) -> None:
        """Delete the unfinished output."""


def form_of(name: str) -> Form:
    """Format of an output by its name; UsageError for an unknown suffix."""
    suffix = Path(name).suffix.lower()
    if name.endswith(("/", os.sep)) or not suffix or Path(name).is_dir():
        return "masks"
    if suffix in VIDEO_FORMATS:
        return "video"
    if suffix not in (*PICTURE_FORMATS, COCO):
        raise UsageError(f"{name}: an output is {FORMS}")
    return "coco" if suffix == COCO else "picture"


def forms_of(names: tuple[str, ...], frames: str) -> list[tuple[str, Form]]:
    """Outputs with their formats, then the folder of `--pictures` if given."""
    forms: list[tuple[str, Form]] = [(name, form_of(name)) for name in names]
    return [*forms, (frames, "frames")] if frames else forms


def check_outputs(forms: list[tuple[str, Form]], source: Path) -> list[str]:
    """Check, before the model is loaded, that all outputs can be written; return those that exist
    already."""
    check_no_stream(source, *(name for name, _ in forms))
    existing = []
    for number, (name, form) in enumerate(forms):
        path = Path(name)
        is_folder = form in ("masks", "frames")
        if path.exists() and source.exists() and path.samefile(source):
            raise UsageError(f"{name}: is the input; name another output")
        if path.absolute() in (Path(other).absolute() for other, _ in forms[:number]):
            raise UsageError(f"{name}: is given twice")
        pictures = [Path(other) for other, each in forms[:number] if each == "picture"]
        if form == "picture" and any(other.suffix == path.suffix for other in pictures):
            raise UsageError(
                f"{name}: a second {path.suffix}; for many pictures name their folder, "
                f"{source.parent}"
            )
        if is_folder and path.exists() and not path.is_dir():
            raise UsageError(f"{name}: is a file; a folder of {form} needs another name")
        is_own = (
            is_folder
            and path.exists()
            and all(each.name in (WORK, JOB_WORK) for each in path.iterdir())
        )
        if path.exists() and not is_own:
            existing.append(name)
        check_writable(path / WORK if is_folder else path)
        if form == "coco" and importlib.util.find_spec("pycocotools") is None:
            raise SinkUnavailableError(
                f"{name}: COCO needs pycocotools: {install_line('pycocotools')}"
            )
    return existing


def job_folder_of(forms: list[tuple[str, Form]]) -> Path:
    """Working folder of a run: beside its first output file, or else in its first output folder."""
    for name, form in forms:
        if form not in ("masks", "frames"):
            return hidden_beside(Path(name), ".segment")
    return Path(forms[0][0]) / JOB_WORK


def check_forms(forms: list[tuple[str, Form]], pictures: Pictures) -> None:
    """Raise UsageError for output formats that do not fit this source."""
    for name, form in forms:
        if form == "picture" and pictures.kind != "picture":
            raise UsageError(
                f"{name}: {pictures.path} is not a single picture; name a video or a folder of "
                "masks"
            )
        if form == "video" and pictures.kind == "picture":
            raise UsageError(
                f"{name}: {pictures.path} is one picture; name one ({' '.join(PICTURE_FORMATS)})"
            )
        if (
            form == "masks"
            and isinstance(pictures, FolderPictures)
            and (own := pictures.input_under(Path(name), MASK))
        ):
            raise UsageError(
                f"{name}: {own} is an input and would be replaced; name another output"
            )
        if form == "frames" and pictures.kind != "video":
            theirs = f"COCO refers to the pictures of {pictures.path} by their own names"
            raise UsageError(f"--pictures: only for a video; {theirs}")
