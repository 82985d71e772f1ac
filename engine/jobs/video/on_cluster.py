"""Paints on the machines of a Ray cluster: the clip is sent in segments, actors paint them, results
come in order.

Reading and writing are the same code as in a local run. A segment is a whole number of batches, so
each picture is painted in the same batch, with the same result. The driver keeps a segment's
pictures until it is painted.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

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
from engine.jobs.video.backend import (
    STAGE_NAMES,
    PaintBackend,
    PaintedBatch,
    StageFigures,
    VideoBatch,
)
from engine.jobs.video.fused import FusedPaintBackend, check_model
from engine.jobs.video.job import VideoJob
from engine.models.locate import absolute
from engine.models.sd.spec import VAE_OPTIONS

# at least; on a card batches overlap within a segment only
SEGMENT_PICTURES = 16
SEGMENT_BATCHES = 8
SEGMENT_BYTES = 64 * 2**20

Segment = tuple[VideoBatch, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaintedSegment:
    pixels: tuple[np.ndarray, ...]
    """One per batch, (batch, height, width, 3) uint8 RGB."""
    outcomes: tuple[np.ndarray, ...]
    """One per batch, (batch,) uint8."""
    times: tuple[StageFigures, ...]
    """Totals of this actor so far."""


class PaintWorker:
    """Runs in each actor: paints segments, given as the pixels of each batch, with the stages of a
    local run."""

    def __init__(self, backend: PaintBackend) -> None:
        self._backend = backend
        self.memory_mb = backend.memory_mb
        self.loaded = LoadedModel(
            device=backend.device,
            dtype=backend.dtype,
            notes=tuple(backend.notes),
            facts=backend.real_steps,
        )

    def process(self, payload: list[np.ndarray]) -> PaintedSegment:
        # Copies: arrays in the object store are read-only, and occupy it while they are referenced.
        sent = (
            VideoBatch(number=number, pictures=(), pixels=np.array(each))
            for number, each in enumerate(payload)
        )
        painted = list(self._backend.paint(sent))
        return PaintedSegment(
            pixels=tuple(each.pixels for each in painted),
            outcomes=tuple(each.outcomes for each in painted),
            times=self._backend.times(),
        )


def open_worker(job: VideoJob, size: tuple[int, int]) -> PieceWorker:
    check_model(job.painting.spec)  # before torch is loaded, which takes seconds
    return PaintWorker(FusedPaintBackend(job, size))


class ClusterPaintBackend:
    """A PaintBackend on a cluster; see backend.py."""

    name = "cluster"

    def __init__(
        self,
        job: VideoJob,
        size: tuple[int, int],
        *,
        max_actors: int | None = None,
        open_worker: Callable[[VideoJob, tuple[int, int]], PieceWorker] = open_worker,
    ) -> None:
        """See `open_pool`."""
        began_s = time.perf_counter()
        batch_bytes = job.batch * size[0] * size[1] * 3
        most = (
            SEGMENT_BATCHES
            if job.frames is None
            else min(SEGMENT_BATCHES, job.frames // (4 * job.batch))
        )
        # a few pictures still go to several machines
        target_batches = max(SEGMENT_PICTURES // job.batch, most)
        self._segment_batches = max(1, min(target_batches, SEGMENT_BYTES // batch_bytes))
        if job.frames is not None:
            segments = -(-job.frames // (self._segment_batches * job.batch))
            max_actors = min(segments, max_actors or segments)
        self._seconds: dict[str, float] = dict.fromkeys(STAGE_NAMES, 0.0)
        self._frames = 0
        self._turns = ""
        self._last: dict[Actor, dict[str, float]] = {}
        """Latest totals of each actor, in seconds per stage."""
        self._pool = open_pool(
            job,
            lambda own: partial(open_worker, _for_actor(own), size),
            piece_bytes=self._segment_batches * batch_bytes,
            max_actors=max_actors,
        )
        first = self._pool.first
        self.device = first.device
        self.dtype = first.dtype
        self.real_steps = first.facts
        self.memory_mb = self._pool.memory_mb
        self.close = self._pool.close
        self.load_s = time.perf_counter() - began_s

    @property
    def notes(self) -> list[str]:
        return self._pool.notes("painted", "pictures")

    def paint(self, batches: Iterator[VideoBatch]) -> Iterator[PaintedBatch]:
        with closing(self._pool.map(self._segments(batches), self._receive)) as segments:
            for segment in segments:
                for painted in segment or ():
                    self._frames += len(painted.batch.pictures)
                    yield painted

    def times(self) -> tuple[StageFigures, ...]:
        """Figures of all actors. Everything in flight counts as waiting before the first stage.
        `workers` is the highest number that worked at once: there may be fewer now, but the seconds
        include all of them."""
        workers = max(self._pool.max_workers, 1)
        frames = self._frames
        turns = self._turns
        first, *others = (
            StageFigures(
                name=name, frames=frames, seconds=self._seconds[name], workers=workers, turns=turns
            )
            for name in STAGE_NAMES
        )
        most = self._pool.look_ahead * self._segment_batches
        return replace(first, waiting=self._pool.waiting, most=most), *others

    def _segments(self, batches: Iterator[VideoBatch]) -> Iterator[WorkPiece[Segment]]:
        for segment in group_items(batches, self._segment_batches):
            yield WorkPiece(
                item=segment,
                payload=lambda segment=segment: [batch.pixels for batch in segment],  # type: ignore[misc]  # mypy #12557
                name=f"{segment[0].pictures[0].name} to {segment[-1].pictures[-1].name}",
                size=len(segment),
            )

    def _receive(
        self, actor: Actor, segment: WorkPiece[Segment], answer: PaintedSegment
    ) -> list[PaintedBatch]:
        before = self._last.get(actor, {})
        totals = {time.name: time.seconds for time in answer.times}
        for name, seconds in totals.items():
            self._seconds[name] += seconds - before.get(name, 0.0)
        self._turns = answer.times[0].turns
        self._last[actor] = totals
        return [
            PaintedBatch(
                batch=batch, pixels=np.array(pixels), outcomes=np.array(outcomes)
            )  # copies; see ActorPool.map
            for batch, pixels, outcomes in zip(
                segment.item, answer.pixels, answer.outcomes, strict=True
            )
        ]


def _for_actor(job: VideoJob) -> VideoJob:
    """Make paths of local files absolute, as an actor may have another working directory, and
    choose its data type. Model ids stay unchanged."""
    painting = job.painting
    spec = painting.spec
    paths: dict[str, Any] = {
        name: absolute(getattr(spec, name))
        for name in ("model", "unet", "ip_adapter", "image_encoder")
    }
    spec = replace(
        spec,
        **paths,
        vae=spec.vae if spec.vae in VAE_OPTIONS else absolute(spec.vae),
        loras=tuple((absolute(name), weight) for name, weight in spec.loras),
        controlnets=tuple(map(absolute, spec.controlnets)),
        embeddings=tuple(map(absolute, spec.embeddings)),
    )
    painting = replace(painting, spec=spec, ip_image=absolute(painting.ip_image))
    return replace(job, painting=painting, dtype=actor_dtype(job))
