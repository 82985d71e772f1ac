"""Runs a job. `paint_video` does everything; its three steps are for callers that report progress in between:

opened = open_job(job)                    UsageError, SourceError, SinkError, ModelError: everything known at once
stages = open_stages(job, opened)         seconds: models, processes, warm-up, and the choice between fused and split
report = run_job(job, opened, stages)     closes both
"""

import threading
from dataclasses import dataclass
from pathlib import Path

from engine.jobs.kit.job_folder import RESUME_HINT
from engine.jobs.video.choosing import ChosenStages, choose_stages
from engine.jobs.video.inputs import open_input
from engine.jobs.video.job import VideoJob
from engine.jobs.video.model_check import check_model
from engine.jobs.video.pipeline import OnProgress, VideoOutcome, VideoRun, Watch
from engine.jobs.video.report import VideoReport
from engine.jobs.video.stages import PaintStages, StagesInProcesses
from engine.jobs.video.writing.outputs import VideoOutput, open_output
from engine.sources.pictures import Pictures
from engine.system.process_memory import peak_process_mb


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
    job: VideoJob, *, on_progress: OnProgress = lambda progress: None, stop: threading.Event | None = None
) -> VideoReport:
    """Paint a whole video. MultiverseError in one line if it fails; finished parts then stay for `resume`.

    `on_progress` is called after each batch, and once when all are painted, on this thread. `stop`, set by another
    thread or a signal, ends the run early: pictures painted by then form a playable output, and `resume` continues.
    """
    opened = open_job(job)
    try:
        stages = open_stages(job, opened)
    except BaseException:
        opened.close()
        raise
    return run_job(job, opened, stages, on_progress=on_progress, stop=stop)


def open_job(job: VideoJob) -> OpenedJob:
    """Open source and output, and decode the first picture. Raises errors of the job, its model, source or output."""
    job.check()
    if job.cluster is not None:
        from engine.jobs.kit.ray_cluster import require_ray

        require_ray()
    check_model(job)
    pictures = open_input(job.source, is_recursive=job.recursive, but=(Path(job.output),))
    try:
        height, width = pictures.first.pixels.shape[:2]
        size = job.size_for(width, height)
        output = open_output(job, pictures, size)
    except BaseException:
        pictures.close()
        raise
    return OpenedJob(pictures=pictures, size=size, output=output)


def open_stages(job: VideoJob, opened: OpenedJob) -> ChosenStages:
    """Load and warm up the stages: those the job names, or the faster ones."""
    return choose_stages(job, opened.pictures, opened.size, done=opened.output.done)


def run_job(
    job: VideoJob,
    opened: OpenedJob,
    chosen: ChosenStages,
    *,
    on_progress: OnProgress = lambda progress: None,
    watch: Watch = lambda progress: None,
    stop: threading.Event | None = None,
) -> VideoReport:
    """Run an opened job, on the thread that opened the stages; see `paint_video`. Closes the stages and the opened job.

    `watch` receives a progress getter that is safe to call from any thread, because a batch may take minutes.
    """
    try:
        run = VideoRun(
            job,
            opened.pictures,
            opened.size,
            opened.output,
            chosen.stages,
            on_progress,
            stop or threading.Event(),
            watch,
        )
        outcome = run.run()
        return _report(job, opened, chosen, outcome)
    except BaseException as error:
        if opened.pictures.kind == "live":  # a recording cannot be repeated; say where it is
            for note in opened.output.notes:
                error.add_note(note)
        elif opened.output.kept and "--resume" not in str(error):
            error.add_note(f"{opened.output.path}: {RESUME_HINT}")
        raise
    finally:
        chosen.stages.close()
        opened.pictures.close()


def _report(job: VideoJob, opened: OpenedJob, chosen: ChosenStages, outcome: VideoOutcome) -> VideoReport:
    counts, output, stages, painting = opened.pictures.counts, opened.output, chosen.stages, job.painting
    height, width = opened.pictures.first.pixels.shape[:2]
    notes = [*job.notes(width, height), *stages.notes, *counts.notes, *output.notes]
    if outcome.rerun:
        notes.append(f"{outcome.rerun} pictures were painted twice, because the first attempt gave no picture")
    if outcome.passed_through:
        advice = "" if stages.dtype == "float32" else "; try --dtype float32"
        notes.append(
            f"{outcome.passed_through} pictures were left unpainted, the first is {outcome.first_passed}: "
            f"the model gave NaN or black for them twice{advice}"
        )
    memory_mb, memory_of = _peak_memory(stages)
    fps = outcome.painted / max(outcome.seconds, 1e-9)
    width, height = opened.size
    resumed = counts.resumed
    return VideoReport(
        source=opened.pictures.label,
        output=str(output.path),
        is_interrupted=outcome.is_interrupted,
        model=painting.spec.model,
        stages=chosen.name,
        why=chosen.why,
        device=stages.device,
        dtype=stages.dtype,
        width=width,
        height=height,
        read=counts.decoded,
        resumed=resumed,
        kept=output.kept,
        painted=outcome.painted,
        unpainted=counts.decoded - counts.passed_over - counts.dropped - resumed - outcome.painted,
        skipped=counts.passed_over,
        dropped=counts.dropped,
        damaged=counts.damaged,
        unreadable=counts.unreadable,
        refitted=counts.refitted,
        rerun=outcome.rerun,
        passed_through=outcome.passed_through,
        load_s=chosen.load_s,
        seconds=outcome.seconds,
        fps=fps,
        its=painting.steps * fps,
        evals=stages.real_steps * fps,
        times=outcome.times,
        peak_memory_mb=memory_mb,
        memory_of=memory_of,
        notes=tuple(notes),
    )


def _peak_memory(stages: PaintStages) -> tuple[float, str]:
    """Peak memory in MiB, and which memory it is."""
    device_mb = stages.memory_mb()
    if device_mb is not None:
        return device_mb, "device"
    if isinstance(stages, StagesInProcesses):
        return stages.processes_mb(), "processes"
    return peak_process_mb(), "process"
