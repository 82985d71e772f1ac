"""Runs a job. `paint_video` does everything; its three steps are for callers that report progress
in between:

opened = open_job(job)                    everything known at once: UsageError, SourceError,
                                          SinkError, ModelError
backend = open_backend(job, opened)       seconds: the model and its warm-up
report = run_job(job, opened, backend)    closes both

A run reads batches ahead, paints them and writes the pictures on three threads; see
jobs/kit/pipeline.py.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from engine.jobs.kit.job_folder import RESUME_HINT
from engine.jobs.kit.pipeline import Pipeline, waiting_for
from engine.jobs.kit.report import expected_count
from engine.jobs.video.backend import (
    PaintBackend,
    PaintedBatch,
    StageFigures,
    VideoBatch,
    video_batches,
)
from engine.jobs.video.fused import FusedPaintBackend, check_model
from engine.jobs.video.inputs import open_input
from engine.jobs.video.job import VideoJob
from engine.jobs.video.report import VideoProgress, VideoReport
from engine.jobs.video.writing.outputs import VideoOutput, open_output
from engine.models.sd.painting import GOOD, RERUN
from engine.sources.pictures import Pictures, fit_all
from engine.system.process_memory import peak_process_mb
from engine.system.undoing import undo_on_error

OnProgress = Callable[[VideoProgress], object]
Watch = Callable[[Callable[[], VideoProgress]], None]
"""Receives a progress getter that is safe to call from any thread."""

WAITING_BYTES = 128 * 2**20  # of pictures, before the stages and after them


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedJob:
    """The opened source and output; no model is loaded yet."""

    pictures: Pictures
    size: tuple[int, int]
    """Painted width and height."""
    output: VideoOutput

    def close(self) -> None:
        """Close both, unless a run has taken them over."""
        self.output.abandon()
        self.pictures.close()


def paint_video(
    job: VideoJob,
    *,
    on_progress: OnProgress = lambda progress: None,
    stop: threading.Event | None = None,
) -> VideoReport:
    """Paint a whole video. MultiverseError in one line if it fails; finished parts then stay for
    `resume`. `on_progress` is called after each batch, and once when all are painted, on this
    thread. `stop` ends the run early: pictures painted by then form a playable output, and `resume`
    continues."""
    opened = open_job(job)
    with undo_on_error(opened.close):
        backend = open_backend(job, opened)
    return run_job(job, opened, backend, on_progress=on_progress, stop=stop)


def open_job(job: VideoJob) -> OpenedJob:
    """Open source and output, and decode the first picture. Raises errors of the job, its model,
    source or output."""
    job.check()
    if job.cluster is None:
        check_model(job.painting.spec)
    else:  # the files are on other machines
        from engine.jobs.kit.ray_cluster import require_ray

        require_ray()
    pictures = open_input(
        job.source,
        is_recursive=job.recursive,
        but=(Path(job.output),),
        fps=job.fps,
        deinterlace=job.deinterlace,
    )
    with undo_on_error(pictures.close):
        height, width = pictures.first.pixels.shape[:2]
        size = job.size_for(width, height)
        output = open_output(job, pictures, size)
    return OpenedJob(pictures=pictures, size=size, output=output)


def open_backend(job: VideoJob, opened: OpenedJob) -> PaintBackend:
    """Load and warm up the model, here or on a cluster; in the data type of the run that is
    resumed."""
    work = opened.output.work
    job = replace(job, dtype=work.dtype or job.dtype)
    backend: PaintBackend
    if job.cluster is None:
        backend = FusedPaintBackend(job, opened.size)
    else:
        from engine.jobs.video.on_cluster import ClusterPaintBackend

        backend = ClusterPaintBackend(job, opened.size)
    work.dtype = backend.dtype
    return backend


def run_job(
    job: VideoJob,
    opened: OpenedJob,
    backend: PaintBackend,
    *,
    on_progress: OnProgress = lambda progress: None,
    watch: Watch = lambda progress: None,
    stop: threading.Event | None = None,
) -> VideoReport:
    """Run an opened job, on the thread that opened the backend, and close both; see `paint_video`.
    `watch` receives a progress getter that is safe to call from any thread, because a batch may
    take minutes."""
    try:
        run = VideoRun(job, opened, backend, on_progress, stop or threading.Event())
        watch(run.progress)
        run.run()
        return _report(job, opened, backend, run)
    except BaseException as error:
        if opened.pictures.kind == "live":  # a recording cannot be repeated; say where it is
            for note in opened.output.notes:
                error.add_note(note)
        elif opened.output.resumable and "--resume" not in str(error):
            error.add_note(f"{opened.output.path}: {RESUME_HINT}")
        raise
    finally:
        backend.close()
        opened.pictures.close()


class VideoRun:
    """One run of an opened job. The backend is warm, and no other thread uses it."""

    def __init__(
        self,
        job: VideoJob,
        opened: OpenedJob,
        backend: PaintBackend,
        on_progress: OnProgress,
        stop: threading.Event,
    ) -> None:
        self._job = job
        self._opened = opened
        self._backend = backend
        self._pictures = opened.pictures
        self._output = opened.output
        self._on_progress = on_progress
        self._stop = stop
        # A queue would delay live pictures.
        batch_bytes = opened.size[0] * opened.size[1] * 3 * job.batch
        waiting = 1 if opened.pictures.kind == "live" else waiting_for(batch_bytes, WAITING_BYTES)
        self._pipeline: Pipeline[VideoBatch, PaintedBatch] = Pipeline(
            "video", ahead=waiting, unwritten=waiting, is_stopped=stop.is_set
        )
        self.painted = 0
        self.rerun = 0
        self.passed_through = 0
        self.first_passed = ""
        """Name of the first picture that was passed through; "" if there was none."""
        self._save_s = 0.0
        self._read_frames = 0
        self._is_painted = False
        self._before = {time.name: time for time in backend.times()}  # of earlier runs
        self._began_s = time.perf_counter()
        self._end_s: float | None = None

    def run(self) -> None:
        """Run to the end; re-raises an error of any thread, but keeps the finished parts of the
        output for `resume`."""
        self._began_s = time.perf_counter()
        self._pipeline.run(
            self._batches,
            self._backend.paint,
            self._write,
            on_result=lambda painted: self._on_progress(self.progress()),
            on_worked=self._end_painting,
            # otherwise the run would wait for a camera that sends nothing
            stop_reading=self._pictures.close,
        )
        self._end_s = time.perf_counter()

    @property
    def is_interrupted(self) -> bool:
        return self._pipeline.is_interrupted

    @property
    def seconds(self) -> float:
        return (self._end_s or time.perf_counter()) - self._began_s

    def times(self) -> tuple[StageFigures, ...]:
        """Frames and seconds of each stage so far. Any thread."""
        pieces = self._pipeline.pieces
        results = self._pipeline.results
        read = StageFigures(name="read", frames=self._read_frames, seconds=self._pipeline.read_s)

        def since(now: StageFigures) -> StageFigures:
            before = self._before[now.name]
            return replace(
                now, frames=now.frames - before.frames, seconds=now.seconds - before.seconds
            )

        first, *others = map(since, self._backend.times())
        first = replace(
            first, waiting=first.waiting + len(pieces), most=first.most + pieces.max_items
        )
        save = StageFigures(
            name="save",
            frames=self.painted,
            seconds=self._save_s,
            waiting=len(results),
            most=results.max_items,
        )
        return read, first, *others, save

    def progress(self) -> VideoProgress:
        """Progress of the run, in pictures; may be called on any thread."""
        times = self.times()
        seconds = self.seconds
        done = times[-2].frames
        return VideoProgress(
            done=self._output.done + done,
            expected=expected_count(self._pictures.expected, self._job.every, self._job.frames),
            seconds=seconds,
            rate=done / max(seconds, 1e-9),
            stage_figures=times,
            is_finishing=self._is_painted or self._stop.is_set(),
        )

    def _batches(self) -> Iterator[VideoBatch]:
        """Run on the reader thread."""
        job = self._job
        done = self._output.done
        read = self._pictures.read(job.every, job.frames, start=done)
        height, width = self._pictures.first.pixels.shape[:2]
        whole = fit_all(read, (width, height), self._pictures.counts)
        for batch in video_batches(whole, job.batch, self._opened.size, first=done // job.batch):
            self._read_frames += len(batch.pictures)
            yield batch

    def _end_painting(self) -> None:
        self._is_painted = True
        self._on_progress(self.progress())

    def _write(self, results: Iterator[PaintedBatch]) -> None:
        """Run on the writer thread."""
        with undo_on_error(self._output.abandon):
            for painted in results:
                began_s = time.perf_counter()
                self._save(painted)
                self._save_s += time.perf_counter() - began_s
            began_s = time.perf_counter()
            self._output.finish(is_whole=not self.is_interrupted)
            self._save_s += time.perf_counter() - began_s

    def _save(self, painted: PaintedBatch) -> None:
        for row, picture in enumerate(painted.batch.pictures):
            outcome = int(painted.outcomes[row])
            pixels = painted.pixels[row]
            if outcome == RERUN:
                self.rerun += 1
            elif outcome != GOOD:
                pixels = picture.pixels
                self.passed_through += 1
                self.first_passed = self.first_passed or picture.name
            self._output.add(picture, pixels)
            self.painted += 1


def _report(job: VideoJob, opened: OpenedJob, backend: PaintBackend, run: VideoRun) -> VideoReport:
    counts = opened.pictures.counts
    output = opened.output
    painting = job.painting
    height, width = opened.pictures.first.pixels.shape[:2]
    notes = [*job.notes(width, height), *backend.notes, *counts.notes, *output.notes]
    if run.rerun:
        notes.append(
            f"{run.rerun} pictures were painted twice, because the first attempt gave no picture"
        )
    if run.passed_through:
        advice = "" if backend.dtype == "float32" else "; try --dtype float32"
        left = f"{run.passed_through} pictures were left unpainted, the first is {run.first_passed}"
        notes.append(f"{left}: the model gave NaN or black for them twice{advice}")
    device_mb = backend.memory_mb()
    fps = run.painted / max(run.seconds, 1e-9)
    return VideoReport(
        source=opened.pictures.label,
        output=str(output.path),
        is_interrupted=run.is_interrupted,
        model=painting.spec.model,
        stages=backend.name,
        device=backend.device,
        dtype=backend.dtype,
        width=opened.size[0],
        height=opened.size[1],
        read=counts.decoded,
        kept=output.resumable,
        painted=run.painted,
        unpainted=counts.decoded
        - counts.passed_over
        - counts.dropped
        - counts.resumed
        - run.painted,
        skipped=counts.passed_over,
        **{
            name: getattr(counts, name)
            for name in ("resumed", "dropped", "damaged", "unreadable", "refitted")
        },
        rerun=run.rerun,
        passed_through=run.passed_through,
        load_s=backend.load_s,
        seconds=run.seconds,
        fps=fps,
        its=painting.steps * fps,
        evals=backend.real_steps * fps,
        times=run.times(),
        peak_memory_mb=peak_process_mb() if device_mb is None else device_mb,
        memory_of="process" if device_mb is None else "device",
        notes=tuple(notes),
    )
