"""Output formats, chosen by the name:

    .mp4 .m4v .mov .mkv .webm .avi    a video with the source's sound: segmented_video.py
    name/ or no suffix                a folder of frames, PNG: frame_folder.py

An unfinished output is in a hidden folder beside it (jobs/kit/job_folder.py), with a lock against a
second run and a journal to resume an interrupted one.

The fingerprint of the job, everything that affects its output, decides whether a run can be
resumed.
"""

import os
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import av
import numpy as np

from engine.errors import ModelError, SinkError, UsageError
from engine.jobs.kit.fingerprint import (
    Fingerprint,
    difference,
    digest,
    digest_of_files,
    fingerprint_of,
    model_files,
)
from engine.jobs.kit.job_folder import JobFolder
from engine.jobs.kit.options import option_values
from engine.jobs.kit.painting_metadata import painting_metadata
from engine.jobs.kit.resuming import check_start, mark_of
from engine.jobs.video.job import VideoJob
from engine.jobs.video.writing.frame_folder import FRAMES, SUFFIX, FrameFolder, frames_in
from engine.jobs.video.writing.segmented_video import SEGMENTS, SegmentedVideo
from engine.models.sd.plan.model_plan import plan_model
from engine.models.sd.spec import VAE_OPTIONS
from engine.sinks.generation_info import GenerationInfo
from engine.sinks.picture_video import VIDEO_FORMATS
from engine.sources.pictures import FolderPictures, InputPicture, Pictures
from engine.system.package_version import package_version
from engine.system.undoing import undo_on_error
from engine.system.work_folder import check_writable

LIVE = "a live source"
# May differ, with a note: torch does not guarantee identical last bits when another number of
# threads shares a sum. With 1 to 16 threads layers as large as Stable Diffusion's gave identical
# bits (torch 2.13, float32).
THREADS = "--threads"
# Options whose name differs from the painting's field.
OPTIONS = {
    "loras": "--lora",
    "lora_weights": "--lora",
    "controlnets": "--controlnet",
    "controls": "--controlnet",
    "ip_image": "--ip-image",
    "ip_adapter": "--ip-adapter",
    "ip_scale": "--ip-scale",
    "image_encoder": "--ip-adapter",
    "embeddings": "--embedding",
    "clip_skip": "--clip-skip",
    "model_sampler": "--sampler",
    "accelerator": "--compile or --deepcache",
}
FORMS = f"a video ({' '.join(VIDEO_FORMATS)}) or a folder of frames (name/)"

Form = Literal["video", "frames"]


def video_fingerprint(job: VideoJob, pictures: Pictures, size: tuple[int, int]) -> Fingerprint:
    painting = asdict(job.painting)
    spec = painting.pop("spec")
    # from the configuration file; used if the job names none
    spec["model_sampler"] = spec.pop("sampler")
    address = [str(pictures.path), pictures.expected]  # of which changed content cannot be detected
    values: dict[str, Any] = {
        "the source": digest_of_files(sorted(pictures.files))
        if pictures.files
        else digest(address),
        "--recursive": job.recursive or None,
        "the size": f"{size[0]}x{size[1]}",
        **{
            f"{OPTIONS.get(name, f'--{name}')}|{name}": value
            for name, value in (spec | painting).items()
        },
        **_model_key(job),
        **option_values(
            job, but=("scale", "cluster", "metadata", "recursive", "resume", "overwrite")
        ),
        "the kind of output": Path(job.output).suffix.lower(),
        "the encoder": av.__version__,
        "--no-metadata": not job.metadata or None,
        "the version of multiverse": package_version() if job.metadata else None,
        LIVE: pictures.kind == "live" or None,
    }
    return fingerprint_of(values)


def _model_key(job: VideoJob) -> dict[str, Any]:
    """Fingerprint of the model: its files, and the settings derived from them."""
    spec = job.painting.spec
    image = _files(job.painting.ip_image)
    plan = None
    if not spec.random_shape:
        with suppress(ModelError):  # on a cluster the model is on other machines
            plan = plan_model(spec)
    if plan is None:
        named = [spec.model, spec.vae, spec.unet, spec.ip_adapter, spec.image_encoder]
        named += [*(name for name, _ in spec.loras), *spec.controlnets, *spec.embeddings]
        return {
            "a file of the model": digest_of_files(
                [*(path for name in named for path in _files(name)), *image]
            )
        }
    return {
        "a file of the model": digest_of_files(
            [*(file for file in plan.files if file.is_file()), *image]
        ),
        "how the model is run": [
            plan.prediction.value or None,
            plan.sampler.value or None,
            plan.scheduler,
        ],
    }


def _files(name: str) -> list[Path]:
    return [] if name in VAE_OPTIONS else model_files(name)


