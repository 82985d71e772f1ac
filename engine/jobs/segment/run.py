"""The job done. `segment_file` is all of it; its three parts are for who loads a model once for many files:

pictures = open_job(job)              UsageError, SourceError, ModelError: all that can be told before loading
segmenter = load_segmenter(job)       seconds
report = run_job(job, pictures, segmenter)
"""

import threading
from typing import TYPE_CHECKING

from engine.errors import ModelError
from engine.jobs.segment.job import Mode, SegmentJob
from engine.jobs.segment.outputs import check_forms, check_outputs, forms_of
from engine.jobs.segment.pipeline import Pipeline, Tell
from engine.jobs.segment.report import SegmentReport
from engine.models.libraries import require_libraries
from engine.models.sam3 import SegmentationSpec
from engine.sources.pictures import Pictures, open_pictures

if TYPE_CHECKING:
    from engine.models.sam3.segmenter import Segmenter


def segment_file(
    job: SegmentJob, *, tell: Tell = lambda progress: None, stop: threading.Event | None = None
) -> SegmentReport:
    """Everything, start to end. MultiverseError in one line when it fails; then no output is left behind. An output
    that cannot be written fails alone, as long as there is another: see `SegmentReport.failed`.

    `tell` hears of each batch, on this thread. `stop`, set by another thread or a signal, ends the run early: what was
    segmented until then is written and kept.
    """
    pictures = open_job(job)
    return run_job(job, pictures, load_segmenter(job), tell=tell, stop=stop)


def open_job(job: SegmentJob) -> Pictures:
    """The source, its first picture decoded. Raises what is wrong with the job, its outputs, its source, its model."""
    job.check()
    forms = forms_of(job.outputs, job.frames)
    check_outputs(forms, job.source, overwrite=job.overwrite)
    pictures = open_pictures(job.source)
    check_forms(forms, pictures)
    job.check_mode(mode_for(job, pictures, can_follow=_can_follow(job)))
    return pictures


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
    pictures: Pictures,
    segmenter: "Segmenter",
    *,
    tell: Tell = lambda progress: None,
    stop: threading.Event | None = None,
) -> SegmentReport:
    """One source through a model that may have served others before; as `segment_file`. On the segmenter's thread."""
    mode = mode_for(job, pictures, can_follow=segmenter.model.video is not None)
    segmenter.mode = mode
    segmenter.reset()
    segmenter.threshold, segmenter.max_objects, segmenter.boxes = job.threshold, job.max_objects, job.boxes
    notes = segmenter.model.notes + segmenter.set_prompts(job.prompts)
    return Pipeline(job, pictures, segmenter, mode, tell, stop or threading.Event()).run(notes)


def mode_for(job: SegmentJob, pictures: Pictures, *, can_follow: bool) -> Mode:
    """Where nothing is asked for, a video is followed, unless boxes or batches are: they belong to single pictures."""
    if job.mode is not None:
        return job.mode
    return "track" if pictures.kind == "video" and can_follow and job.batch == 1 and not job.boxes else "image"


def _can_follow(job: SegmentJob) -> bool:
    """Whether the model has a tracker; ModelError for what its files lack, in milliseconds."""
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
