"""Runs a job. `convert_files` does everything; its three steps are for callers that load a model
once for many jobs:

work = open_job(job)                  UsageError, SinkError, ModelError: everything known before
                                      loading
voice = load_voice(job, work)         seconds; None if nothing is to be converted
report = run_job(job, work, voice)

A run reads files a little ahead, converts their spans and finishes files on three threads; see
jobs/kit/pipeline.py. Spans of one size, of several files, are converted in a batch. Two runs on one
folder share its files: a file that the other has locked is left for the end and polled then, until
it exists or has been given up.
"""

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import AudioError, FolderBusyError, MultiverseError, SinkError, UsageError
from engine.jobs.convert.file_work import FileWork, remove_leftover
from engine.jobs.convert.formats import form_of, rate_for
from engine.jobs.convert.job import ConvertJob
from engine.jobs.convert.loading import VoiceFacts, facts_of, full_line, load_converter
from engine.jobs.convert.on_cluster import ClusterVoice, FileSpans
from engine.jobs.convert.report import ConvertProgress, ConvertReport, FileReport, State
from engine.jobs.convert.sounds import Sound, open_sound
from engine.jobs.convert.tasks import Mark, Task, mark_of, tasks_of
from engine.jobs.convert.writing import check_pictures
from engine.jobs.kit.fingerprint import Fingerprint, digest_of_files, model_files
from engine.jobs.kit.pipeline import Pipeline
from engine.jobs.kit.ray_cluster import require_ray
from engine.jobs.kit.ray_pool import WorkPiece
from engine.models.rvc.cutting import FRAME, RATE_HZ, Span
from engine.system.process_memory import peak_process_mb

if TYPE_CHECKING:
    from engine.models.rvc.offline import VoiceConverter