class VideoOutput(Protocol):
    """Interface of the outputs of a video job. Single-threaded. SinkError, in one line, if it
    cannot be written."""

    path: Path
    work: JobFolder
    done: int
    """Pictures that an interrupted run finished and that are kept: a multiple of the batch, or all
    of them."""
    resumable: int
    """Pictures that `resume` would not paint again; 0 for a live source."""
    notes: list[str]

    def add(self, picture: InputPicture, pixels: np.ndarray) -> None:
        """Add the next picture, in order, (height, width, 3) uint8 RGB."""

    def finish(self, *, is_whole: bool) -> None:
        """Publish the output, playable in any case. `is_whole`: False if the run was
        interrupted."""

    def abandon(self) -> None:
        """End after an error: finished parts stay for `resume`, and nothing incomplete gets the
        output's name. A live source cannot be resumed: its finished parts are published, and
        `notes` says so."""


def form_of(name: str) -> Form:
    """Format of an output by its name; UsageError for an unknown suffix."""
    path = Path(name)
    if name.endswith(("/", os.sep)) or not path.suffix or path.is_dir():
        return "frames"
    if path.suffix.lower() in VIDEO_FORMATS:
        return "video"
    raise UsageError(f"{name}: cannot write this format; an output is {FORMS}")


def open_output(job: VideoJob, pictures: Pictures, size: tuple[int, int]) -> VideoOutput:
    """Open the output before any model is loaded; UsageError or SinkError, in one line, if that is
    not possible. `size`: width and height of the pictures. Files of an interrupted run are kept
    until the first picture."""
    form = form_of(job.output)
    path = _path_of(job.output)
    if job.resume and pictures.kind == "live":
        raise UsageError(f"--resume: {pictures.label} is live and cannot be read again")
    _check_path(path, form, pictures)
    fingerprint = video_fingerprint(job, pictures, size)
    can_resume = pictures.kind != "live"
    work = JobFolder(path, fingerprint, shapes=(FRAMES, *SEGMENTS), can_resume=can_resume)
    with undo_on_error(work.close):
        before = work.stored_fingerprint
        note = _check_before(job, form, pictures, work)
        is_resumed = job.resume and not note
        metadata = partial(_metadata_of, job, size, work)
        output: VideoOutput
        if form == "video":
            output = SegmentedVideo(job, pictures, size, work, metadata, is_resumed=is_resumed)
        else:
            output = FrameFolder(job, pictures, work, metadata, is_resumed=is_resumed)
        threads = job.threads if before is None else before.get(THREADS)
        if is_resumed and threads != job.threads:
            note = (
                f"{THREADS} {difference(threads, job.threads)}: pictures from here on may "
                "differ by rounding"
            )
        output.notes += [note] * bool(note)
        return output


def _metadata_of(job: VideoJob, size: tuple[int, int], work: JobFolder) -> GenerationInfo | None:
    """The output's metadata, once the model is loaded; None if the job wants none."""
    if not job.metadata:
        return None
    painting = job.painting
    names = ("prompt", "negative", "steps", "strength", "seed", "sampler")
    own = {name: getattr(painting, name) for name in names}
    return painting_metadata(
        model=painting.spec.model, guidance=painting.cfg, size=size, dtype=work.dtype, **own
    )


def _path_of(name: str) -> Path:
    path = Path(name)
    if not path.name or path.name == "..":  # such as . or ..; resolve to the real name
        path = Path(os.path.abspath(path))
    if not path.name:
        raise UsageError(f"{name}: is not an output; an output is {FORMS}")
    return path


def _check_path(path: Path, form: Form, pictures: Pictures) -> None:
    if isinstance(pictures.path, Path) and path.exists() and path.samefile(pictures.path):
        raise UsageError(f"{path}: is the input; name another output")
    if form == "frames" and path.exists() and not path.is_dir():
        raise UsageError(f"{path}: is a file; a folder of frames needs another name")
    if (
        form == "frames"
        and isinstance(pictures, FolderPictures)
        and (own := pictures.input_under(path, SUFFIX))
    ):
        raise UsageError(f"{path}: {own} is an input and would be replaced; name another output")
    check_writable(path)
    if path.is_dir() and not os.access(path, os.W_OK):
        raise SinkError(f"{path}: cannot be written (no permission to write into it)")


def _check_before(job: VideoJob, form: Form, pictures: Pictures, work: JobFolder) -> str:
    """See `check_start`. A live recording cannot be resumed, but is not discarded silently
    either."""
    path = work.output
    old = work.stored_fingerprint or {}
    if not (job.resume or job.overwrite) and form == "video" and old.get(LIVE) and work.has_entries:
        left = f"{path}: videos of an earlier live recording are still in {work.path}"
        raise UsageError(f"{left}; move them elsewhere, --overwrite removes them")
    frames = frames_in(path, pictures, is_recursive=job.recursive)
    is_there = path.exists() if form == "video" else next(frames, None) is not None

    def is_ours(path: Path) -> bool:
        """True if the interrupted run wrote this output; frames are compared one by one later."""
        return form == "frames" or any(
            entry.get("published") == mark_of(path) for entry in work.entries()
        )

    return check_start(
        work,
        resume=job.resume,
        overwrite=job.overwrite,
        existing=[str(path)] if is_there else [],
        is_ours=is_ours,
        may_differ=(THREADS,),
    )
