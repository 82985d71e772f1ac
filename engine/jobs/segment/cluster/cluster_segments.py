"""Segmentation on the machines of a Ray cluster: batches are sent in pieces, results come in order.

Image mode spreads the pieces over all actors. A piece is a whole number of batches, so each picture is segmented in the
same batch as in a local run.

Track mode has one actor, which gets one piece at a time, because each picture depends on all before it. Every result
includes the tracker's state: if the actor is lost, its successor continues from that state with identical results.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace

import numpy as np

from engine.jobs.kit.model_pool import absolute_if_here, open_pool, unlike_note
from engine.jobs.kit.ray_actor import Recipe
from engine.jobs.kit.ray_pool import Actor, ActorShare
from engine.jobs.segment.cluster.segment_recipe import (
    FoundPiece,
    LoadedSegmenter,
    SegmentRecipe,
    SentBatch,
    SentPiece,
)
from engine.jobs.segment.finished import CHECKPOINT_S
from engine.jobs.segment.job import Mode, SegmentJob
from engine.jobs.segment.segmented import Segmented
from engine.jobs.segment.stage import FoundBatch
from engine.sources.pictures import Batch

PICTURES: dict[Mode, int] = {"image": 4, "track": 16}  # per piece; few, so that a small folder keeps all actors busy
PIECE_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentPiece:
    """A WorkPiece of jobs/kit/ray_pool.py."""

    batches: tuple[Batch, ...]
    number: int
    tracker: bytes | None = None

    @property
    def payload(self) -> SentPiece:
        sent = tuple(
            SentBatch(pixels=batch.pixels, index=batch.pictures[0].number, time_s=float(batch.pictures[0].start_s))
            for batch in self.batches
        )
        return SentPiece(batches=sent, number=self.number, tracker=self.tracker)

    @property
    def name(self) -> str:
        return f"{self.batches[0].pictures[0].name} to {self.batches[-1].pictures[-1].name}"

    @property
    def size(self) -> int:
        return len(self.batches)


class ClusterSegments:
    """A SegmentStage; see stage.py."""

    is_local = False

    def __init__(self, job: SegmentJob, mode: Mode, *, picture_bytes: int, expected: int | None) -> None:
        """Takes seconds to minutes: Ray may have to be started, and every actor loads the model.

        `picture_bytes`: of the first picture. `expected`: number of pictures, or None. UsageError if Ray is not
        installed; ModelError or ChildError, in one line, for everything else.
        """
        batch_bytes = job.batch * picture_bytes
        self._piece_batches = max(1, min(PICTURES[mode] // job.batch, PIECE_BYTES // batch_bytes))
        self._mode = mode
        self._tracker: bytes | None = None
        """State after the newest result."""
        self._memory_mb: dict[Actor[LoadedSegmenter], float | None] = {}
        max_actors = 1 if mode == "track" else expected and -(-expected // (self._piece_batches * job.batch))

        def recipe_for(share: ActorShare) -> Recipe[SentPiece, FoundPiece, LoadedSegmenter]:
            own = replace(job, model=absolute_if_here(job.model), cluster=None)
            return SegmentRecipe(job=replace(own, device=share.device, threads=share.threads), mode=mode)

        with ExitStack() as opening:
            self._pool = opening.enter_context(
                open_pool(
                    job.cluster or "auto",
                    recipe_for,
                    device=job.device,
                    threads=job.threads,
                    piece_bytes=self._piece_batches * batch_bytes,
                    max_actors=max_actors,
                )
            )
            loaded = self._pool.loaded
            self.device, self.dtype = loaded[0].device, loaded[0].dtype
            self.notes = self._pool.notes
            self.notes += [f"segmented by {self._pool.words}", *loaded[0].notes]
            self.notes += unlike_note(((each.device, each.dtype, each.card) for each in loaded), "masks")
            self._closing = opening.pop_all()

    def segment(self, batches: Iterator[Batch], is_stopped: Callable[[], bool]) -> Iterator[Segmented]:
        pieces = self._pieces(batches)
        if self._mode == "track":
            yield from self._follow(pieces, is_stopped)
            return
        with closing(self._pool.map(pieces, self._receive)) as found:
            for piece, answer in found:
                yield from self._segmented(piece, answer)

    def restore_tracker(self, state: bytes) -> None:
        self._tracker = state

    def memory_mb(self) -> float | None:
        """Memory of all cards together."""
        held = [self._memory_mb.get(actor) for actor in self._pool.actors]
        known = [each for each in held if each is not None]
        return sum(known) if known else None

    def close(self) -> None:
        self._closing.close()

    def _pieces(self, batches: Iterator[Batch]) -> Iterator[SegmentPiece]:
        gathered: list[Batch] = []
        number = 0
        for batch in batches:
            gathered.append(batch)
            if len(gathered) == self._piece_batches:
                yield SegmentPiece(batches=tuple(gathered), number=number)
                gathered, number = [], number + 1
        if gathered:
            yield SegmentPiece(batches=tuple(gathered), number=number)

    def _follow(self, pieces: Iterator[SegmentPiece], is_stopped: Callable[[], bool]) -> Iterator[Segmented]:
        saved_s = time.monotonic()
        for piece in pieces:
            if piece.number == 0 and self._tracker is not None:  # the state of an interrupted run
                piece = replace(piece, tracker=self._tracker)
            answer = self._answer(piece)
            if not answer.batches:  # the actor was replaced
                answer = self._answer(replace(piece, tracker=self._tracker))
            self._tracker = answer.tracker
            *others, last = self._segmented(piece, answer)
            yield from others
            if time.monotonic() - saved_s >= CHECKPOINT_S or is_stopped():
                last, saved_s = replace(last, tracker=self._tracker), time.monotonic()
            yield last

    def _answer(self, piece: SegmentPiece) -> FoundPiece:
        with closing(self._pool.map(iter([piece]), self._receive)) as found:
            return next(found)[1]

    def _receive(
        self, actor: Actor[LoadedSegmenter], piece: SegmentPiece, answer: FoundPiece
    ) -> tuple[SegmentPiece, FoundPiece]:
        self._memory_mb[actor] = answer.memory_mb
        # copies; see ActorPool.map
        batches = tuple(
            replace(made, found=[replace(each, masks=np.array(each.masks)) for each in made.found])
            for made in answer.batches
        )
        return piece, replace(answer, batches=batches)

    def _segmented(self, piece: SegmentPiece, answer: FoundPiece) -> Iterator[Segmented]:
        for batch, made in zip(piece.batches, answer.batches, strict=True):
            yield Segmented(batch=batch, found=made.found, not_finite=made.not_finite, stages_ms=self._shared_ms(made))

    def _shared_ms(self, made: FoundBatch) -> dict[str, float]:
        """Stage times divided by the number of actors, which work in parallel."""
        return {name: ms / max(self._pool.workers, 1) for name, ms in made.stages_ms.items()}
