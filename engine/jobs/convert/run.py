"""Runs a job. `convert_files` does everything; its three steps are for callers that load a model once for many jobs:

work = open_job(job)                  UsageError, SinkError, ModelError: everything known before loading
voice = load_voice(job, work)         seconds; None if nothing is to be converted
report = run_job(job, work, voice)
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from engine.errors import AudioError, SinkError, UsageError
from engine.jobs.convert.cluster.cluster_voice import ClusterVoice
from engine.jobs.convert.file_work import remove_leftover
from engine.jobs.convert.formats import form_of, rate_for
from engine.jobs.convert.job import ConvertJob
from engine.jobs.convert.loading import VoiceFacts, facts_of, load_converter
from engine.jobs.convert.pipeline import ConvertRun, OnProgress
from engine.jobs.convert.report import ConvertReport, FileReport
from engine.jobs.convert.sound import Sound
from engine.jobs.convert.sounds import open_sound
from engine.jobs.convert.tasks import Mark, Task, mark_of, tasks_of
from engine.jobs.convert.writing import check_pictures
from engine.jobs.kit.fingerprint import Fingerprint, digest_of_files, model_files
from engine.jobs.kit.ray_cluster import require_ray
from engine.system.process_memory import peak_process_mb

if TYPE_CHECKING:
    from engine.models.rvc.offline import VoiceConverter

OPTIONS = {"threshold_db": "threshold", "is_autotuned": "autotune"}
"""Options whose name differs from the field's."""
OnFile = Callable[[FileReport], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedFiles:
    """The files of a job, each opened once to check it."""

    tasks: list[Task]
    sounds: dict[Task, Sound]
    """The inputs that are readable and not converted yet."""
    reports: dict[Task, FileReport]
    """Reports of the remaining files."""
    before: dict[Task, Mark]
    """Identity of the outputs of `sounds` at the start."""


def convert_files(
    job: ConvertJob,
    *,
    on_progress: OnProgress = lambda progress: None,
    on_file: OnFile = lambda report: None,
    stop: threading.Event | None = None,
) -> ConvertReport:
    """Convert all files. MultiverseError in one line if nothing can be done.

    `on_file` is called, on any thread, as soon as a file is done or has failed; the others continue. `on_progress` is
    called after each batch, on this thread. `stop`, set by another thread or a signal, ends the run between two
    batches: converted files are written, and the rest can be resumed.
    """
    work = open_job(job, on_file=on_file)
    return run_job(job, work, load_voice(job, work), on_progress=on_progress, on_file=on_file, stop=stop)


def open_job(job: ConvertJob, *, on_file: OnFile = lambda report: None) -> OpenedFiles:
    """Open and check every source. Raises errors of the job, its outputs and its model."""
    from engine.models.rvc.check import check

    job.check()
    if job.cluster is not None:
        require_ray()
    work = OpenedFiles(tasks=tasks_of(job), sounds={}, reports={}, before={})
    if not job.spec.random_shape and job.cluster is None:  # else the model is on other machines
        check(job.spec).require_complete()
    for task in work.tasks:
        if job.resume and task.output.is_file():
            remove_leftover(task.output)
            work.reports[task] = FileReport(source=str(task.source), output=str(task.output), state="kept")
            on_file(work.reports[task])
            continue
        try:
            if task.problem:
                raise AudioError(task.problem)
            sound = open_sound(task.source)
            check_pictures(task.output, sound)
        except (AudioError, SinkError) as error:
            work.reports[task] = FileReport(
                source=str(task.source), output=str(task.output), state="failed", reason=str(error)
            )
            on_file(work.reports[task])
        else:
            _check_rate(job, task)
            work.sounds[task], work.before[task] = sound, mark_of(task.output)
    return work


def load_voice(
    job: ConvertJob, work: OpenedFiles, environ: Mapping[str, str] = os.environ
) -> "VoiceConverter | ClusterVoice | None":
    """Load the model on its device, or on the machines of a cluster; None if no file needs it. `run_job` disconnects
    from a cluster."""
    if not work.sounds:
        return None
    if job.cluster is None:
        return load_converter(job, environ)
    known = [sound.promised_s for sound in work.sounds.values()]
    sounds_s = [seconds for seconds in known if seconds is not None]
    return ClusterVoice(job, sounds_s=sounds_s if len(sounds_s) == len(known) else None, environ=environ)


def run_job(
    job: ConvertJob,
    work: OpenedFiles,
    voice: "VoiceConverter | ClusterVoice | None",
    *,
    on_progress: OnProgress = lambda progress: None,
    on_file: OnFile = lambda report: None,
    stop: threading.Event | None = None,
) -> ConvertReport:
    """Convert the files of an open job with a model that may have served other jobs before; see `convert_files`.
    Disconnects from a cluster."""
    stop = stop or threading.Event()
    if voice is None:
        return _report_of_nothing(job, work)
    began_s = time.perf_counter()
    facts = voice.facts if isinstance(voice, ClusterVoice) else facts_of(voice)
    run = ConvertRun(
        job,
        work.sounds,
        work.before,
        voice,
        _settings_fingerprint(job, facts),
        on_progress=on_progress,
        on_file=on_file,
        is_stopped=stop.is_set,
    )
    try:
        reports = work.reports | (run.run() if work.sounds else {})
    finally:
        if isinstance(voice, ClusterVoice):
            voice.close()
    seconds = time.perf_counter() - began_s
    return ConvertReport(
        files=tuple(reports[task] for task in work.tasks),
        is_interrupted=any(report.state in ("interrupted", "not begun") for report in reports.values()),
        model=job.spec.model,
        index=job.spec.index,
        rate_hz=facts.rate_hz,
        device=facts.device,
        dtype=facts.dtype.removeprefix("torch."),
        pitch=facts.pitch if facts.has_pitch else "",
        batch_size=facts.options.batch_size,
        sound_s=run.sound_s,
        seconds=seconds,
        speed=run.sound_s / max(seconds, 1e-9),
        stages=() if isinstance(voice, ClusterVoice) else tuple(voice.profiler.as_json()),
        peak_memory_mb=run.device_mb or peak_process_mb(),
        memory_of="device" if run.device_mb else "process",
        notes=tuple(voice.notes) if isinstance(voice, ClusterVoice) else facts.notes,
    )


def _report_of_nothing(job: ConvertJob, work: OpenedFiles) -> ConvertReport:
    """The report of a job whose files all exist already or cannot be read."""
    return ConvertReport(
        files=tuple(work.reports[task] for task in work.tasks),
        is_interrupted=False,
        model=job.spec.model,
        index=job.spec.index,
        rate_hz=0,
        device="",
        dtype="",
        pitch="",
        batch_size=0,
        sound_s=0.0,
        seconds=0.0,
        speed=0.0,
        stages=(),
        peak_memory_mb=peak_process_mb(),
        memory_of="process",
        notes=(),
    )


def _check_rate(job: ConvertJob, task: Task) -> None:
    form = form_of(task.output)
    if isinstance(job.rate_hz, int) and rate_for(form, job.rate_hz) != job.rate_hz:
        allowed = ", ".join(map(str, form.rates_hz))
        raise UsageError(f"--rate: {task.output.suffix} takes {allowed} Hz, not {job.rate_hz}")


def _settings_fingerprint(job: ConvertJob, facts: VoiceFacts) -> Fingerprint:
    """Everything that affects the outputs, except the source."""
    spec = job.spec
    named = (spec.model, spec.index, facts.content, spec.rmvpe)
    settings = asdict(facts.settings)
    chosen = {f"{name}|spec": value for name, value in asdict(replace(spec, index_note="", pitch="auto")).items()}
    values = {OPTIONS.get(name, name): value for name, value in (settings | chosen).items()}
    return {f"--{name.replace('_', '-')}": value for name, value in values.items()} | {
        "--f0": spec.pitch,
        "a file of the model": digest_of_files(path for name in named for path in model_files(name)),
        "the pitch method": facts.pitch,
        "the precision": facts.dtype,
        "the cutting": asdict(facts.cutting),
    }
