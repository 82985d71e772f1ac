"""Runs a job. `segment_file` does all of it; its three parts are for callers that load a model once for many files:

opened = open_job(job)                UsageError, SourceError, SinkError, ModelError: everything known before loading
segmenter = load_segmenter(job)       seconds
report = run_job(job, opened, segmenter)
"""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ModelError, UsageError
from engine.jobs.kit.job_folder import GO_ON, JobFolder
from engine.jobs.kit.resuming import check_start, mark_of
from engine.jobs.segment.finished import FinishedBatches, segment_fingerprint
from engine.jobs.segment.job import Mode, SegmentJob
from engine.jobs.segment.outputs import check_forms, check_outputs, forms_of, job_folder_of
from engine.jobs.segment.pipeline import OnProgress, SegmentRun
from engine.jobs.segment.report import SegmentReport
from engine.models.libraries import require_libraries
from engine.models.sam3 import SegmentationSpec
from engine.sources.pictures import Pictures, open_pictures

if TYPE_CHECKING:
    from engine.models.sam3.segmenter import Segmenter


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSource:
    """The source, and what an earlier run found in it; nothing is loaded yet."""

    pictures: Pictures
    finished: FinishedBatches
    notes: tuple[str, ...]
    """Notes about an earlier run."""

    def close(self) -> None:
        """Release both if no run takes them over."""
        self.finished.work.close()
        self.pictures.close()


def segment_file(
    job: SegmentJob, *, on_progress: OnProgress = lambda progress: None, stop: threading.Event | None = None
) -> SegmentReport:
    """Segment a whole source. MultiverseError in one line if it fails; then no output is left behind, and what was
    found stays for `resume`. An output that cannot be written fails alone if there is another: see
    `SegmentReport.failed`.

    `on_progress` is called after each batch, on this thread. `stop`, set by another thread or a signal, ends the run
    early: what was segmented by then is written, and `resume` goes on.
    """
    opened = open_job(job)
    try:
        segmenter = load_segmenter(job)
    except BaseException:
        opened.close()
        raise
    return run_job(job, opened, segmenter, on_progress=on_progress, stop=stop)


def open_job(job: SegmentJob) -> OpenedSource:
    """Open the source, its first picture decoded. Raises errors of the job, its outputs, source and model."""
    job.check()
    forms = forms_of(job.outputs, job.frames)
    existing = check_outputs(forms, job.source)
    if existing and not (job.overwrite or job.resume or job_folder_of(forms).exists()):
        raise UsageError(f"{existing[0]}: exists already; --overwrite replaces it")
    pictures = open_pictures(job.source)
    check_forms(forms, pictures)
    mode = mode_for(job, pictures, can_follow=_can_follow(job))
    job.check_mode(mode)
    folder, fingerprint = job_folder_of(forms), segment_fingerprint(job, pictures, mode)
    work = JobFolder(Path(forms[0][0]), fingerprint, at=folder)
    try:

        def is_ours(path: Path) -> bool:
            """True if the interrupted run wrote it; a folder is its own as long as its journal is there."""
            marks = [entry["published"].get(str(path)) for entry in work.kept() if "published" in entry]
            return path.is_dir() or mark_of(path) in marks

        note = check_start(work, resume=job.resume, overwrite=job.overwrite, existing=existing, is_ours=is_ours)
        finished = FinishedBatches(work, is_tracked=mode == "track", is_resumed=job.resume and not note)
    except BaseException:
        work.close()
        raise
    return OpenedSource(pictures=pictures, finished=finished, notes=(*([note] if note else []), *finished.notes))


def load_segmenter(job: SegmentJob) -> "Segmenter":
    """The model on its device; ModelError in one line, for boxes without torchvision before it is loaded."""
    if job.boxes:
        from engine.models.sam3.boxes import require_roi_align

        require_roi_align()
    require_libraries()
    from engine.models.device_work import chosen_device, chosen_dtype, use_threads
    from engine.models.sam3.load import load
    from engine.models.sam3.segmenter import Segmenter

    if job.threads is not None:
        use_threads(job.threads)
    device = chosen_device(job.device)
    return Segmenter(load(_spec_of(job), device, chosen_dtype(job.dtype, device, half="bfloat16")))


def run_job(
    job: SegmentJob,
    opened: OpenedSource,
    segmenter: "Segmenter",
    *,
    on_progress: OnProgress = lambda progress: None,
    stop: threading.Event | None = None,
) -> SegmentReport:
    """One source through a model that may have served others before; as `segment_file`. On the segmenter's thread."""
    work = opened.finished.work
    try:
        mode = mode_for(job, opened.pictures, can_follow=segmenter.model.video is not None)
        segmenter.mode = mode
        segmenter.reset()
        segmenter.threshold, segmenter.max_objects, segmenter.boxes = job.threshold, job.max_objects, job.boxes
        notes = opened.notes + segmenter.model.notes + segmenter.set_prompts(job.prompts)
        run = SegmentRun(job, opened.pictures, opened.finished, segmenter, mode, on_progress, stop or threading.Event())
        report = run.run(notes)
    except BaseException as error:
        if work.has_kept and "--resume" not in str(error):
            error.add_note(f"{work.output}: {GO_ON}")
        work.close()
        raise
    if report.is_interrupted or report.failed:
        work.close()
    else:
        work.remove()
    return report


def mode_for(job: SegmentJob, pictures: Pictures, *, can_follow: bool) -> Mode:
    """The mode asked for; else track for a video, unless there are boxes or batches, which belong to one picture."""
    if job.mode is not None:
        return job.mode
    return "track" if pictures.kind == "video" and can_follow and job.batch == 1 and not job.boxes else "image"


def _can_follow(job: SegmentJob) -> bool:
    """True if the model has a tracker; ModelError if files are missing. Milliseconds."""
    from engine.models.sam3.check import NO_TRACKER, check

    spec = _spec_of(job)
    if spec.random_shape:
        return True
    report = check(spec)
    if report.missing:
        raise ModelError(report.missing[0])
    can_follow = report.kind == "sam3_video"
    if job.mode == "track" and not can_follow:
        raise ModelError(f"{job.model}: {NO_TRACKER}")
    return can_follow


def _spec_of(job: SegmentJob) -> SegmentationSpec:
    return SegmentationSpec(
        model=job.model, resolution=job.resolution, is_compiled=job.is_compiled, is_offloaded=job.is_offloaded
    )
