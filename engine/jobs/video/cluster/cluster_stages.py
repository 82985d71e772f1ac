"""Stages on the machines of a Ray cluster: the clip is sent in segments, actors paint them, results come in order.

Reading and writing are the same code as in a local run. A segment is a whole number of batches, so each picture is
painted in the same batch as in a local run, with the same result. The driver keeps a segment's pictures until it is
painted; the pool limits the number of segments in flight.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace

import numpy as np

from engine.jobs.kit.model_pool import open_pool, unlike_note
from engine.jobs.kit.ray_actor import ActorPlace, Recipe
from engine.jobs.kit.ray_pool import Actor, ActorShare
from engine.jobs.video.batches import PaintedBatch, VideoBatch
from engine.jobs.video.cluster.paint_recipe import LoadedPainter, PaintedSegment, PaintRecipe, with_absolute_paths
from engine.jobs.video.job import VideoJob
from engine.jobs.video.stages import STAGES, StageFigures

SEGMENT_PICTURES = 16
SEGMENT_BYTES = 64 * 2**20

OpenRecipe = Callable[[VideoJob, tuple[int, int]], Recipe[list[np.ndarray], PaintedSegment, LoadedPainter]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipPiece:
    """A WorkPiece of jobs/kit/ray_pool.py."""

    batches: tuple[VideoBatch, ...]

    @property
    def payload(self) -> list[np.ndarray]:
        return [batch.pixels for batch in self.batches]

    @property
    def name(self) -> str:
        return f"{self.batches[0].pictures[0].name} to {self.batches[-1].pictures[-1].name}"

    @property
    def size(self) -> int:
        return len(self.batches)


class ClusterStages:
    """PaintStages on a cluster; see stages.py."""

    def __init__(
        self,
        job: VideoJob,
        size: tuple[int, int],
        *,
        max_actors: int | None = None,
        recipe: OpenRecipe = lambda job, size: PaintRecipe(job=job, size=size),
    ) -> None:
        """Takes seconds to minutes: Ray may have to be started, and every actor loads the model.

        UsageError if Ray is not installed; ModelError or ChildError, in one line, for everything else.
        """
        batch_bytes = job.batch * size[0] * size[1] * 3
        self._segment_batches = max(1, min(SEGMENT_PICTURES // job.batch, SEGMENT_BYTES // batch_bytes))
        segment_bytes = self._segment_batches * batch_bytes
        if job.limit is not None:
            segments = -(-job.limit // (self._segment_batches * job.batch))
            max_actors = min(segments, max_actors or segments)
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._frames = 0
        self._turns = ""
        self._last: dict[Actor[LoadedPainter], PaintedSegment] = {}
        """Latest result of each actor."""

        def recipe_for(share: ActorShare) -> Recipe[list[np.ndarray], PaintedSegment, LoadedPainter]:
            own = with_absolute_paths(job)
            return recipe(replace(own, cluster=None, stages="fused", device=share.device, threads=share.threads), size)

        with ExitStack() as opening:
            self._pool = opening.enter_context(
                open_pool(
                    job.cluster or "auto",
                    recipe_for,
                    device=job.device,
                    threads=job.threads,
                    piece_bytes=segment_bytes,
                    max_actors=max_actors,
                )
            )
            self._describe()
            self._closing = opening.pop_all()

    def paint(self, batches: Iterator[VideoBatch]) -> Iterator[PaintedBatch]:
        with closing(self._pool.map(self._segments(batches), self._receive)) as segments:
            for segment in segments:
                for painted in segment:
                    self._frames += len(painted.batch.pictures)
                    yield painted

    def times(self) -> tuple[StageFigures, ...]:
        """Totals of all actors. Everything in flight counts as waiting before the first stage. `workers` is the highest
        number that worked at once: there may be fewer now, but the seconds include all of them."""
        workers = max(self._pool.max_workers, 1)
        most = self._pool.look_ahead * self._segment_batches
        return tuple(
            StageFigures(
                name=name,
                frames=self._frames,
                seconds=self._seconds[name],
                workers=workers,
                turns=self._turns,
                waiting=self._pool.waiting if name == STAGES[0] else 0,
                most=most if name == STAGES[0] else 0,
            )
            for name in STAGES
        )

    @property
    def places(self) -> tuple[ActorPlace, ...]:
        """Machines and processes of the actors."""
        return self._pool.places

    def memory_mb(self) -> float | None:
        """Memory of all GPUs together."""
        last = [self._last[actor] for actor in list(self._pool.actors) if actor in self._last]
        held = [segment.memory_mb for segment in last if segment.memory_mb is not None]
        return sum(held) if held else None

    def close(self) -> None:
        self._closing.close()

    def _describe(self) -> None:
        loaded = self._pool.loaded
        first = loaded[0]
        self.device, self.dtype, self.real_steps = first.device, first.dtype, first.real_steps
        self.notes = self._pool.notes
        self.notes += [f"painted by {self._pool.words}", *first.notes]
        self.notes += unlike_note(((each.device, each.dtype, each.card) for each in loaded), "pictures")

    def _segments(self, batches: Iterator[VideoBatch]) -> Iterator[ClipPiece]:
        gathered: list[VideoBatch] = []
        for batch in batches:
            gathered.append(batch)
            if len(gathered) == self._segment_batches:
                yield ClipPiece(batches=tuple(gathered))
                gathered = []
        if gathered:
            yield ClipPiece(batches=tuple(gathered))

    def _receive(self, actor: Actor[LoadedPainter], segment: ClipPiece, answer: PaintedSegment) -> list[PaintedBatch]:
        self._count(actor, answer)
        return [
            PaintedBatch(batch=batch, pixels=np.array(pixels), fates=np.array(fates))  # copies; see ActorPool.map
            for batch, pixels, fates in zip(segment.batches, answer.pixels, answer.fates, strict=True)
        ]

    def _count(self, actor: Actor[LoadedPainter], answer: PaintedSegment) -> None:
        """Add the increase of the actor's totals. Results may arrive out of order: one with older totals adds
        nothing."""
        before = {time.name: time.seconds for time in self._last[actor].times} if actor in self._last else {}
        gained = {time.name: time.seconds - before.get(time.name, 0.0) for time in answer.times}
        if min(gained.values(), default=0.0) < 0.0:
            return
        for name, seconds in gained.items():
            self._seconds[name] += seconds
        self._turns = answer.times[0].turns
        self._last[actor] = replace(answer, pixels=(), fates=())  # keeping the arrays would fill the object store
