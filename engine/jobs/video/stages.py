"""The interface of the stages that paint: in this process, or on other machines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from engine.jobs.video.batches import PaintedBatch, VideoBatch

STAGES: Final = ("encode", "process", "decode")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFigures:
    """Figures of one stage so far."""

    name: str
    """One of `STAGES`."""
    frames: int
    """Pictures of the source, without the padding of the last batch."""
    seconds: float
    """Busy time, summed over all its processes."""
    workers: int = 1
    turns: str = ""
    """Stages with the same name here take turns on one worker. "" if the stage has its own workers."""
    waiting: int = 0
    """Batches in the queue before it."""
    most: int = 0
    """Capacity of that queue."""


class PaintStages(Protocol):
    """Loaded and warm once constructed (otherwise ModelError in one line). Single-threaded, except `times`."""

    name: str
    """fused or cluster."""
    load_s: float
    """Seconds to load models, start processes and warm up."""

    device: str
    dtype: str
    real_steps: int
    """UNet evaluations per picture."""

    @property
    def notes(self) -> Sequence[str]:
        """Notes for the user, one line each; may grow."""

    def paint(self, batches: Iterator[VideoBatch]) -> Iterator[PaintedBatch]:
        """Paint the batches in order, with a few in flight at once. May be called again."""

    def times(self) -> tuple[StageFigures, ...]:
        """The stages in processing order; after `close` their last figures."""

    def memory_mb(self) -> float | None:
        """Device memory in use, in MiB; None on a CPU."""

    def close(self) -> None:
        """End all processes at once, also after an error. Idempotent."""
