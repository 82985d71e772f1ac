"""Three threads around one model: one reads ahead, the caller's infers, one paints and encodes."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from engine.errors import ModelError
from engine.jobs.segment.advice import coarser_look
from engine.jobs.segment.job import Mode, SegmentJob
from engine.jobs.segment.outputs import form_of
from engine.jobs.segment.report import Progress, SegmentReport
from engine.jobs.segment.times import RunTimes
from engine.jobs.segment.writing import Segmented, Writer
from engine.sources.batches import Batch, batches, batches_waiting
from engine.sources.pictures import Pictures, fitted
from engine.system.bounded_queue import BoundedQueue, QueueAborted, Worker
from engine.system.process_memory import peak_process_mb

if TYPE_CHECKING:
    from engine.models.sam3.segmenter import Segmenter

Tell = Callable[[Progress], None]


class Pipeline:
    """One run of one source. The segmenter is set up and no other thread uses it."""

    def __init__(
        self,
        job: SegmentJob,
        pictures: Pictures,
        segmenter: "Segmenter",
        mode: Mode,
        tell: Tell,
        stop: threading.Event,
    ) -> None:
        self._job, self._pictures, self._segmenter, self._mode = job, pictures, segmenter, mode
        self._tell, self._stop = tell, stop
        self._most = batches_waiting(pictures.first, job.batch)
        self._read: BoundedQueue[Batch] = BoundedQueue(self._most)
        self._results: BoundedQueue[Segmented] = BoundedQueue(self._most)
        self._writer = Writer(job, pictures, mode, self._results)
        self._decode_s = 0.0
        self._frames = self._objects = self._most_objects = self._not_finite = 0
        self._ids: set[int] = set()
        self._is_interrupted = False
        self._batches = 0
        self._advice: str | None = None
        self._device_mb = 0.0
        self._times = RunTimes(self._read, self._results)

    def run(self, notes: tuple[str, ...]) -> SegmentReport:
        """All of it; raises what a thread has raised. `notes` go before those of this run."""
        reader = Worker("segment reader", self._read_pictures, self._read)
        writer = Worker("segment writer", self._writer.run, self._results, self._read)
        reader.start()
        writer.start()
        try:
            with contextlib.suppress(QueueAborted):  # the worker's own error says more
                for batch in self._read.items(self._stop.is_set):
                    self._segment(batch)
                self._is_interrupted = not self._read.is_done
        except BaseException:
            self._results.abort()
            raise
        finally:
            self._read.abort()
            reader.join()
            if reader.error is not None:
                self._results.abort()
            self._results.end()
            ending_s = time.perf_counter()
            writer.join()
            self._times.end(time.perf_counter() - ending_s)
        for worker in (reader, writer):
            if worker.error is not None:
                raise worker.error
        return self._report(notes)

    def _read_pictures(self) -> None:
        """The reading thread."""
        job, pictures = self._job, self._pictures
        read = pictures.read(job.every, job.limit)
        if pictures.kind == "video" or any(form_of(name) == "video" for name in job.outputs):
            height, width = pictures.first.pixels.shape[:2]
            read = fitted(read, (width, height), pictures.counts)
        grouped = batches(read, job.batch)
        while True:
            began_s = time.perf_counter()
            batch = next(grouped, None)
            self._decode_s += time.perf_counter() - began_s
            if batch is None:
                self._read.end()
                return
            self._read.put(batch)

    def _segment(self, batch: Batch) -> None:
        first = batch.pictures[0]
        with self._one_line_when_full(batch):
            found = self._segmenter.segment(batch.pixels, index=first.number, time_s=float(first.start_s))
        self._frames += len(found)
        self._not_finite += self._segmenter.not_finite
        for each in found:
            self._objects += len(each.objects)
            self._most_objects = max(self._most_objects, len(each.objects))
            self._ids.update(one.id for one in each.objects)
        stages_ms = self._segmenter.clock.read_ms()
        self._results.put(Segmented(batch=batch, found=found))
        self._times.end_batch(len(found), stages_ms)
        self._batches += 1
        if self._batches == (2 if self._job.is_compiled else 1):  # a compiler's minutes are no picture's
            picture_s = sum(stages_ms.values()) / 1000 / len(found)
            self._advice = coarser_look(self._job.resolution, self._segmenter.model.device.type, picture_s)
        self._device_mb = max(self._device_mb, self._segmenter.memory_mb or 0.0)
        self._tell(
            Progress(
                done=self._frames,
                expected=self._expected(),
                fps=self._times.fps,
                read_ahead=(len(self._read), self._most),
                unwritten=(len(self._results), self._most),
                advice=self._advice,
                failed=tuple(self._writer.failed),
            )
        )

    @contextlib.contextmanager
    def _one_line_when_full(self, batch: Batch) -> Iterator[None]:
        from engine.models.device_work import is_out_of_memory

        try:
            yield
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            size = f"{len(batch.pictures)} x {self._job.resolution} px"
            raise ModelError(f"no memory for {size}; choose a smaller --batch or --resolution, or --offload") from None

    def _expected(self) -> int | None:
        whole = self._pictures.expected
        ends = (whole and -(-whole // self._job.every), self._job.limit)
        return min((end for end in ends if end), default=None)

    def _report(self, notes: tuple[str, ...]) -> SegmentReport:
        job, counts, writer, model = self._job, self._pictures.counts, self._writer, self._segmenter.model
        own_notes = [note for output in writer.outputs for note in output.notes]
        if self._not_finite:
            own_notes.append(f"{self._not_finite} pictures: the model answered with NaN; try --dtype float32")
        if self._advice:
            own_notes.append(self._advice)
        height, width = self._pictures.first.pixels.shape[:2]
        times = self._times
        return SegmentReport(
            source=str(job.source),
            outputs=tuple(str(output.path) for output in writer.outputs),
            failed=tuple(writer.failed),
            is_interrupted=self._is_interrupted,
            model=job.model,
            mode=self._mode,
            resolution=job.resolution,
            batch=job.batch,
            device=str(model.device),
            dtype=str(model.dtype).removeprefix("torch."),
            width=width,
            height=height,
            read=counts.decoded,
            written=writer.written,
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
                "decode": self._decode_s * 1000 / max(counts.decoded, 1),
                "paint and encode": writer.work_s * 1000 / max(writer.written, 1),
            },
            read_waits=times.read_waits,
            peak_memory_mb=self._device_mb or peak_process_mb(),
            memory_of="device" if self._device_mb else "process",
            notes=(*notes, *counts.notes, *own_notes),
        )
