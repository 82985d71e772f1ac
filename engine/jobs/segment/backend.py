"""Loads the model and runs it in this process: batches in, found objects out. On a cluster:
on_cluster.py."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Protocol

import numpy as np

from engine.jobs.segment.finished import CHECKPOINT_S
from engine.jobs.segment.job import Mode, SegmentJob
from engine.jobs.segment.results import BatchResult, SegmentedBatch
from engine.models.data_type import emulation_notes
from engine.models.libraries import require_libraries
from engine.models.sam3 import SegmentationSpec
from engine.sources.pictures import Batch

if TYPE_CHECKING:
    from engine.models.sam3.segmenter import Segmenter


class SegmentBackend(Protocol):
    """Interface for running the model, loaded and set up for one source. Single-threaded."""

    device: str
    dtype: str
    is_local: bool
    """True if the model runs in this process."""

    @property
    def notes(self) -> Sequence[str]:
        """Notes for the user, one line each; may grow."""
        ...

    def segment(
        self, batches: Iterator[Batch], is_stopped: Callable[[], bool]
    ) -> Iterator[SegmentedBatch]:
        """Segment the batches in order. `is_stopped` returns True once `batches` has been ended
        early."""
        ...

    def restore_tracker(self, state: bytes) -> None:
        """Continue from a saved state. Call it before `segment`; track mode only."""

    def memory_mb(self) -> float | None:
        """Device memory in use, in MiB; None on a CPU."""
        ...

    def close(self) -> None:
        """Release everything that was opened for this run. Idempotent."""


class LocalSegmentBackend:
    """Runs the model in this process; the model may have served other jobs before."""

    is_local = True

    def __init__(self, job: SegmentJob, segmenter: "Segmenter", mode: Mode) -> None:
        """Set the model up for this job."""
        self._job = job
        self._segmenter = segmenter
        self._mode = mode
        segmenter.mode = mode
        segmenter.reset()
        segmenter.threshold = job.threshold
        segmenter.max_objects = job.max_objects
        segmenter.boxes = job.boxes
        segmenter.memories = job.memories
        segmenter.detect_every = job.detect_every
        self.forget = segmenter.reset
        self.tracker_state = segmenter.tracker_state
        self.restore_tracker = segmenter.restore_tracker
        model = segmenter.model
        self.device = str(model.device)
        self.dtype = model.dtype_name
        self.notes = (
            model.notes
            + segmenter.set_prompts(job.prompts)
            + emulation_notes(self.dtype, self.device)
        )

    def segment(
        self, batches: Iterator[Batch], is_stopped: Callable[[], bool]
    ) -> Iterator[SegmentedBatch]:
        saved_s = time.monotonic()
        # On CUDA the next batch is queued first: the device works while the host tidies up, and
        # waits for the reader.
        in_flight = 1 if self._mode == "image" and self.device.startswith("cuda") else 0
        flights: deque[tuple[Batch, Callable[[], BatchResult]]] = deque()
        for batch in chain(batches, [None] * in_flight):
            if batch is not None:
                first = batch.pictures[0]
                flights.append(
                    (batch, self.launch(batch.pixels, first.number, float(first.start_s)))
                )
            if len(flights) <= (0 if batch is None else in_flight):
                continue
            landed, finish = flights.popleft()
            result = finish()
            state = None
            if self._mode == "track" and (
                time.monotonic() - saved_s >= CHECKPOINT_S or is_stopped()
            ):
                state = self.tracker_state()
                saved_s = time.monotonic()
            yield SegmentedBatch(batch=landed, result=result, tracker=state)

    def launch(self, pixels: np.ndarray, index: int, time_s: float) -> Callable[[], BatchResult]:
        """Queue one batch; the returned function waits for its result. `index`, `time_s`: of its
        first picture."""
        from engine.models.card_memory import translate_oom

        full = f"no memory for {len(pixels)} x {self._job.resolution} px"
        explain_full = partial(
            translate_oom, f"{full}; choose a smaller --batch or --resolution, or --offload"
        )
        with explain_full():
            results = self._segmenter.launch(pixels, index=index, time_s=time_s)
        clock = self._segmenter.clock

        def finish() -> BatchResult:
            with explain_full():
                found = results()
            return BatchResult(
                segmentations=found,
                not_finite=self._segmenter.not_finite,
                stages_ms=clock.read_ms(),
            )

        return finish

    def memory_mb(self) -> float | None:
        return self._segmenter.model.card_mb

    def close(self) -> None:
        """Does nothing: the model stays loaded for other jobs."""


def load_segmenter(job: SegmentJob) -> "Segmenter":
    """Load the model on its device. ModelError in one line; for boxes without torchvision before
    loading."""
    if job.boxes:
        from engine.models.sam3.detector import require_roi_align

        require_roi_align()
    require_libraries()
    from engine.models.card_memory import translate_load_oom
    from engine.models.device_work import device_and_dtype
    from engine.models.sam3.load import load
    from engine.models.sam3.segmenter import Segmenter

    device, dtype = device_and_dtype(job.device, job.dtype, job.threads, half="bfloat16")
    with translate_load_oom(job.model, device, dtype):
        return Segmenter(load(spec_of(job), device, dtype))


def spec_of(job: SegmentJob) -> SegmentationSpec:
    return SegmentationSpec(
        model=job.model,
        resolution=job.resolution,
        is_compiled=job.is_compiled,
        is_offloaded=job.is_offloaded,
        is_fp8=job.is_fp8,
    )
