"""Segmentation on the machines of a Ray cluster: batches are sent in pieces, results come in order.

Image mode spreads the pieces over all actors. A piece is a whole number of batches, as in a local
run. Track mode has one actor, which gets one piece at a time, because each picture depends on all
before it. Every result includes the tracker's state: if the actor is lost, its successor continues
from that state with identical results.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from engine.jobs.kit.ray_pool import (
    Actor,
    LoadedModel,
    PieceWorker,
    WorkPiece,
    actor_dtype,
    group_items,
    open_pool,
)
from engine.jobs.segment.backend import LocalSegmentBackend, load_segmenter
from engine.jobs.segment.finished import CHECKPOINT_S
from engine.jobs.segment.job import Mode, SegmentJob
from engine.jobs.segment.results import BatchResult, SegmentedBatch
from engine.models.locate import absolute
from engine.sources.pictures import Batch

# per piece; few, so that a small folder keeps all actors busy
PICTURES: dict[Mode, int] = {"image": 4, "track": 16}
PIECE_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SentPiece:
    batches: tuple[tuple[np.ndarray, int, float], ...]
    """Pixels of each, (batch, height, width, 3) uint8 RGB, and the number and time of its first
    picture."""
    number: int
    """Number of the piece, from 0. In track mode each piece continues the one before."""
    tracker: bytes | None
    """State of the tracker to continue from; None if the actor has it, or for the first piece of a
    source."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PieceResult:
    batches: tuple[BatchResult, ...] = ()
    """Empty if the actor lacks the tracker's state: the piece has to be sent again with it."""
    tracker: bytes | None = None
    """State of the tracker after the piece; None in image mode."""


class SegmentWorker:
    """Runs in each actor: segments pieces with the model of a local run."""

    def __init__(self, backend: LocalSegmentBackend, *, is_tracked: bool) -> None:
        self._backend = backend
        self._is_tracked = is_tracked
        self.memory_mb = backend.memory_mb
        self.loaded = LoadedModel(
            device=backend.device, dtype=backend.dtype, notes=tuple(backend.notes)
        )
        self._next = 0
        """Number of the piece that the tracker is ready for."""

    def process(self, payload: SentPiece) -> PieceResult:
        if self._is_tracked and not self._is_ready_for(payload):
            return PieceResult()
        found = tuple(self._backend.launch(*batch)() for batch in payload.batches)
        self._next = payload.number + 1
        return PieceResult(
            batches=found, tracker=self._backend.tracker_state() if self._is_tracked else None
        )

    def _is_ready_for(self, piece: SentPiece) -> bool:
        """Restore the tracker's state before the piece; False if this actor does not have it."""
        if piece.tracker is not None:
            self._backend.restore_tracker(piece.tracker)
        elif piece.number == 0:
            self._backend.forget()
        return piece.tracker is not None or piece.number in (0, self._next)


def open_worker(job: SegmentJob, mode: Mode) -> PieceWorker:
    return SegmentWorker(
        LocalSegmentBackend(job, load_segmenter(job), mode), is_tracked=mode == "track"
    )


class ClusterSegmentBackend:
    """Runs the model on a cluster; a SegmentBackend."""

    is_local = False

    def __init__(
        self, job: SegmentJob, mode: Mode, *, picture_bytes: int, expected: int | None
    ) -> None:
        """See `open_pool`. `picture_bytes`: of the first picture. `expected`: number of pictures,
        or None."""
        batch_bytes = job.batch * picture_bytes
        self._piece_batches = max(1, min(PICTURES[mode] // job.batch, PIECE_BYTES // batch_bytes))
        self._mode = mode
        self._tracker: bytes | None = None
        """State after the newest result."""

        self._pool = open_pool(
            job,
            lambda own: partial(
                open_worker, replace(own, model=absolute(own.model), dtype=actor_dtype(own)), mode
            ),
            piece_bytes=self._piece_batches * batch_bytes,
            max_actors=1
            if mode == "track"
            else expected and -(-expected // (self._piece_batches * job.batch)),
        )
        self.device = self._pool.first.device
        self.dtype = self._pool.first.dtype
        self.memory_mb = self._pool.memory_mb
        self.close = self._pool.close

    @property
    def notes(self) -> list[str]:
        return self._pool.notes("segmented", "masks")

    def segment(
        self, batches: Iterator[Batch], is_stopped: Callable[[], bool]
    ) -> Iterator[SegmentedBatch]:
        pieces = enumerate(group_items(batches, self._piece_batches))
        if self._mode == "track":
            yield from self._follow(pieces, is_stopped)
            return
        with closing(
            self._pool.map((_piece(number, own) for number, own in pieces), self._receive)
        ) as found:
            for each in found:
                if each is not None:
                    yield from self._segmented(*each)

    def restore_tracker(self, state: bytes) -> None:
        self._tracker = state

    def _follow(
        self, pieces: Iterator[tuple[int, tuple[Batch, ...]]], is_stopped: Callable[[], bool]
    ) -> Iterator[SegmentedBatch]:
        saved_s = time.monotonic()
        for number, batches in pieces:
            # only the first piece needs the state, that of an interrupted run
            answer = self._answer(_piece(number, batches, None if number else self._tracker))
            if not answer.batches:  # the actor was replaced
                answer = self._answer(_piece(number, batches, self._tracker))
            self._tracker = answer.tracker
            *others, last = self._segmented(batches, answer)
            yield from others
            if time.monotonic() - saved_s >= CHECKPOINT_S or is_stopped():
                last = replace(last, tracker=self._tracker)
                saved_s = time.monotonic()
            yield last

    def _answer(self, piece: WorkPiece[tuple[Batch, ...]]) -> PieceResult:
        with closing(self._pool.map(iter([piece]), self._receive)) as found:
            return next(each[1] for each in found if each is not None)

    def _receive(
        self, actor: Actor, piece: WorkPiece[tuple[Batch, ...]], answer: PieceResult
    ) -> tuple[tuple[Batch, ...], PieceResult]:
        # copies; see ActorPool.map
        batches = tuple(
            replace(
                result,
                segmentations=[
                    replace(each, masks=np.array(each.masks)) for each in result.segmentations
                ],
            )
            for result in answer.batches
        )
        return piece.item, replace(answer, batches=batches)

    def _segmented(
        self, batches: tuple[Batch, ...], answer: PieceResult
    ) -> Iterator[SegmentedBatch]:
        for batch, result in zip(batches, answer.batches, strict=True):
            # the actors work in parallel
            shared_ms = {
                name: ms / max(self._pool.workers, 1) for name, ms in result.stages_ms.items()
            }
            yield SegmentedBatch(batch=batch, result=replace(result, stages_ms=shared_ms))


def _piece(
    number: int, batches: tuple[Batch, ...], tracker: bytes | None = None
) -> WorkPiece[tuple[Batch, ...]]:
    sent = tuple(
        (each.pixels, each.pictures[0].number, float(each.pictures[0].start_s)) for each in batches
    )
    return WorkPiece(
        item=batches,
        payload=lambda: SentPiece(batches=sent, number=number, tracker=tracker),
        name=f"{batches[0].pictures[0].name} to {batches[-1].pictures[-1].name}",
        size=len(batches),
    )
