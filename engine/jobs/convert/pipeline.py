"""Three threads around one model: one hears files, the caller's converts spans of them, one finishes and writes.

Spans of several files wait together, and those of one size are converted at once. Files are begun in their order and
heard only a little ahead, so that few lie on the disk in pieces.

Two runs on one folder share its files: each holds a lock on those it is making. A file that the other one holds is left
for the end and waited for then: either it is there by then, or the other run has given it up, and this one makes it.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from engine.errors import FolderBusyError, ModelError, MultiverseError
from engine.jobs.convert.file_work import FileWork
from engine.jobs.convert.job import ConvertJob
from engine.jobs.convert.report import FileReport, Progress, State
from engine.jobs.convert.sounds import Sound
from engine.jobs.convert.tasks import Mark, Task, mark_of
from engine.models.rvc.cutting import FRAME, RATE_HZ, Span
from engine.system.bounded_queue import BoundedQueue, QueueAborted, Worker

if TYPE_CHECKING:
    from engine.models.rvc.offline import VoiceConverter

UNWRITTEN = 4  # converted files that wait for the writer
POLL_S = 0.5  # whether another run has let go of a file
Tell = Callable[[Progress], None]
TellFile = Callable[[FileReport], None]


class Pipeline:
    """One run of the files that can be read. The model is loaded, and no other thread uses it."""

    def __init__(
        self,
        job: ConvertJob,
        sounds: dict[Task, Sound],
        before: dict[Task, Mark],
        converter: "VoiceConverter",
        key: dict[str, Any],
        *,
        tell: Tell,
        tell_file: TellFile,
        is_stopped: Callable[[], bool],
    ) -> None:
        """`before`: the outputs as they were when the job was looked at. `tell_file` hears, on one of the three
        threads, what became of a file as soon as it is known."""
        self._job, self._sounds, self._before = job, sounds, before
        self._converter, self._key = converter, key
        self._tell, self._tell_file, self._is_stopped = tell, tell_file, is_stopped
        self._ahead = 2 * converter.options.batch_size
        self._heard: BoundedQueue[FileWork] = BoundedQueue(self._ahead)
        self._made: BoundedQueue[FileWork] = BoundedQueue(UNWRITTEN)
        self._works: dict[Task, FileWork] = {}
        """Every one that has files on the disk."""
        self._open: list[FileWork] = []
        """Those with spans that wait."""
        self._last_size = 0
        self._reports: dict[Task, FileReport] = {}
        self._promised_s = {task: sound.promised_s or 0.0 for task, sound in sounds.items()}
        self._times = _Times()
        self.device_mb = 0.0
        self._is_ending = threading.Event()
        """The reading thread waits for no other run any more."""

    def run(self) -> dict[Task, FileReport]:
        """What became of each; raises what a thread has raised. What is half done then can be resumed, too."""
        reader = Worker("convert reader", self._hear_files, self._heard)
        writer = Worker("convert writer", self._write_files, self._made, self._heard)
        reader.start()
        writer.start()
        try:
            with contextlib.suppress(QueueAborted):  # the worker's own error says more
                self._convert_files()
        except BaseException:
            self._made.abort()
            raise
        finally:
            self._is_ending.set()
            self._heard.abort()
            reader.join()
            if reader.error is not None:
                self._made.abort()
            self._made.end()
            writer.join()
            for task in list(self._works):
                self._leave(task, "interrupted")
        for worker in (reader, writer):
            if worker.error is not None:
                raise worker.error
        for task in self._sounds:
            if task not in self._reports:
                self._report(task, "not begun")
        return self._reports

    @property
    def sound_s(self) -> float:
        """Seconds of sound that were converted in this run."""
        return self._times.sound_s

    def _hear_files(self) -> None:
        """The reading thread."""
        left, elsewhere = list(self._sounds), set[Task]()
        while left:
            busy = []
            for task in left:
                if self._is_stopped():
                    break
                try:
                    if not self._hear_file(task, was_elsewhere=task in elsewhere):
                        break
                except FolderBusyError:
                    busy.append(task)
                    if task not in elsewhere:
                        elsewhere.add(task)
                        self._tell_file(self._report_of(task, "waiting"))
                except MultiverseError as error:
                    self._leave(task, "failed", str(error))
            left = busy
            if self._is_stopped() or (left and self._is_ending.wait(POLL_S)):
                break
        self._heard.end()

    def _hear_file(self, task: Task, *, was_elsewhere: bool) -> bool:
        """Passed on, or found made already; False when it was stopped. FolderBusyError where another run makes it;
        what that run did, and could not end, is gone on from."""
        sound, resume = self._sounds[task], self._job.resume or was_elsewhere
        work = FileWork(task, sound, self._converter, self._key, resume=resume)
        if mark_of(task.output) not in (None, self._before[task]):
            work.discard()
            sound.notes.append("another run or program has made it meanwhile: left as it is")
            self._promised_s[task] = 0.0
            self._report(task, "kept")
            return True
        self._works[task] = work
        if not work.hear(self._is_stopped):
            return False
        self._promised_s[task] = work.seconds
        self._heard.put(work)
        return True

    def _convert_files(self) -> None:
        files = self._heard.items(self._is_stopped)
        while not self._is_stopped():
            if not self._open or (len(self._heard) and len(self._open) < self._ahead):
                work = next(files, None)
                if work is None:
                    return
                self._times.resumed_s += work.seconds - work.waiting_s
                self._open.append(work)
                self._pass_on()
            else:
                self._convert(self._next_batch())

    def _next_batch(self) -> list[tuple[FileWork, Span]]:
        """The first span that waits, and others of its size."""
        size = self._open[0].waiting[0].size
        alike = ((work, span) for work in self._open for span in work.waiting if span.size == size)
        return list(itertools.islice(alike, self._converter.options.batch_size))

    def _convert(self, batch: list[tuple[FileWork, Span]]) -> None:
        from engine.models.device_work import memory_mb

        size = batch[0][1].size
        if size != self._last_size and not any(work.is_begun for work in self._open):
            self._free_memory()
        self._last_size = size
        with self._one_line_when_full(batch):
            parts = self._converter.convert([work.piece(span) for work, span in batch])
        for work in {id(work): work for work, _ in batch}.values():
            own = [number for number, (other, _) in enumerate(batch) if other is work]
            try:
                work.keep([batch[number][1] for number in own], [parts[number] for number in own])
            except MultiverseError as error:
                self._open.remove(work)
                self._leave(work.task, "failed", str(error))
        self._pass_on()
        self._times.end_batch(sum(span.frames for _, span in batch) * FRAME / RATE_HZ)
        self.device_mb = max(self.device_mb, memory_mb(self._converter.model.device) or 0.0)
        self._tell(self._progress())

    def _pass_on(self) -> None:
        """To the writer, what is converted."""
        for work in [work for work in self._open if not work.waiting]:
            self._open.remove(work)
            self._made.put(work)

    def _free_memory(self) -> None:
        """Between files only: the allocator keeps blocks of the sizes that a file needs, and the next one other."""
        from engine.models.device_work import free_memory

        free_memory(self._converter.model.device)

    @contextlib.contextmanager
    def _one_line_when_full(self, batch: list[tuple[FileWork, Span]]) -> Iterator[None]:
        from engine.models.device_work import is_out_of_memory

        try:
            yield
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            seconds = batch[0][1].size * FRAME / RATE_HZ
            raise ModelError(f"no memory for {len(batch)} x {seconds:.0f} s; choose a smaller --batch") from None

    def _write_files(self) -> None:
        """The writing thread."""
        for work in self._made.items():
            try:
                work.finish(self._job.rate_hz, overwrite=self._job.overwrite)
            except MultiverseError as error:
                self._leave(work.task, "failed", str(error))
                continue
            del self._works[work.task]
            self._report(work.task, "converted", seconds=work.seconds)

    def _leave(self, task: Task, state: State, reason: str = "") -> None:
        """What was converted stays on the disk for --resume; where nothing was, nothing stays."""
        work = self._works.pop(task, None)
        if work is not None:
            work.close() if work.is_begun else work.discard()
        if state == "failed":
            self._promised_s[task] = 0.0
            if work is not None and work.is_begun:
                self._sounds[task].notes.append("what was converted of it is kept; --resume goes on from there")
        elif work is None or not work.is_begun:
            state = "not begun"
        self._report(task, state, reason, work.seconds if work else 0.0)

    def _report(self, task: Task, state: State, reason: str = "", seconds: float = 0.0) -> None:
        self._reports[task] = report = self._report_of(task, state, reason, seconds)
        self._tell_file(report)

    def _report_of(self, task: Task, state: State, reason: str = "", seconds: float = 0.0) -> FileReport:
        return FileReport(
            source=str(task.source),
            output=str(task.output),
            state=state,
            reason=reason,
            seconds=seconds,
            notes=tuple(self._sounds[task].notes),
        )

    def _progress(self) -> Progress:
        times, expected_s = self._times, sum(self._promised_s.values())
        done_s = times.sound_s + times.resumed_s
        return Progress(
            done_s=done_s,
            expected_s=max(expected_s, done_s),
            files_done=len(self._reports),
            files=len(self._sounds),
            speed=times.speed,
            left_s=max(expected_s - done_s, 0.0) / times.speed if times.speed else None,
        )


class _Times:
    """The first batch, in which kernels are chosen and memory is fetched, says nothing of the others."""

    def __init__(self) -> None:
        self.sound_s = self.resumed_s = 0.0
        self._began_s = time.perf_counter()
        self._first_s = 0.0
        """Of sound."""

    def end_batch(self, sound_s: float) -> None:
        if not self.sound_s:
            self._ended_first_s, self._first_s = time.perf_counter(), sound_s
        self.sound_s += sound_s

    @property
    def speed(self) -> float:
        """Seconds of sound a second."""
        now_s = time.perf_counter()
        if self.sound_s > self._first_s:
            return (self.sound_s - self._first_s) / max(now_s - self._ended_first_s, 1e-9)
        return self.sound_s / max(now_s - self._began_s, 1e-9)
