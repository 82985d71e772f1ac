"""The job done. `convert_files` is all of it; its three parts are for who loads a model once for many jobs:

work = open_job(job)                  UsageError, SinkError, ModelError: all that can be told before loading
converter = load_converter(job)       seconds
report = run_job(job, work, converter)
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import AudioError, ModelError, SinkError, UsageError
from engine.jobs.convert.formats import form_of, rate_for
from engine.jobs.convert.job import ConvertJob
from engine.jobs.convert.pipeline import Pipeline, Tell
from engine.jobs.convert.report import ConvertReport, FileReport
from engine.jobs.convert.sounds import Sound, open_sound
from engine.jobs.convert.tasks import Mark, Task, mark_of, tasks_of
from engine.jobs.convert.writing import check_pictures
from engine.models import locate
from engine.models.rvc.optimization import OptimizationConfig
from engine.system.process_memory import peak_process_mb
from engine.system.work_folder import file_key

if TYPE_CHECKING:
    from engine.models.rvc.offline import VoiceConverter

TellFile = Callable[[FileReport], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenJob:
    """What is to be done, looked at."""

    tasks: list[Task]
    sounds: dict[Task, Sound]
    """Of the files that can be read and are not there already."""
    reports: dict[Task, FileReport]
    """Of the others."""
    before: dict[Task, Mark]
    """Of the outputs of `sounds`."""


def convert_files(
    job: ConvertJob,
    *,
    tell: Tell = lambda progress: None,
    tell_file: TellFile = lambda report: None,
    stop: threading.Event | None = None,
) -> ConvertReport:
    """Everything, start to end. MultiverseError in one line when nothing can be done.

    A file that cannot be read or written is told to `tell_file` at once, as is each that is done, on any thread; the
    others go on. `tell` hears of each batch, on this thread. `stop`, set by another thread or a signal, ends the run
    between two batches: what is converted is written, and the rest can be resumed.
    """
    work = open_job(job, tell_file=tell_file)
    return run_job(job, work, load_converter(job), tell=tell, tell_file=tell_file, stop=stop)


def open_job(job: ConvertJob, *, tell_file: TellFile = lambda report: None) -> OpenJob:
    """What each source becomes, every one looked at. Raises what is wrong with the job, its outputs and its model."""
    from engine.models.rvc.check import check

    job.check()
    work = OpenJob(tasks=tasks_of(job), sounds={}, reports={}, before={})
    if not job.spec.random_shape:
        check(job.spec).require_complete()
    for task in work.tasks:
        if job.resume and task.output.is_file():
            work.reports[task] = FileReport(source=str(task.source), output=str(task.output), state="kept")
            tell_file(work.reports[task])
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
            tell_file(work.reports[task])
        else:
            _check_rate(job, task)
            work.sounds[task], work.before[task] = sound, mark_of(task.output)
    return work


def load_converter(job: ConvertJob, environ: Mapping[str, str] = os.environ) -> "VoiceConverter":
    """The model on its device. ModelError in one line; ConfigError for what `environ` sets wrongly."""
    from engine.models.device_work import chosen_device, use_threads
    from engine.models.rvc.load import load
    from engine.models.rvc.offline import VoiceConverter

    if job.threads is not None:
        use_threads(job.threads)
    device = chosen_device(job.device)
    options = OptimizationConfig.resolve(device, environ, **job.switches)
    spec = replace(job.spec, is_retrieved_on_device=options.gpu_retrieval)
    model = load(spec, device, "float16" if options.fp16 else "float32")
    return VoiceConverter(model, job.settings, options)


def run_job(
    job: ConvertJob,
    work: OpenJob,
    converter: "VoiceConverter",
    *,
    tell: Tell = lambda progress: None,
    tell_file: TellFile = lambda report: None,
    stop: threading.Event | None = None,
) -> ConvertReport:
    """The files of an open job through a model that may have served others before; as `convert_files`."""
    stop = stop or threading.Event()
    model, began_s = converter.model, time.perf_counter()
    pipeline = Pipeline(
        job,
        work.sounds,
        work.before,
        converter,
        _key(job, converter),
        tell=tell,
        tell_file=tell_file,
        is_stopped=stop.is_set,
    )
    reports = work.reports | (pipeline.run() if work.sounds else {})
    seconds = time.perf_counter() - began_s
    return ConvertReport(
        files=tuple(reports[task] for task in work.tasks),
        is_interrupted=any(report.state in ("interrupted", "not begun") for report in reports.values()),
        model=job.spec.model,
        index=job.spec.index,
        rate_hz=converter.rate_hz,
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        pitch=model.pitch.name if model.has_pitch else "",
        batch_size=converter.options.batch_size,
        sound_s=pipeline.sound_s,
        seconds=seconds,
        speed=pipeline.sound_s / max(seconds, 1e-9),
        stages=tuple(converter.profiler.as_json()),
        peak_memory_mb=pipeline.device_mb or peak_process_mb(),
        memory_of="device" if pipeline.device_mb else "process",
        notes=model.notes,
    )


def _check_rate(job: ConvertJob, task: Task) -> None:
    form = form_of(task.output)
    if isinstance(job.rate_hz, int) and rate_for(form, job.rate_hz) != job.rate_hz:
        allowed = ", ".join(map(str, form.rates_hz))
        raise UsageError(f"--rate: {task.output.suffix} takes {allowed} Hz, not {job.rate_hz}")


def _key(job: ConvertJob, converter: "VoiceConverter") -> dict[str, Any]:
    """All that decides what comes out, apart from the source."""
    model, spec = converter.model, job.spec
    files = [path for name in (spec.model, spec.index, model.spec.content, spec.rmvpe) for path in _files_of(name)]
    return {
        "spec": asdict(replace(spec, index_note="")),
        "settings": asdict(converter.settings),
        "files": [file_key(path) for path in files],
        "pitch": model.pitch.name,
        "dtype": str(model.dtype),
        "cutting": asdict(converter.cutting),
    }


def _files_of(name: str) -> list[Path]:
    """Files of a model, whose change would be heard; none where it is drawn at random or not here."""
    try:
        path = locate.find(name) if name else None
    except ModelError:
        return []
    if path is None or not path.is_dir():
        return [] if path is None else [path]
    return sorted(file for file in path.iterdir() if file.is_file())
