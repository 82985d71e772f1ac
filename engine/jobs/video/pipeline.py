"""A run of `multiverse video`: reads batches ahead, paints them, writes the pictures; see jobs/kit/pipeline.py."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from engine.jobs.kit.pipeline import Pipeline, waiting_for
from engine.jobs.video.batches import PaintedBatch, VideoBatch, video_batches
from engine.jobs.video.inputs import expected_pictures
from engine.jobs.video.job import VideoJob
from engine.jobs.video.report import VideoProgress
from engine.jobs.video.stages import PaintStages, StageFigures
from engine.jobs.video.writing.outputs import VideoOutput
from engine.models.sd.painting import GOOD, RERUN
from engine.sources.pictures import Pictures, fitted

OnProgress = Callable[[VideoProgress], object]
Watch = Callable[[Callable[[], VideoProgress]], None]
"""Receives a progress getter that is safe to call from any thread."""

WAITING_BYTES = 128 * 2**20  # of pictures, before the stages and after them


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoOutcome:
    """Figures of one run: counts that cover every picture it read."""

    is_interrupted: bool
    painted: int
    rerun: int
    passed_through: int
    first_passed: str
    """Name of the first picture that was passed through; "" if there was none."""
    seconds: float
    times: tuple[StageFigures, ...]


class VideoRun:
    """One run of one source. The stages are warm, and no other thread uses them."""

    def __init__(
        self,
        job: VideoJob,
        pictures: Pictures,
        size: tuple[int, int],
        output: VideoOutput,
        stages: PaintStages,
        on_progress: OnProgress,
        stop: threading.Event,
        watch: Watch = lambda progress: None,
    ) -> None:
        self._job, self._pictures, self._size, self._output, self._stages = job, pictures, size, output, stages
        self._on_progress, self._stop, self._watch = on_progress, stop, watch
        # A queue would delay live pictures.
        waiting = 1 if pictures.kind == "live" else batches_waiting(size, job.batch)
        self._pipeline: Pipeline[VideoBatch, PaintedBatch] = Pipeline(
            "video", ahead=waiting, unwritten=waiting, is_stopped=stop.is_set
        )
        self._save_s = 0.0
        self._read_frames = self._painted = self._rerun = self._passed_through = 0
        self._first_passed = ""
        self._is_painted = False
        self._end_s: float | None = None

    def run(self) -> VideoOutcome:
        """Run to the end; re-raises an error of any thread, but keeps the finished parts of the output for `resume`."""
        self._before = {time.name: time for time in self._stages.times()}  # includes the trial before the run
        self._began_s = time.perf_counter()
        self._watch(self.progress)
        self._pipeline.run(
            self._batches,
            self._stages.paint,
            self._write,
            on_result=lambda painted: self._on_progress(self.progress()),
            on_worked=self._end_painting,
            stop_reading=self._pictures.close,  # otherwise the run would wait for a camera that sends nothing
        )
        self._end_s = time.perf_counter()
        return VideoOutcome(
            is_interrupted=self._pipeline.is_interrupted,
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

    def times(self) -> tuple[StageFigures, ...]:
        """Frames and seconds of each stage so far. Any thread."""
        pieces, results = self._pipeline.pieces, self._pipeline.results
        read = StageFigures(name="read", frames=self._read_frames, seconds=self._pipeline.read_s)
        first, *others = [_since(self._before[time.name], time) for time in self._stages.times()]
        first = replace(first, waiting=first.waiting + len(pieces), most=first.most + pieces.max_items)
        save = StageFigures(
            name="save", frames=self._painted, seconds=self._save_s, waiting=len(results), most=results.max_items
        )
        return read, first, *others, save

    def progress(self) -> VideoProgress:
        """Any thread."""
        times = self.times()
        done = times[-2].frames
        return VideoProgress(
            done=self._output.done + done,
            expected=expected_pictures(self._job, self._pictures),
            seconds=self.seconds,
            rate=done / max(self.seconds, 1e-9),
            stages=times,
            is_finishing=self._is_painted or self._stop.is_set(),
        )

    def _batches(self) -> Iterator[VideoBatch]:
        """Run on the reader thread."""
        job, done = self._job, self._output.done
        read = self._pictures.read(job.every, job.limit, start=done)
        height, width = self._pictures.first.pixels.shape[:2]
        whole = fitted(read, (width, height), self._pictures.counts)
        for batch in video_batches(whole, job.batch, self._size, first=done // job.batch):
            self._read_frames += len(batch.pictures)
            yield batch

    def _end_painting(self) -> None:
        self._is_painted = True
        self._on_progress(self.progress())

    def _write(self, results: Iterator[PaintedBatch]) -> None:
        """Run on the writer thread."""
        try:
            for painted in results:
                began_s = time.perf_counter()
                self._save(painted)
                self._save_s += time.perf_counter() - began_s
            began_s = time.perf_counter()
            self._output.finish(is_whole=not self._pipeline.is_interrupted)
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


def _since(before: StageFigures, now: StageFigures) -> StageFigures:
    return replace(now, frames=now.frames - before.frames, seconds=now.seconds - before.seconds)


def batches_waiting(size: tuple[int, int], batch: int) -> int:
    return waiting_for(size[0] * size[1] * 3 * batch, WAITING_BYTES)