OPTIONS = {"threshold_db": "threshold", "is_autotuned": "autotune"}
"""Options whose name differs from the field's."""
UNWRITTEN = 4  # converted files queued for the writer
POLL_S = 0.5  # for files locked by another run
OnProgress = Callable[[ConvertProgress], object]
OnFile = Callable[[FileReport], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedFiles:
    """The files of a job, each opened once to check it."""

    tasks: list[Task]
    sounds: dict[Task, Sound]
    """The inputs that are readable and not converted yet."""
    reports: dict[Task, FileReport]
    before: dict[Task, Mark]
    """Identity of the outputs of `sounds` at the start."""


def convert_files(
    job: ConvertJob,
    *,
    on_progress: OnProgress = lambda progress: None,
    on_file: OnFile = lambda report: None,
    stop: threading.Event | None = None,
) -> ConvertReport:
    """Run a conversion job: convert all its files. MultiverseError in one line if nothing can be
    done. `on_file` is called, on any thread, as soon as a file is done or has failed; `on_progress`
    after each batch, on this thread. `stop` ends the run between two batches: converted files are
    written, and the rest can be resumed."""
    work = open_job(job, on_file=on_file)
    return run_job(
        job, work, load_voice(job, work), on_progress=on_progress, on_file=on_file, stop=stop
    )


def open_job(job: ConvertJob, *, on_file: OnFile = lambda report: None) -> OpenedFiles:
    """Open and check every source. Raises errors of the job, its outputs and its model."""
    from engine.models.rvc.check import check

    job.check()
    if job.cluster is not None:
        require_ray()
    work = OpenedFiles(tasks=tasks_of(job), sounds={}, reports={}, before={})
    if not job.spec.random_shape and job.cluster is None:  # else the model is on other machines
        check(job.spec).require_complete()

    def report(task: Task, state: State, reason: str = "") -> None:
        work.reports[task] = _file_report(task, state, reason)
        on_file(work.reports[task])

    for task in work.tasks:
        if job.resume and task.output.is_file():
            remove_leftover(task.output)
            report(task, "kept")
            continue
        try:
            if task.problem:
                raise AudioError(task.problem)
            sound = open_sound(task.source)
            check_pictures(task.output, sound)
        except (AudioError, SinkError) as error:
            report(task, "failed", str(error))
            continue
        form = form_of(task.output)
        if isinstance(job.rate_hz, int) and rate_for(form, job.rate_hz) != job.rate_hz:
            allowed = ", ".join(map(str, form.rates_hz))
            raise UsageError(f"--rate: {task.output.suffix} takes {allowed} Hz, not {job.rate_hz}")
        work.sounds[task] = sound
        work.before[task] = mark_of(task.output)
    return work


def load_voice(
    job: ConvertJob, work: OpenedFiles, environ: Mapping[str, str] = os.environ
) -> "VoiceConverter | ClusterVoice | None":
    """Load the model on its device or a cluster, from which `run_job` disconnects; None if no file
    needs it."""
    if not work.sounds:
        return None
    if job.cluster is None:
        return load_converter(job, environ)
    known = [sound.promised_s for sound in work.sounds.values()]
    sounds_s = [seconds for seconds in known if seconds is not None]
    return ClusterVoice(
        job, sounds_s=sounds_s if len(sounds_s) == len(known) else None, environ=environ
    )


def run_job(
    job: ConvertJob,
    work: OpenedFiles,
    voice: "VoiceConverter | ClusterVoice | None",
    *,
    on_progress: OnProgress = lambda progress: None,
    on_file: OnFile = lambda report: None,
    stop: threading.Event | None = None,
) -> ConvertReport:
    """Convert the files of an open job with a model, which may be shared; see `convert_files`.
    Closes a cluster."""
    stop = stop or threading.Event()
    if voice is None:
        return _empty_report(job, work)
    began_s = time.perf_counter()
    facts = voice.facts if isinstance(voice, ClusterVoice) else facts_of(voice)
    run = ConvertRun(
        job, work, voice, facts, on_progress=on_progress, on_file=on_file, is_stopped=stop.is_set
    )
    try:
        reports = work.reports | run.run()
    finally:
        if isinstance(voice, ClusterVoice):
            voice.close()
    seconds = time.perf_counter() - began_s
    return replace(
        _empty_report(job, work),
        files=tuple(reports[task] for task in work.tasks),
        is_interrupted=any(
            report.state in ("interrupted", "not begun") for report in reports.values()
        ),
        rate_hz=facts.rate_hz,
        device=facts.device,
        dtype=facts.dtype,
        pitch=facts.pitch if facts.has_pitch else "",
        batch_size=facts.options.batch_size,
        sound_s=run.times.sound_s,
        seconds=seconds,
        speed=run.times.sound_s / max(seconds, 1e-9),
        stages=() if isinstance(voice, ClusterVoice) else tuple(voice.profiler.as_json()),
        peak_memory_mb=run.device_mb or peak_process_mb(),
        memory_of="device" if run.device_mb else "process",
        notes=tuple(voice.notes) if isinstance(voice, ClusterVoice) else facts.notes,
    )


class ConvertRun:
    """One run of the files that can be read. The model is loaded, and no other thread uses it."""

    def __init__(
        self,
        job: ConvertJob,
        opened: OpenedFiles,
        voice: "VoiceConverter | ClusterVoice",
        facts: VoiceFacts,
        *,
        on_progress: OnProgress,
        on_file: OnFile,
        is_stopped: Callable[[], bool],
    ) -> None:
        """`on_file` is called, on any of the three threads, as soon as a file is finished or has
        failed."""
        self._job = job
        self._sounds = opened.sounds
        self._before = opened.before
        self._voice = voice
        self._facts = facts
        self._settings = _settings_fingerprint(job, facts)
        self._on_progress = on_progress
        self._on_file = on_file
        self._is_stopped = is_stopped
        self._ahead = 2 * facts.options.batch_size
        self._pipeline: Pipeline[FileWork, FileWork] = Pipeline(
            "convert", ahead=self._ahead, unwritten=UNWRITTEN, is_stopped=is_stopped
        )
        self._works: dict[Task, FileWork] = {}  # with a working folder on the disk
        self._open: list[FileWork] = []  # with unconverted spans
        self._last_size = 0
        self._reports: dict[Task, FileReport] = {}
        self._promised_s = {task: sound.promised_s or 0.0 for task, sound in opened.sounds.items()}
        self.times = _Times()
        self.device_mb = 0.0
        self._is_ending = threading.Event()  # stops the reader from waiting for another run

    def run(self) -> dict[Task, FileReport]:
        """Return a report per file; re-raises a thread's error, after which unfinished files can be
        resumed, too."""
        try:
            self._pipeline.run(
                self._read_files,
                self._convert_all,
                self._write_files,
                stop_reading=self._is_ending.set,
            )
        finally:
            for task in list(self._works):
                self._give_up(task, "interrupted")
        for task in self._sounds:
            if task not in self._reports:
                self._report(task, "not begun")
        return self._reports

    def _read_files(self) -> Iterator[FileWork]:
        """Run on the reader thread."""
        left = list(self._sounds)
        elsewhere = set[Task]()
        while left:
            busy = []
            for task in left:
                if self._is_stopped():
                    break
                try:
                    work = self._read_file(task, was_elsewhere=task in elsewhere)
                except FolderBusyError:
                    busy.append(task)
                    if task not in elsewhere:
                        elsewhere.add(task)
                        self._on_file(self._report_of(task, "waiting"))
                except MultiverseError as error:
                    self._give_up(task, "failed", str(error))
                else:
                    if work is not None:
                        yield work
            left = busy
            if self._is_stopped() or (left and self._is_ending.wait(POLL_S)):
                break

    def _read_file(self, task: Task, *, was_elsewhere: bool) -> FileWork | None:
        """The file, read; None if its output exists already or the run was stopped. FolderBusyError
        if another run is converting it; what that leaves unfinished is resumed."""
        sound = self._sounds[task]
        resume = self._job.resume or was_elsewhere
        work = FileWork(
            task, sound, self._facts, self._voice.high_pass, self._settings, resume=resume
        )
        if mark_of(task.output) not in (None, self._before[task]):
            work.discard()
            sound.notes.append("another program wrote it meanwhile; left unchanged")
            self._promised_s[task] = 0.0
            self._report(task, "kept")
            return None
        self._works[task] = work
        if not work.read_source(self._is_stopped):
            return None
        self._promised_s[task] = work.seconds
        return work

    def _convert_all(self, files: Iterator[FileWork]) -> Iterator[FileWork]:
        """Run on the caller's thread; yields each file once all its spans are converted."""
        if isinstance(self._voice, ClusterVoice):
            return self._convert_on_cluster(self._voice, files)
        return self._convert_here(self._voice, files)

    def _convert_on_cluster(
        self, voice: ClusterVoice, files: Iterator[FileWork]
    ) -> Iterator[FileWork]:
        with closing(voice.convert(self._pieces(voice, files), self._keep)) as converted:
            for each in converted:
                self.device_mb = max(self.device_mb, voice.memory_mb() or 0.0)
                if each is None or each.work.is_closed:
                    continue
                if each.is_last:
                    yield each.work
                if each.spans:
                    self.times.end_batch(each.seconds)
                    self._on_progress(self._progress())

    def _pieces(
        self, voice: ClusterVoice, files: Iterator[FileWork]
    ) -> Iterator[WorkPiece[FileSpans]]:
        """Run on the pool's thread. Uses nothing of a file but its waiting spans, before any is
        converted."""
        for work in files:
            self.times.resumed_s += work.seconds - work.waiting_s
            for piece in voice.pieces(work):
                if self._is_stopped() or work.is_closed:
                    break
                yield piece

    def _keep(self, spans: FileSpans, parts: list[np.ndarray]) -> FileSpans:
        """Store converted spans on the disk, in order of arrival."""
        work = spans.work
        if spans.spans and not work.is_closed:
            try:
                work.store_spans(spans.spans, parts)
            except MultiverseError as error:
                self._give_up(work.task, "failed", str(error))
        return spans

    def _convert_here(
        self, converter: "VoiceConverter", files: Iterator[FileWork]
    ) -> Iterator[FileWork]:
        while not self._is_stopped():
            if not self._open or (len(self._pipeline.pieces) and len(self._open) < self._ahead):
                work = next(files, None)
                if work is None:
                    return
                self.times.resumed_s += work.seconds - work.waiting_s
                self._open.append(work)
                yield from self._take_converted()
            else:
                batch = self._next_batch(self._facts.options.batch_size)
                self._convert(converter, batch)
                yield from self._take_converted()
                self.times.end_batch(sum(span.frames for _, span in batch) * FRAME / RATE_HZ)
                self._on_progress(self._progress())

    def _next_batch(self, count: int) -> list[tuple[FileWork, Span]]:
        """The first waiting span and others of the same size, at most `count` in all."""
        size = self._open[0].waiting[0].size
        alike = ((work, span) for work in self._open for span in work.waiting if span.size == size)
        return list(itertools.islice(alike, count))

    def _convert(self, converter: "VoiceConverter", batch: list[tuple[FileWork, Span]]) -> None:
        from engine.models.card_memory import translate_oom
        from engine.models.device_work import free_memory

        size = batch[0][1].size
        if size != self._last_size and not any(work.is_begun for work in self._open):
            # the allocator's cached blocks do not fit the next size
            free_memory(converter.model.device)
        self._last_size = size
        with translate_oom(full_line(len(batch), size)):
            parts = converter.convert([work.piece(span) for work, span in batch])
        for work in {id(work): work for work, _ in batch}.values():
            own = [number for number, (other, _) in enumerate(batch) if other is work]
            try:
                work.store_spans(
                    [batch[number][1] for number in own], [parts[number] for number in own]
                )
            except MultiverseError as error:
                self._open.remove(work)
                self._give_up(work.task, "failed", str(error))
        self.device_mb = max(self.device_mb, converter.model.card_mb or 0.0)

    def _take_converted(self) -> Iterator[FileWork]:
        """Remove and return the open files without unconverted spans."""
        for work in [work for work in self._open if not work.waiting]:
            self._open.remove(work)
            yield work

    def _write_files(self, works: Iterator[FileWork]) -> None:
        """Run on the writer thread."""
        for work in works:
            try:
                work.finish(self._job.rate_hz, overwrite=self._job.overwrite)
            except MultiverseError as error:
                self._give_up(work.task, "failed", str(error))
                continue
            del self._works[work.task]
            self._report(work.task, "converted", seconds=work.seconds)

    def _give_up(self, task: Task, state: State, reason: str = "") -> None:
        """Give a file up. Converted spans stay on the disk for --resume; without any, the folder is
        removed."""
        work = self._works.pop(task, None)
        if work is not None:
            work.close() if work.is_begun else work.discard()
        if state == "failed":
            self._promised_s[task] = 0.0
            if work is not None and work.is_begun:
                self._sounds[task].notes.append(
                    "the converted part is kept; --resume continues from there"
                )
        elif work is None or not work.is_begun:
            state = "not begun"
        self._report(task, state, reason, work.seconds if work else 0.0)

    def _report(self, task: Task, state: State, reason: str = "", seconds: float = 0.0) -> None:
        self._reports[task] = report = self._report_of(task, state, reason, seconds)
        self._on_file(report)

    def _report_of(
        self, task: Task, state: State, reason: str = "", seconds: float = 0.0
    ) -> FileReport:
        return replace(
            _file_report(task, state, reason),
            seconds=seconds,
            notes=tuple(self._sounds[task].notes),
        )

    def _progress(self) -> ConvertProgress:
        done_s = self.times.sound_s + self.times.resumed_s
        return ConvertProgress(
            done=done_s,
            expected=max(sum(self._promised_s.values()), done_s),
            rate=self.times.speed,
            files_done=len(self._reports),
            files=len(self._sounds),
        )


class _Times:
    """Speed without the first batch, during which kernels are selected and memory is allocated."""

    def __init__(self) -> None:
        self.sound_s = 0.0
        self.resumed_s = 0.0
        self._began_s = time.perf_counter()
        self._first_s = 0.0
        """Seconds of sound in the first batch."""

    def end_batch(self, sound_s: float) -> None:
        if not self.sound_s:
            self._ended_first_s = time.perf_counter()
            self._first_s = sound_s
        self.sound_s += sound_s

    @property
    def speed(self) -> float:
        """Seconds of sound converted per second."""
        now_s = time.perf_counter()
        if self.sound_s > self._first_s:
            return (self.sound_s - self._first_s) / max(now_s - self._ended_first_s, 1e-9)
        return self.sound_s / max(now_s - self._began_s, 1e-9)


def _empty_report(job: ConvertJob, work: OpenedFiles) -> ConvertReport:
    """The report of a job whose files all exist already or cannot be read."""
    return ConvertReport(
        files=tuple(work.reports[task] for task in work.tasks if task in work.reports),
        is_interrupted=False,
        model=job.spec.model,
        index=job.spec.index,
        seconds=0.0,
        peak_memory_mb=peak_process_mb(),
        memory_of="process",
        notes=(),
    )


def _file_report(task: Task, state: State, reason: str) -> FileReport:
    return FileReport(source=str(task.source), output=str(task.output), state=state, reason=reason)


def _settings_fingerprint(job: ConvertJob, facts: VoiceFacts) -> Fingerprint:
    """Everything that affects the outputs, except the source."""
    spec = job.spec
    named = (spec.model, spec.index, facts.content, spec.rmvpe)
    settings = asdict(facts.settings)
    chosen = {
        f"{name}|spec": value
        for name, value in asdict(replace(spec, index_note="", pitch="auto")).items()
    }
    values = {OPTIONS.get(name, name): value for name, value in (settings | chosen).items()}
    return {f"--{name.replace('_', '-')}": value for name, value in values.items()} | {
        "--f0": spec.pitch,
        "a file of the model": digest_of_files(
            path for name in named for path in model_files(name)
        ),
        "the pitch method": facts.pitch,
        "the precision": f"torch.{facts.dtype}",
        "the cutting": asdict(facts.cutting),
    }
