"""The interface of the stages that paint: in this process, in several, or on other machines."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

if TYPE_CHECKING:  # a stage process reads no video and draws nothing
    from engine.jobs.video.batches import PaintedBatch, VideoBatch

STAGES: Final = ("encode", "process", "decode")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFigures:
    """Figures of one stage so far."""

    name: str
    """One of STAGES."""
    frames: int
    """Pictures of the source; rows that fill the last batch do not count."""
    seconds: float
    """Busy time of all its processes together."""
    workers: int = 1
    turns: str = ""
    """Stages with the same name here take turns on one worker. "" for workers of its own."""
    waiting: int = 0
    """Batches in the queue before it."""
    most: int = 0
    """Capacity of that queue."""


class PaintStages(Protocol):
    """Loaded and warm when it is made (ModelError in one line otherwise). Used by one thread, `times` by any."""

    device: str
    dtype: str
    real_steps: int
    """UNet evaluations of a picture."""
    notes: list[str]
    """Notes for the user, one line each; may grow."""

    def paint(self, batches: "Iterator[VideoBatch]") -> "Iterator[PaintedBatch]":
        """Paint the batches in their order; a few are in flight at once. May be called again."""

    def times(self) -> tuple[StageFigures, ...]:
        """The stages in the order of the work; after `close` the last figures."""

    def memory_mb(self) -> float | None:
        """MiB of device memory held; None on a CPU."""

    def close(self) -> None:
        """End its processes at once, also after an error. Idempotent."""


@runtime_checkable
class StagesInProcesses(Protocol):
    """PaintStages whose models are in other processes of this machine."""

    def processes_mb(self) -> float:
        """Peak of the main memory used by this process and those together, in MiB. Shared memory is counted once on
        Linux; other systems do not report it. Any thread, also after `close`."""
