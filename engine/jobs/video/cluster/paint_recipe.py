"""The worker in each actor of the cluster: loads the same stages as a local run and paints segments with them."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from engine.jobs.kit.model_pool import absolute_if_here
from engine.jobs.video.batches import PaintedBatch, VideoBatch
from engine.jobs.video.device_state import DeviceWatch
from engine.jobs.video.job import VideoJob
from engine.jobs.video.model_check import check_model
from engine.jobs.video.stages import PaintStages, StageFigures
from engine.models.sd.spec import VAE_WORDS, ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPainter:
    device: str
    dtype: str
    real_steps: int
    card: str
    """Name of the GPU according to NVML; "" if there is none."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaintedSegment:
    pixels: tuple[np.ndarray, ...]
    """One per batch, (batch, height, width, 3) uint8 RGB."""
    fates: tuple[np.ndarray, ...]
    """One per batch, (batch,) uint8."""
    times: tuple[StageFigures, ...]
    """Totals of this actor so far."""
    memory_mb: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintRecipe:
    """Recipe (jobs/kit/ray_actor.py) for the stages of a local run. A payload is the pixels of a segment, per batch."""

    job: VideoJob
    size: tuple[int, int]

    def open(self) -> "PaintWorker":
        check_model(self.job)  # before torch is loaded, which takes seconds
        from engine.jobs.video.fused import FusedStages

        return PaintWorker(FusedStages(self.job, self.size))


class PaintWorker:
    """A PieceWorker of jobs/kit/ray_actor.py."""

    def __init__(self, stages: PaintStages) -> None:
        self._stages = stages

    def describe(self) -> LoadedPainter:
        stages = self._stages
        return LoadedPainter(
            device=stages.device,
            dtype=stages.dtype,
            real_steps=stages.real_steps,
            card=card_name(stages.device),
            notes=tuple(stages.notes),
        )

    def process(self, payloads: Iterator[list[np.ndarray]]) -> Iterator[PaintedSegment]:
        lengths: deque[int] = deque()
        painted: list[PaintedBatch] = []
        for batch in self._stages.paint(_batches(payloads, lengths)):
            painted.append(batch)
            if len(painted) == lengths[0]:
                lengths.popleft()
                yield PaintedSegment(
                    pixels=tuple(each.pixels for each in painted),
                    fates=tuple(each.fates for each in painted),
                    times=self._stages.times(),
                    memory_mb=self._stages.memory_mb(),
                )
                painted = []


def _batches(payloads: Iterator[list[np.ndarray]], lengths: deque[int]) -> Iterator[VideoBatch]:
    """All batches of the payloads in one stream; appends each payload's number of batches to `counts`."""
    number = 0
    for payload in payloads:
        lengths.append(len(payload))
        for pixels in payload:
            # Copy: arrays in the object store are read-only, and occupy it while they are referenced.
            yield VideoBatch(number=number, pictures=(), pixels=np.array(pixels))
            number += 1


def card_name(device: str) -> str:
    """Name of the GPU according to NVML, else ""."""
    watch = DeviceWatch(device)
    try:
        state = watch.state()
        return state.name if state is not None else ""
    finally:
        watch.close()


def with_absolute_paths(job: VideoJob) -> VideoJob:
    """Make the paths of local files absolute, because an actor may have another working directory. Model ids stay
    unchanged."""
    painting = job.painting
    spec = _absolute_spec(painting.spec)
    return replace(job, painting=replace(painting, spec=spec, ip_image=absolute_if_here(painting.ip_image)))


def _absolute_spec(spec: ModelSpec) -> ModelSpec:
    return replace(
        spec,
        model=absolute_if_here(spec.model),
        vae=spec.vae if spec.vae in VAE_WORDS else absolute_if_here(spec.vae),
        loras=tuple((absolute_if_here(name), weight) for name, weight in spec.loras),
        controlnets=tuple(absolute_if_here(name) for name in spec.controlnets),
        unet=absolute_if_here(spec.unet),
        ip_adapter=absolute_if_here(spec.ip_adapter),
        image_encoder=absolute_if_here(spec.image_encoder),
        embeddings=tuple(absolute_if_here(name) for name in spec.embeddings),
    )
