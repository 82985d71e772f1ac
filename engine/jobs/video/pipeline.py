"""Three threads around whatever paints: one reads ahead, the caller's feeds the stages, one writes."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.jobs.video.batches import PaintedBatch, VideoBatch, video_batches
from engine.jobs.video.inputs import expected_pictures
from engine.jobs.video.job import VideoJob
from engine.jobs.video.report import Progress
from engine.jobs.video.stages import PaintStages, StageTime
from engine.jobs.video.writing.outputs import Output
from engine.models.sd.painting import GOOD, RERUN
from engine.sources.pictures import Pictures, fitted
from engine.system.bounded_queue import BoundedQueue, QueueAborted, Worker

Tell = Callable[[Progress], None]
Watch = Callable[[Callable[[], Progress]], None]
"""Gets what tells the progress at any time, on any thread."""

WAITING_BYTES = 128 * 2**20  # of pictures, on each side of the stages
MIN_WAITING, MAX_WAITING = 2, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one run has done with the pictures it read."""

    is_interrupted: bool
    painted: int
    rerun: int
    passed_through: int
    first_passed: str
    """Name of the first picture that was passed through; "" where none was."""
    seconds: float
    times: tuple[StageTime, ...]


class Pipeline:
    """One run of one source. The stages are warm, and no other thread uses them."""

    def __init__(
        self,
        job: VideoJob,
        pictures: Pictures,
        size: tuple[int, int],
        output: Output,
        stages: PaintStages,
        tell: Tell,
        stop: threading.Event,
        watch: Watch = lambda progress: None,
    ) -> None:
        self._job, self._pictures, self._size, self._output, self._stages = job, pictures, size, output, stages
        self._tell, self._stop, self._watch = tell, stop, watch
        # What waits of something live is no longer the newest.
        most = 1 if pictures.kind == "live" else batches_waiting(size, job.batch)
        self._read: BoundedQueue[VideoBatch] = BoundedQueue(most)
        self._results: BoundedQueue[PaintedBatch] = BoundedQueue(most)
        self._read_s = self._save_s = 0.0
        self._read_frames = self._painted = self._rerun = self._passed_through = 0
        self._first_passed = ""
        self._is_interrupted = self._is_painted = False
        self._end_s: float | None = None

    def run(self) -> Outcome:
        """All of it; raises what a thread has raised. Then the output is abandoned: what is whole in it stays."""
        self._before = {time.name: time for time in self._stages.times()}  # what was tried before the run
        self._began_s = time.perf_counter()
        self._watch(self.progress)
        reader = Worker("video reader", self._read_pictures, self._read)
        writer = Worker("video writer", self._write, self._results, self._read)
        reader.start()
        writer.start()
        try:
            with contextlib.suppress(QueueAborted):  # the worker's own error says more
                for painted in self._stages.paint(self._read.items(self._stop.is_set)):
                    self._results.put(painted)
                    self._tell(self.progress())
                self._is_interrupted = not self._read.is_done
                self._is_painted = True
                self._tell(self.progress())
        except BaseException:
            self._results.abort()
            raise
        finally:
            self._read.abort()
            self._pictures.close()  # a camera that has gone quiet would be waited for
            reader.join()
            if reader.error is not None:
                self._results.abort()
            self._results.end()
            writer.join()
        for worker in (reader, writer):
            if worker.error is not None:
                raise worker.error
        self._end_s = time.perf_counter()
        return Outcome(
            is_interrupted=self._is_interrupted,
            painted=self._painted,
            rerun=self._rerun,
            passed_through=self._passed_through,
            first_passed=self._first_passed,
            seconds=self.seconds,
            times=self.times(),
        )

    @property
    def seconds(self) -> float:
        return (self._end_s or time.perf_counter()) - self._began_s

    def times(self) -> tuple[StageTime, ...]:
        """Any thread."""
        read = StageTime(name="read", frames=self._read_frames, seconds=self._read_s)
        first, *others = [_since(self._before[time.name], time) for time in self._stages.times()]
        waiting = len(self._read)
        first = replace(first, waiting=first.waiting + waiting, most=first.most + self._read.max_items)
        save = StageTime(
            name="save",
            frames=self._painted,
            seconds=self._save_s,
            waiting=len(self._results),
            most=self._results.max_items,
        )
        return read, first, *others, save

    def progress(self) -> Progress:
        """Any thread."""
        times = self.times()
        done = times[-2].frames
        return Progress(
            done=self._output.done + done,
            expected=expected_pictures(self._job, self._pictures),
            seconds=self.seconds,
            fps=done / max(self.seconds, 1e-9),
            stages=times,
            is_finishing=self._is_painted or self._stop.is_set(),
        )

    def _read_pictures(self) -> None:
        """The reading thread."""
        job, done = self._job, self._output.done
        read = self._pictures.read(job.every, job.limit, start=done)
        height, width = self._pictures.first.pixels.shape[:2]
        whole = fitted(read, (width, height), self._pictures.counts)
        grouped = video_batches(whole, job.batch, self._size, first=done // job.batch)
        while True:
            began_s = time.perf_counter()
            batch = next(grouped, None)
            self._read_s += time.perf_counter() - began_s
            if batch is None:
                self._read.end()
                return
            self._read_frames += len(batch.pictures)
            self._read.put(batch)

    def _write(self) -> None:
        """The writing thread."""
        try:
            for painted in self._results.items():
                began_s = time.perf_counter()
                self._save(painted)
                self._save_s += time.perf_counter() - began_s
            began_s = time.perf_counter()
            self._output.finish(is_whole=not self._is_interrupted)
            self._save_s += time.perf_counter() - began_s
        except BaseException:
            self._output.abandon()
            raise

    def _save(self, painted: PaintedBatch) -> None:
        for row, picture in enumerate(painted.batch.pictures):
            fate, pixels = int(painted.fates[row]), painted.pixels[row]
            if fate == RERUN:
                self._rerun += 1
            elif fate != GOOD:
                pixels = picture.pixels
                self._passed_through += 1
                self._first_passed = self._first_passed or picture.name
            self._output.add(picture, pixels)
            self._painted += 1


def _since(before: StageTime, now: StageTime) -> StageTime:
    return replace(now, frames=now.frames - before.frames, seconds=now.seconds - before.seconds)


def batches_waiting(size: tuple[int, int], batch: int) -> int:
    """How many batches may wait: enough to hide a slow picture, and never a large share of the memory."""
    bytes_a_batch = size[0] * size[1] * 3 * batch
    return min(max(WAITING_BYTES // bytes_a_batch, MIN_WAITING), MAX_WAITING)
