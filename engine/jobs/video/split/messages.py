"""Messages between the parent process and its stage processes."""

import msgspec

from engine.jobs.video.split.link import LinkPlan
from engine.models.sd.painting import Painting, Stage


class BeginStage(msgspec.Struct, kw_only=True, frozen=True, tag=True):
    """To a stage process, first and last: the rest comes through its links."""

    opener: str
    """`package.module:function`, which makes its Work of this message."""
    role: Stage
    painting: Painting
    width: int
    height: int
    batch: int
    device: str
    dtype: str
    threads: int
    """CPU threads of the process."""
    inputs: tuple[LinkPlan, ...]
    """In the order of the handles that it was started with."""
    outputs: tuple[LinkPlan, ...]


class StageReady(msgspec.Struct, kw_only=True, frozen=True, tag=True):
    """Loaded and warm."""

    device: str
    dtype: str
    real_steps: int
    """UNet evaluations of a picture; 0 where no UNet is."""
    notes: tuple[str, ...]
    memory_mb: float | None
    """Memory of the device; None on a CPU."""


class StageFault(msgspec.Struct, kw_only=True, frozen=True, tag=True):
    """Why it is about to end."""

    text: str
    """One line."""
    says_all: bool
    """It is an error of ours; others are of use only together with the stage that they happened in."""


FromStage = StageReady | StageFault
