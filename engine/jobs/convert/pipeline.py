"""A run of `multiverse convert`: reads files ahead, converts their spans, finishes files; see jobs/kit/pipeline.py.

Spans of several files share one queue, and those of one size are converted in a batch. Files are started in order and
read only a little ahead, so that few unfinished ones occupy the disk.

Two runs on one folder share its files: each locks those it is converting. A file locked by the other run is left for
the end and polled then, until it exists or the other run has given it up and this one can convert it.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import FolderBusyError, MultiverseError
from engine.jobs.convert.cluster.cluster_voice import ClusterVoice, SpanPiece
from engine.jobs.convert.file_work import FileWork
from engine.jobs.convert.job import ConvertJob
from engine.jobs.convert.report import ConvertProgress, FileReport, State
from engine.jobs.convert.sound import Sound
from engine.jobs.convert.tasks import Mark, Task, mark_of
from engine.jobs.kit.fingerprint import Fingerprint
from engine.jobs.kit.out_of_memory import one_line_when_full
from engine.jobs.kit.pipeline import Pipeline
from engine.models.rvc.cutting import FRAME, RATE_HZ, Span

if TYPE_CHECKING:
    from engine.models.rvc.offline import VoiceConverter

UNWRITTEN = 4  # converted files queued for the writer
POLL_S = 0.5  # for files locked by another run
OnProgress = Callable[[ConvertProgress], object]
OnFile = Callable[[FileReport], object]


class ConvertRun:
    """One run of the files that can be read. The model is loaded, and no other thread uses it."""

    def __init__(
        self,
        job: ConvertJob,
        sounds: dict[Task, Sound],
        before: dict[Task, Mark],
        voice: "VoiceConverter | ClusterVoice",
        settings: Fingerprint,
        *,
        on_progress: OnProgress,
        on_file: OnFile,
        is_stopped: Callable[[], bool],
    ) -> None:
        """`before`: the outputs as they were when the job was opened. `settings`: the fingerprint without the source.
        `on_file` is called, on any of the three threads, as soon as a file is finished or has failed."""
        self._job, self._sounds, self._before = job, sounds, before
        self._voice, self._settings = voice, settings
        self._on_progress, self._on_file, self._is_stopped = on_progress, on_file, is_stopped
        self._ahead = 2 * voice.options.batch_size
        self._pipeline: Pipeline[FileWork, FileWork] = Pipeline(
            "convert", ahead=self._ahead, unwritten=UNWRITTEN, is_stopped=is_stopped
        )
        self._works: dict[Task, FileWork] = {}
        """Files that have a working folder on the disk."""
        self._open: list[FileWork] = []
        """Files with unconverted spans."""
        self._last_size = 0
        self._reports: dict[Task, FileReport] = {}
        self._promised_s = {task: sound.promised_s or 0.0 for task, sound in sounds.items()}
        self._times = _Times()
        self.device_mb = 0.0
        self._is_ending = threading.Event()
        """Set to stop the reader from waiting for another run."""

    def run(self) -> dict[Task, FileReport]:
        """Return a report per file; re-raises a thread's error, after which unfinished files can be resumed, too."""
        try:
            self._pipeline.run(self._hear_files, self._convert_all, self._write_files, stop_reading=self._is_ending.set)
        finally:
            for task in list(self._works):
                self._leave(task, "interrupted")
        for task in self._sounds:
            if task not in self._reports:
                self._report(task, "not begun")
        return self._reports

    @property
    def sound_s(self) -> float:
        """Seconds of sound that were converted in this run."""
        return self._times.sound_s

    def _hear_files(self) -> Iterator[FileWork]:
        """Run on the reader thread."""
        left, elsewhere = list(self._sounds), set[Task]()
        while left:
            busy = []
            for task in left:
                if self._is_stopped():
                    break
                try:
                    work = self._hear_file(task, was_elsewhere=task in elsewhere)
                except FolderBusyError:
                    busy.append(task)
                    if task not in elsewhere:
                        elsewhere.add(task)
                        self._on_file(self._report_of(task, "waiting"))
                except MultiverseError as error:
                    self._leave(task, "failed", str(error))
                else:
                    if work is not None:
                        yield work
            left = busy
            if self._is_stopped() or (left and self._is_ending.wait(POLL_S)):
                break

    def _hear_file(self, task: Task, *, was_elsewhere: bool) -> FileWork | None:
        """The file, read; None if its output exists already or the run was stopped. FolderBusyError if another run is
        converting it; once that run has ended, a file it left unfinished is resumed."""
        sound, resume = self._sounds[task], self._job.resume or was_elsewhere
        work = FileWork(task, sound, self._voice, self._settings, resume=resume)
        if mark_of(task.output) not in (None, self._before[task]):
            work.discard()
            sound.notes.append("another program wrote it meanwhile; left unchanged")
            self._promised_s[task] = 0.0
            self._report(task, "kept")
            return None
        self._works[task] = work
        if not work.hear(self._is_stopped):
            return None
        self._promised_s[task] = work.seconds
        return work

    def _convert_all(self, files: Iterator[FileWork]) -> Iterator[FileWork]:
        """Run on the caller's thread; yields each file once all its spans are converted."""
        if isinstance(self._voice, ClusterVoice):
            return self._convert_on_cluster(self._voice, files)
        return self._convert_here(self._voice, files)

    def _convert_on_cluster(self, voice: ClusterVoice, files: Iterator[FileWork]) -> Iterator[FileWork]:
        with closing(voice.convert(self._pieces(voice, files), self._keep)) as converted:
            for piece in converted:
                self.device_mb = max(self.device_mb, voice.memory_mb() or 0.0)
                if piece.work.is_closed:
                    continue
                if piece.is_last:
                    yield piece.work
                if piece.spans:
                    self._times.end_batch(piece.seconds)
                    self._on_progress(self._progress())

    def _pieces(self, voice: ClusterVoice, files: Iterator[FileWork]) -> Iterator[SpanPiece]:
        """Run on the pool's thread. It reads a file's waiting spans before any is converted, and uses nothing else of
        the file."""
        for work in files:
            self._times.resumed_s += work.seconds - work.waiting_s
            for piece in voice.pieces(work):
                if self._is_stopped() or work.is_closed:
                    break
                yield piece

    def _keep(self, piece: SpanPiece, parts: tuple[np.ndarray, ...]) -> SpanPiece:
        """Store converted spans on the disk, in order of arrival."""
        work = piece.work
        if piece.spans and not work.is_closed:
            try:
                work.keep(piece.spans, parts)
            except MultiverseError as error:
                self._leave(work.task, "failed", str(error))
        return piece

    def _convert_here(self, converter: "VoiceConverter", files: Iterator[FileWork]) -> Iterator[FileWork]:
        while not self._is_stopped():
            if not self._open or (len(self._pipeline.pieces) and len(self._open) < self._ahead):
                work = next(files, None)
                if work is None:
                    return
                self._times.resumed_s += work.seconds - work.waiting_s
                self._open.append(work)
                yield from self._take_converted()
            else:
                batch = self._next_batch(converter.options.batch_size)
                self._convert(converter, batch)
                yield from self._take_converted()
                self._times.end_batch(sum(span.frames for _, span in batch) * FRAME / RATE_HZ)
                self._on_progress(self._progress())

    def _next_batch(self, count: int) -> list[tuple[FileWork, Span]]:
        """The first waiting span and others of the same size, at most `count` in all."""
        size = self._open[0].waiting[0].size
        alike = ((work, span) for work in self._open for span in work.waiting if span.size == size)
        return list(itertools.islice(alike, count))

    def _convert(self, converter: "VoiceConverter", batch: list[tuple[FileWork, Span]]) -> None:
        from engine.models.device_work import free_memory, memory_mb

        size = batch[0][1].size
        if size != self._last_size and not any(work.is_begun for work in self._open):
            free_memory(converter.model.device)  # the allocator's cached blocks do not fit the next size
        self._last_size = size
        with one_line_when_full(f"{len(batch)} x {size * FRAME / RATE_HZ:.0f} s", "a smaller --batch"):
            parts = converter.convert([work.piece(span) for work, span in batch])
        for work in {id(work): work for work, _ in batch}.values():
            own = [number for number, (other, _) in enumerate(batch) if other is work]
            try:
                work.keep([batch[number][1] for number in own], [parts[number] for number in own])
            except MultiverseError as error:
                self._open.remove(work)
                self._leave(work.task, "failed", str(error))
        self.device_mb = max(self.device_mb, memory_mb(converter.model.device) or 0.0)

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
                self._leave(work.task, "failed", str(error))
                continue
            del self._works[work.task]
            self._report(work.task, "converted", seconds=work.seconds)

    def _leave(self, task: Task, state: State, reason: str = "") -> None:
        """Give a file up. Converted spans stay on the disk for --resume; without any, the folder is removed."""
        work = self._works.pop(task, None)
        if work is not None:
            work.close() if work.is_begun else work.discard()
        if state == "failed":
            self._promised_s[task] = 0.0
            if work is not None and work.is_begun:
                self._sounds[task].notes.append("the converted part is kept; --resume continues from there")
        elif work is None or not work.is_begun:
            state = "not begun"
        self._report(task, state, reason, work.seconds if work else 0.0)

    def _report(self, task: Task, state: State, reason: str = "", seconds: float = 0.0) -> None:
        self._reports[task] = report = self._report_of(task, state, reason, seconds)
        self._on_file(report)

    def _report_of(self, task: Task, state: State, reason: str = "", seconds: float = 0.0) -> FileReport:
        return FileReport(
            source=str(task.source),
            output=str(task.output),
            state=state,
            reason=reason,
            seconds=seconds,
            notes=tuple(self._sounds[task].notes),
        )

    def _progress(self) -> ConvertProgress:
        done_s = self._times.sound_s + self._times.resumed_s
        return ConvertProgress(
            done=done_s,
            expected=max(sum(self._promised_s.values()), done_s),
            rate=self._times.speed,
            files_done=len(self._reports),
            files=len(self._sounds),
        )


class _Times:
    """Speed without the first batch, during which kernels are selected and memory is allocated."""

    def __init__(self) -> None:
        self.sound_s = self.resumed_s = 0.0
        self._began_s = time.perf_counter()
        self._first_s = 0.0
        """Seconds of sound in the first batch."""

    def end_batch(self, sound_s: float) -> None:
        if not self.sound_s:
            self._ended_first_s, self._first_s = time.perf_counter(), sound_s
        self.sound_s += sound_s

    @property
    def speed(self) -> float:
        """Seconds of sound converted per second."""
        now_s = time.perf_counter()
        if self.sound_s > self._first_s:
            return (self.sound_s - self._first_s) / max(now_s - self._ended_first_s, 1e-9)
        return self.sound_s / max(now_s - self._began_s, 1e-9)
