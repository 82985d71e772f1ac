"""What can be written, told by its name:

    .mp4 .m4v .mov .mkv .webm .avi    a video with the source's sound: segmented_video.py
    name/ or no suffix                a folder of frames, PNG: frame_folder.py

What is on its way lies in a hidden folder beside it (output_work.py), whose lock keeps a second run out and whose
journal lets an interrupted one go on.
"""

import os
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from engine.errors import SinkError, UsageError
from engine.jobs.video.job import VideoJob
from engine.jobs.video.writing.frame_folder import SUFFIX, FrameFolder, frames_in
from engine.jobs.video.writing.job_key import LIVE, differences, job_key, picture_files, rounding_note
from engine.jobs.video.writing.output_work import OutputWork
from engine.jobs.video.writing.segmented_video import SegmentedVideo, mark_of
from engine.sinks.picture_video import VIDEO_FORMATS
from engine.sources.pictures import InputPicture, Pictures
from engine.system.work_folder import check_place

FORMS = f"a video ({' '.join(VIDEO_FORMATS)}) or a folder of frames (name/)"

Form = Literal["video", "frames"]


class Output(Protocol):
    """Opened, fed and ended by one thread. SinkError, in one line, when it cannot be written."""

    path: Path
    done: int
    """Kept pictures that an earlier run finished and that stay: a multiple of the batch, or all of them."""
    kept: int
    """Pictures that `resume` would not paint again; of what is live none."""
    notes: list[str]

    def add(self, picture: InputPicture, pixels: np.ndarray) -> None:
        """The next kept picture, in order, (height, width, 3) uint8 RGB."""

    def finish(self, *, is_whole: bool) -> None:
        """Under its own name. Not whole: the run was interrupted; what is there plays, and can be gone on from."""

    def abandon(self) -> None:
        """After an error: what is whole stays to be gone on from, nothing half is seen under its own name. What is live
        cannot be gone on with: what is whole of it is published, and `notes` says so."""


def form_of(name: str) -> Form:
    """UsageError for an ending that stands for nothing."""
    path = Path(name)
    if name.endswith(("/", os.sep)) or not path.suffix or path.is_dir():
        return "frames"
    if path.suffix.lower() in VIDEO_FORMATS:
        return "video"
    raise UsageError(f"{name}: such a file cannot be written; an output is {FORMS}")


def open_output(job: VideoJob, pictures: Pictures, size: tuple[int, int]) -> Output:
    """Before any model is loaded: UsageError or SinkError, in one line, for what cannot be written so. `size`: width
    and height of what will come. What an interrupted run has left is touched only by the first picture."""
    form, path = form_of(job.output), _path_of(job.output)
    if job.resume and pictures.kind == "live":
        raise UsageError(f"--resume: {pictures.label} is live, and what it has shown does not come again")
    _check_place(path, form, pictures)
    work = OutputWork(path, job_key(job, pictures, size), is_live=pictures.kind == "live")
    try:
        before = work.kept_key
        note = _check_before(job, form, pictures, work)
        is_resumed = job.resume and not note
        output: Output
        if form == "video":
            output = SegmentedVideo(job, pictures, size, work, is_resumed=is_resumed)
        else:
            output = FrameFolder(job, pictures, work, is_resumed=is_resumed)
        if is_resumed and before is not None:
            note = rounding_note(before, work.key)
        output.notes += [note] * bool(note)
        return output
    except BaseException:
        work.close()
        raise


def _path_of(name: str) -> Path:
    path = Path(name)
    if not path.name or path.name == "..":  # such as . or ..: its own name is wanted
        path = Path(os.path.abspath(path))
    if not path.name:
        raise UsageError(f"{name}: is no output; it is {FORMS}")
    return path


def _check_place(path: Path, form: Form, pictures: Pictures) -> None:
    if isinstance(pictures.path, Path) and path.exists() and path.samefile(pictures.path):
        raise UsageError(f"{path}: is the input; name another output")
    if form == "frames" and path.exists() and not path.is_dir():
        raise UsageError(f"{path}: is a file; a folder of frames needs another name")
    if form == "frames" and (own := _own_input(path, pictures)):
        raise UsageError(f"{path}: {own} is an input and would be replaced; name another output")
    check_place(path)
    if path.is_dir() and not os.access(path, os.W_OK):
        raise SinkError(f"{path}: cannot be written (no permission to write into it)")


def _own_input(folder: Path, pictures: Pictures) -> Path | None:
    """An input picture that lies there, under a name that a frame would get."""
    if pictures.kind not in ("picture", "folder"):  # their frames are numbered
        return None
    for file in picture_files(pictures.path):
        frame = folder / (file.stem + SUFFIX)
        if frame.exists() and frame.samefile(file):
            return file
    return None


def _check_before(job: VideoJob, form: Form, pictures: Pictures, work: OutputWork) -> str:
    """UsageError where what is there already is neither to be replaced nor to be gone on with; a note where there is
    nothing to go on with."""
    path = work.output
    kept = work.kept_key
    difference = "" if kept is None else differences(kept, work.key)
    is_there = path.exists() if form == "video" else next(frames_in(path, pictures), None) is not None
    can_go_on = kept is not None and not difference
    has_kept = next(work.kept(), None) is not None
    if job.resume:
        if difference and (has_kept or is_there):
            raise UsageError(
                f"{path}: cannot go on, the interrupted run was another: {difference}; give what it had, or "
                "--overwrite instead of --resume to begin again"
            )
        if can_go_on and (not is_there or job.overwrite or form == "frames" or _is_published(path, work)):
            return ""
        if can_go_on:
            raise UsageError(
                f"{path}: is not what the interrupted run has written; with --overwrite --resume replaces it"
            )
        if is_there and not job.overwrite:
            raise UsageError(
                f"{path}: exists already, finished or another's: no interrupted run lies beside it; "
                "--overwrite replaces it"
            )
        return f"{path}: there was nothing to go on with, so it was begun"
    if job.overwrite:
        return ""
    if form == "video" and has_kept and kept is not None and kept.get(LIVE):
        raise UsageError(
            f"{path}: what an earlier run has recorded live is still in {work.folder}, as videos; take them from "
            "there, --overwrite removes them"
        )
    go_on = ", --resume goes on where the interrupted run has stopped" if can_go_on else ""
    if is_there:
        raise UsageError(f"{path}: exists already; --overwrite replaces it{go_on}")
    if can_go_on and has_kept:
        raise UsageError(f"{path}: an interrupted run of this job lies beside it; --overwrite begins again{go_on}")
    if has_kept:
        raise UsageError(
            f"{path}: an interrupted run of another job lies beside it ({difference}); --overwrite gives up what is "
            "whole of it"
        )
    return ""


def _is_published(path: Path, work: OutputWork) -> bool:
    """Whether it is what the interrupted run has written."""
    return any(entry.get("published") == mark_of(path) for entry in work.kept())
