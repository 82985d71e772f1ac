"""A run of `multiverse segment`: reads batches ahead, segments them, paints and encodes; see jobs/kit/pipeline.py."""

import threading
from collections.abc import Callable, Iterator

from engine.jobs.kit.job_folder import RESUME_HINT
from engine.jobs.kit.pipeline import Pipeline
from engine.jobs.segment.advice import coarser_look
from engine.jobs.segment.finished import FinishedBatches
from engine.jobs.segment.job import Mode, SegmentJob
from engine.jobs.segment.report import SegmentProgress, SegmentReport
from engine.jobs.segment.segmented import Segmented
from engine.jobs.segment.stage import SegmentStage
from engine.jobs.segment.times import RunTimes
from engine.jobs.segment.writing import Writer
from engine.sources.pictures import Batch, Pictures, batches, batches_waiting, fitted
from engine.system.process_memory import peak_process_mb

OnProgress = Callable[[SegmentProgress], object]


class SegmentRun:
    """One run of one source. No other thread uses the stage."""

    def __init__(
        self,
        job: SegmentJob,
        pictures: Pictures,
        finished: FinishedBatches,
        stage: SegmentStage,
        mode: Mode,
        on_progress: OnProgress,
        stop: threading.Event,
    ) -> None:
        self._job, self._pictures, self._finished = job, pictures, finished
        self._stage, self._mode, self._on_progress, self._stop = stage, mode, on_progress, stop
        waiting = batches_waiting(pictures.first, job.batch)
        self._pipeline: Pipeline[Batch, Segmented] = Pipeline(
            "segment", ahead=waiting, unwritten=waiting, is_stopped=stop.is_set
        )
        self._writer = Writer(job, pictures, mode, finished)
        self._frames = self._objects = self._most_objects = self._not_finite = self._resumed = 0
        self._ids: set[int] = set()
        self._batches = 0
        self._advice: str | None = None
        self._device_mb = 0.0
        self._times = RunTimes(self._pipeline.pieces, self._pipeline.results)

    def run(self, notes: tuple[str, ...]) -> SegmentReport:
        """Run to the end; re-raises an error of any thread. `notes` precede those of this run in the report."""
        try:
            self._pipeline.run(self._read, self._segment, self._writer.run, on_result=self._count)
        finally:
            self._times.end(self._pipeline.last_wait_s)
        return self._report(notes)

    def _read(self) -> Iterator[Batch]:
        """Run on the reader thread."""
        job, pictures = self._job, self._pictures
        read = pictures.read(job.every, job.limit)
        if pictures.kind == "video":
            height, width = pictures.first.pixels.shape[:2]
            read = fitted(read, (width, height), pictures.counts)
        return batches(read, job.batch)

    def _segment(self, batches: Iterator[Batch]) -> Iterator[Segmented]:
        yield from self._finished.restored(batches)
        if self._finished.tracker is not None:
            self._stage.restore_tracker(self._finished.tracker)
        yield from self._stage.segment(batches, self._stop.is_set)

    def _count(self, segmented: Segmented) -> None:
        """Count a batch that was queued for the writer."""
        self._frames += len(segmented.found)
        self._not_finite += segmented.not_finite
        for each in segmented.found:
            self._objects += len(each.objects)
            self._most_objects = max(self._most_objects, len(each.objects))
            self._ids.update(one.id for one in each.objects)
        if segmented.is_restored:
            self._resumed += len(segmented.found)
        else:
            self._time(segmented)
        pieces, results = self._pipeline.pieces, self._pipeline.results
        self._on_progress(
            SegmentProgress(
                done=self._frames,
                expected=self._expected(),
                rate=self._times.fps,
                read_ahead=(len(pieces), pieces.max_items),
                unwritten=(len(results), results.max_items),
                advice=self._advice,
                failed=tuple(self._writer.failed),
            )
        )

    def _time(self, segmented: Segmented) -> None:
        self._times.end_batch(len(segmented.found), segmented.stages_ms)
        self._batches += 1
        # the first batch includes minutes of compilation
        if self._stage.is_local and self._batches == (2 if self._job.is_compiled else 1):
            picture_s = sum(segmented.stages_ms.values()) / 1000 / len(segmented.found)
            self._advice = coarser_look(self._job.resolution, self._stage.device.partition(":")[0], picture_s)
        self._device_mb = max(self._device_mb, self._stage.memory_mb() or 0.0)

    def _expected(self) -> int | None:
        whole = self._pictures.expected
        ends = (whole and -(-whole // self._job.every), self._job.limit)
        return min((end for end in ends if end), default=None)

    def _report(self, notes: tuple[str, ...]) -> SegmentReport:
        job, counts, writer = self._job, self._pictures.counts, self._writer
        own_notes = [note for output in writer.outputs for note in output.notes]
        if self._not_finite:
            own_notes.append(f"{self._not_finite} pictures: the model answered with NaN; try --dtype float32")
        if self._advice:
            own_notes.append(self._advice)
        if writer.failed:
            own_notes.append(f"{self._finished.work.output}: {RESUME_HINT}")
        height, width = self._pictures.first.pixels.shape[:2]
        times = self._times
        return SegmentReport(
            source=str(job.source),
            outputs=tuple(str(output.path) for output in writer.outputs),
            failed=tuple(writer.failed),
            is_interrupted=self._pipeline.is_interrupted,
            model=job.model,
            mode=self._mode,
            resolution=job.resolution,
            batch=job.batch,
            device=self._stage.device,
            dtype=self._stage.dtype,
            width=width,
            height=height,
            read=counts.decoded,
            written=writer.written,
            resumed=self._resumed,
            unwritten=counts.decoded - counts.passed_over - writer.written,
            passed_over=counts.passed_over,
            damaged=counts.damaged,
            unreadable=counts.unreadable,
            refitted=counts.refitted,
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
            notes=(*notes, *self._stage.notes, *counts.notes, *own_notes),
        )
