"""Runs a job. `segment_file` does everything; its three steps are for callers that load a model once for many files:

opened = open_job(job)                UsageError, SourceError, SinkError, ModelError: everything known before loading
model = load_model(job, opened)       seconds
report = run_job(job, opened, model)
"""

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ModelError, UsageError
from engine.jobs.kit.job_folder import RESUME_HINT, JobFolder
from engine.jobs.kit.ray_cluster import require_ray
from engine.jobs.kit.resuming import check_start, mark_of
from engine.jobs.segment.cluster.cluster_segments import ClusterSegments
from engine.jobs.segment.finished import FinishedBatches, segment_fingerprint
from engine.jobs.segment.job import Mode, SegmentJob
from engine.jobs.segment.loading import load_segmenter, spec_of
from engine.jobs.segment.outputs import check_forms, check_outputs, forms_of, job_folder_of
from engine.jobs.segment.pipeline import OnProgress, SegmentRun
from engine.jobs.segment.report import SegmentReport
from engine.jobs.segment.stage import LocalSegments, SegmentStage
from engine.sources.pictures import Pictures, open_pictures

if TYPE_CHECKING:
    from engine.models.sam3.segmenter import Segmenter


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSource:
    """The source, and the results of an interrupted run; no model is loaded yet."""

    pictures: Pictures
    mode: Mode
    finished: FinishedBatches
    notes: tuple[str, ...]
    """Notes about an interrupted run."""

    def close(self) -> None:
        """Close both, unless a run has taken them over."""
        self.finished.work.close()
        self.pictures.close()


def segment_file(
    job: SegmentJob, *, on_progress: OnProgress = lambda progress: None, stop: threading.Event | None = None
) -> SegmentReport:
    """Segment a whole source. MultiverseError in one line if it fails; then no output is left behind, and results stay
    on the disk for `resume`. If one of several outputs cannot be written, the others continue: see
    `SegmentReport.failed`.

    `on_progress` is called after each batch, on this thread. `stop`, set by another thread or a signal, ends the run
    early: pictures segmented by then are written, and `resume` continues.
    """
    opened = open_job(job)
    try:
        model = load_model(job, opened)
    except BaseException:
        opened.close()
        raise
    return run_job(job, opened, model, on_progress=on_progress, stop=stop)


def open_job(job: SegmentJob) -> OpenedSource:
    """Open the source and decode its first picture. Raises errors of the job, its outputs, source and model."""
    job.check()
    if job.cluster is not None:
        require_ray()
    forms = forms_of(job.outputs, job.frames)
    existing = check_outputs(forms, job.source)
    if existing and not (job.overwrite or job.resume or job_folder_of(forms).exists()):
        raise UsageError(f"{existing[0]}: exists already; --overwrite replaces it")
    folders = [Path(name) for name, form in forms if form in ("masks", "frames")]
    pictures = open_pictures(job.source, is_recursive=job.recursive, but=folders)
    check_forms(forms, pictures)
    mode = mode_for(job, pictures, can_follow=_can_follow(job))
    job.check_mode(mode)
    folder, fingerprint = job_folder_of(forms), segment_fingerprint(job, pictures, mode)
    work = JobFolder(Path(forms[0][0]), fingerprint, at=folder)
    try:

        def is_ours(path: Path) -> bool:
            """True if the interrupted run wrote this output; a folder counts as its own while the journal exists."""
            marks = [entry["published"].get(str(path)) for entry in work.kept() if "published" in entry]
            return path.is_dir() or mark_of(path) in marks

        note = check_start(work, resume=job.resume, overwrite=job.overwrite, existing=existing, is_ours=is_ours)
        finished = FinishedBatches(work, is_tracked=mode == "track", is_resumed=job.resume and not note)
    except BaseException:
        work.close()
        raise
    notes = (*([note] if note else []), *finished.notes)
    return OpenedSource(pictures=pictures, mode=mode, finished=finished, notes=notes)


def load_model(job: SegmentJob, opened: OpenedSource) -> "Segmenter | ClusterSegments":
    """Load the model on its device, or on the machines of a cluster. `run_job` disconnects from a cluster."""
    if job.cluster is None:
        return load_segmenter(job)
    pictures = opened.pictures
    ends = (pictures.expected and -(-pictures.expected // job.every), job.limit)
    expected = min((end for end in ends if end), default=None)
    return ClusterSegments(job, opened.mode, picture_bytes=pictures.first.pixels.nbytes, expected=expected)


def run_job(
    job: SegmentJob,
    opened: OpenedSource,
    model: "Segmenter | ClusterSegments",
    *,
    on_progress: OnProgress = lambda progress: None,
    stop: threading.Event | None = None,
) -> SegmentReport:
    """Segment one source with a model that may have served other jobs before; see `segment_file`. Call it on the thread
    that loaded the model. Disconnects from a cluster."""
    work = opened.finished.work
    try:
        with ExitStack() as closing:
            if isinstance(model, ClusterSegments):
                closing.callback(model.close)
                stage: SegmentStage = model
                mode = opened.mode
            else:
                mode = mode_for(job, opened.pictures, can_follow=model.model.video is not None)
                stage = LocalSegments(job, model, mode)
            stop = stop or threading.Event()
            run = SegmentRun(job, opened.pictures, opened.finished, stage, mode, on_progress, stop)
            report = run.run(opened.notes)
    except BaseException as error:
        if work.has_kept and "--resume" not in str(error):
            error.add_note(f"{work.output}: {RESUME_HINT}")
        work.close()
        raise
    if report.is_interrupted or report.failed:
        work.close()
    else:
        work.remove()
    return report


def mode_for(job: SegmentJob, pictures: Pictures, *, can_follow: bool) -> Mode:
    """The requested mode; else track for a video, unless boxes or batches are given, which need image mode."""
    if job.mode is not None:
        return job.mode
    return "track" if pictures.kind == "video" and can_follow and job.batch == 1 and not job.boxes else "image"


def _can_follow(job: SegmentJob) -> bool:
    """True if the model has a tracker; ModelError if files are missing. Milliseconds.

    On a cluster the model may be on other machines only: returns True then, and they raise the error.
    """
    from engine.models.sam3.check import NO_TRACKER, check

    spec = spec_of(job)
    if spec.random_shape:
        return True
    try:
        report = check(spec)
        if report.missing:
            raise ModelError(report.missing[0])
    except ModelError:
        if job.cluster is None:
            raise
        return True
    can_follow = report.kind == "sam3_video"
    if job.mode == "track" and not can_follow:
        raise ModelError(f"{job.model}: {NO_TRACKER}")
    return can_follow
