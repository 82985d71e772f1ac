"""Runs a job. `segment_file` does everything; its three steps are for callers that load a model
once for many files:

opened = open_job(job)                UsageError, SourceError, SinkError, ModelError: everything
                                      known before loading
model = load_model(job, opened)       seconds
report = run_job(job, opened, model)

A run reads batches ahead, segments them, paints and encodes on three threads; see
jobs/kit/pipeline.py.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ModelError, UsageError
from engine.jobs.kit.job_folder import RESUME_HINT, JobFolder
from engine.jobs.kit.pipeline import Pipeline
from engine.jobs.kit.ray_cluster import require_ray
from engine.jobs.kit.report import expected_count
from engine.jobs.kit.resuming import check_start, mark_of
from engine.jobs.segment.backend import LocalSegmentBackend, SegmentBackend, load_segmenter, spec_of
from engine.jobs.segment.finished import SHAPES, FinishedBatches, segment_fingerprint
from engine.jobs.segment.job import Mode, SegmentJob
from engine.jobs.segment.on_cluster import ClusterSegmentBackend
from engine.jobs.segment.outputs import check_forms, check_outputs, form_of, forms_of, job_folder_of
from engine.jobs.segment.report import SegmentProgress, SegmentReport
from engine.jobs.segment.results import BatchResult, SegmentedBatch
from engine.jobs.segment.times import RunTimes, advise_resolution
from engine.jobs.segment.writing import Writer
from engine.sources.pictures import (
    Batch,
    Pictures,
    batches,
    batches_waiting,
    fit_all,
    open_pictures,
)
from engine.system.process_memory import peak_process_mb

if TYPE_CHECKING:
    from engine.models.sam3.segmenter import Segmenter

OnProgress = Callable[[SegmentProgress], object]


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
    job: SegmentJob,
    *,
    on_progress: OnProgress = lambda progress: None,
    stop: threading.Event | None = None,
) -> SegmentReport:
    """Segment a whole source. MultiverseError in one line if it fails; then no output is left
    behind, and results stay on the disk for `resume`. If one of several outputs cannot be written,
    the others continue: see `SegmentReport.failed`. `on_progress` is called after each batch, on
    this thread. `stop` ends the run early: pictures segmented by then are written, and `resume`
    continues."""
    opened = open_job(job)
    try:
        model = load_model(job, opened)
    except BaseException:
        opened.close()
        raise
    return run_job(job, opened, model, on_progress=on_progress, stop=stop)


def open_job(job: SegmentJob) -> OpenedSource:
    """Open the source and decode its first picture. Raises errors of the job, its outputs, source
    and model."""
    job.check()
    if job.cluster is not None:
        require_ray()
    forms = forms_of(job.outputs, job.pictures)
    existing = check_outputs(forms, job.source)
    if existing and not (job.overwrite or job.resume or job_folder_of(forms).exists()):
        is_listed = len(forms) > 1 and form_of(existing[0]) == "picture"
        hint = f"; for many pictures name their folder, {job.source.parent}" if is_listed else ""
        raise UsageError(f"{existing[0]}: exists already; --overwrite replaces it{hint}")
    folders = [Path(name) for name, form in forms if form in ("masks", "frames")]
    pictures = open_pictures(
        job.source,
        is_recursive=job.recursive,
        but=folders,
        fps=job.fps,
        deinterlace=job.deinterlace,
    )
    check_forms(forms, pictures)
    mode = mode_for(job, pictures, can_follow=_can_follow(job))
    job.check_mode(mode)
    fingerprint = segment_fingerprint(job, pictures, mode)
    work = JobFolder(Path(forms[0][0]), fingerprint, shapes=SHAPES, at=job_folder_of(forms))
    try:

        def is_ours(path: Path) -> bool:
            """True if the interrupted run wrote this output; a folder counts as its own while the
            journal exists."""
            marks = [
                entry["published"].get(str(path))
                for entry in work.entries()
                if "published" in entry
            ]
            return path.is_dir() or mark_of(path) in marks

        note = check_start(
            work, resume=job.resume, overwrite=job.overwrite, existing=existing, is_ours=is_ours
        )
        finished = FinishedBatches(
            work, is_tracked=mode == "track", is_resumed=job.resume and not note
        )
    except BaseException:
        work.close()
        raise
    notes = (*([note] if note else []), *finished.notes)
    return OpenedSource(pictures=pictures, mode=mode, finished=finished, notes=notes)


def load_model(job: SegmentJob, opened: OpenedSource) -> "Segmenter | ClusterSegmentBackend":
    """Load the model on its device, or on the machines of a cluster, in the data type of the run
    that is resumed. `run_job` disconnects from a cluster."""
    job = replace(job, dtype=opened.finished.work.dtype or job.dtype)
    if job.cluster is None:
        return load_segmenter(job)
    expected = expected_count(opened.pictures.expected, job.every, job.frames)
    return ClusterSegmentBackend(
        job, opened.mode, picture_bytes=opened.pictures.first.pixels.nbytes, expected=expected
    )


def run_job(
    job: SegmentJob,
    opened: OpenedSource,
    model: "Segmenter | ClusterSegmentBackend",
    *,
    on_progress: OnProgress = lambda progress: None,
    stop: threading.Event | None = None,
) -> SegmentReport:
    """Segment a source with a model, maybe shared, on its thread; see `segment_file`. Closes a
    cluster."""
    work = opened.finished.work
    try:
        if isinstance(model, ClusterSegmentBackend):
            backend: SegmentBackend = model
            mode = opened.mode
        else:
            mode = mode_for(job, opened.pictures, can_follow=model.model.video is not None)
            backend = LocalSegmentBackend(job, model, mode)
        work.dtype = backend.dtype
        with closing(backend):
            report = SegmentRun(
                job, opened, backend, mode, on_progress, stop or threading.Event()
            ).run()
    except BaseException as error:
        if work.has_entries and "--resume" not in str(error):
            error.add_note(f"{work.output}: {RESUME_HINT}")
        work.close()
        raise
    if report.is_interrupted or report.failed:
        work.close()
    else:
        work.remove()
    return report


class SegmentRun:
    """One run of one source. No other thread uses the stage."""

    def __init__(
        self,
        job: SegmentJob,
        opened: OpenedSource,
        backend: SegmentBackend,
        mode: Mode,
        on_progress: OnProgress,
        stop: threading.Event,
    ) -> None:
        self._job = job
        self._opened = opened
        self._pictures = opened.pictures
        self._finished = opened.finished
        self._mode: Mode = mode
        self._backend = backend
        self._on_progress = on_progress
        self._stop = stop
        waiting = batches_waiting(opened.pictures.first, job.batch)
        self._pipeline: Pipeline[Batch, SegmentedBatch] = Pipeline(
            "segment", ahead=waiting, unwritten=waiting, is_stopped=stop.is_set
        )
        self._writer = Writer(job, opened.pictures, mode, opened.finished)
        self._frames = 0
        self._objects = 0
        self._most_objects = 0
        self._not_finite = 0
        self._resumed = 0
        self._batches = 0
        self._ids: set[int] = set()
        self._advice: str | None = None
        self._device_mb = 0.0
        self._times = RunTimes(self._pipeline.pieces, self._pipeline.results)

    def run(self) -> SegmentReport:
        """Run to the end; re-raises an error of any thread."""
        try:
            self._pipeline.run(self._read, self._segment, self._writer.run, on_result=self._count)
        finally:
            self._times.end(self._pipeline.last_wait_s)
        return self._report()

    def _read(self) -> Iterator[Batch]:
        """Run on the reader thread."""
        job = self._job
        pictures = self._pictures
        read = pictures.read(job.every, job.frames)
        if pictures.kind == "video":
            height, width = pictures.first.pixels.shape[:2]
            read = fit_all(read, (width, height), pictures.counts)
        return batches(read, job.batch)

    def _segment(self, batches: Iterator[Batch]) -> Iterator[SegmentedBatch]:
        yield from self._finished.restored(batches)
        if self._finished.tracker is not None:
            self._backend.restore_tracker(self._finished.tracker)
        yield from self._backend.segment(batches, self._stop.is_set)

    def _count(self, segmented: SegmentedBatch) -> None:
        """Count a batch that was queued for the writer."""
        found = segmented.result.segmentations
        self._frames += len(found)
        self._not_finite += segmented.result.not_finite
        for each in found:
            self._objects += len(each.objects)
            self._most_objects = max(self._most_objects, len(each.objects))
            self._ids.update(one.id for one in each.objects)
        if segmented.is_restored:
            self._resumed += len(found)
        else:
            self._time(segmented.result)
        pieces = self._pipeline.pieces
        results = self._pipeline.results
        self._on_progress(
            SegmentProgress(
                done=self._frames,
                expected=expected_count(self._pictures.expected, self._job.every, self._job.frames),
                rate=self._times.fps,
                read_ahead=(len(pieces), pieces.max_items),
                unwritten=(len(results), results.max_items),
                advice=self._advice,
                failed=tuple(self._writer.failed),
            )
        )

    def _time(self, result: BatchResult) -> None:
        self._times.end_batch(len(result.segmentations), result.stages_ms)
        self._batches += 1
        # the first batch includes minutes of compilation
        if self._backend.is_local and self._batches == (2 if self._job.is_compiled else 1):
            picture_s = sum(result.stages_ms.values()) / 1000 / len(result.segmentations)
            self._advice = advise_resolution(
                self._job.resolution, self._backend.device.partition(":")[0], picture_s
            )
        self._device_mb = max(self._device_mb, self._backend.memory_mb() or 0.0)

    def _report(self) -> SegmentReport:
        job = self._job
        counts = self._pictures.counts
        writer = self._writer
        own_notes = [note for output in writer.outputs for note in output.notes]
        if self._not_finite:
            own_notes.append(
                f"{self._not_finite} pictures: the model answered with NaN; try --dtype float32"
            )
        own_notes += [self._advice] if self._advice else []
        own_notes += [f"{self._finished.work.output}: {RESUME_HINT}"] * bool(writer.failed)
        height, width = self._pictures.first.pixels.shape[:2]
        times = self._times
        return SegmentReport(
            source=str(job.source),
            outputs=tuple(str(output.path) for output in writer.outputs),
            failed=tuple(writer.failed),
            is_interrupted=self._pipeline.is_interrupted,
            mode=self._mode,
            **{name: getattr(job, name) for name in ("model", "resolution", "batch")},
            **{name: getattr(self._backend, name) for name in ("device", "dtype")},
            width=width,
            height=height,
            read=counts.decoded,
            written=writer.written,
            resumed=self._resumed,
            unwritten=counts.decoded - counts.passed_over - writer.written,
            **{
                name: getattr(counts, name)
                for name in ("passed_over", "damaged", "unreadable", "refitted")
            },
            objects=self._objects,
            identities=len(self._ids),
            most_objects=self._most_objects,
            seconds=times.seconds,
            first_batch_s=times.first_s,
            fps=times.fps,
            stages=times.table(),
            ms_a_frame=times.ms_a_frame,
            hidden_ms={
                "decode": self._pipeline.read_s * 1000 / max(counts.decoded, 1),
                "paint and encode": writer.work_s * 1000 / max(writer.written, 1),
            },
            read_waits=times.read_waits,
            peak_memory_mb=self._device_mb or peak_process_mb(),
            memory_of="device" if self._device_mb else "process",
            notes=(*self._opened.notes, *self._backend.notes, *counts.notes, *own_notes),
        )


def mode_for(job: SegmentJob, pictures: Pictures, *, can_follow: bool) -> Mode:
    """The requested mode; else track for a video, unless boxes or batches are given, which need
    image mode."""
    can_track = pictures.kind == "video" and can_follow and job.batch == 1 and not job.boxes
    return job.mode or ("track" if can_track else "image")


def _can_follow(job: SegmentJob) -> bool:
    """True if the model has a tracker; ModelError if files are missing. On a cluster the model may
    be on other machines only: returns True then, and they raise the error."""
    from engine.models.sam3.check import NO_TRACKER, check

    spec = spec_of(job)
    if spec.random_shape:
        return True
    try:
        report = check(spec)
        report.require_complete()
    except ModelError:
        if job.cluster is None:
            raise
        return True
    can_follow = report.kind == "sam3_video"
    if job.mode == "track" and not can_follow:
        raise ModelError(f"{job.model}: {NO_TRACKER}")
    return can_follow
