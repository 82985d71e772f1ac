"""Messages between the parent process and its stage processes."""

import msgspec

from engine.jobs.video.split.link import LinkPlan
from engine.models.sd.painting import Painting, Stage


class BeginStage(msgspec.Struct, kw_only=True, frozen=True, tag=True):
    """The only message to a stage process; everything else goes through its links."""

    opener: str
    """`package.module:function` that creates the process's Work from this message."""
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
    """In the order of the handles that the process was started with."""
    outputs: tuple[LinkPlan, ...]


class StageReady(msgspec.Struct, kw_only=True, frozen=True, tag=True):
    """The process is loaded and warm."""

    device: str
    dtype: str
    real_steps: int
    """UNet evaluations per picture; 0 in a process without a UNet."""
    notes: tuple[str, ...]
    memory_mb: float | None
    """Device memory; None on a CPU."""


class StageFault(msgspec.Struct, kw_only=True, frozen=True, tag=True):
    """The reason why the process is about to exit."""

    text: str
    """One line."""
    says_all: bool
    """True for one of our errors. Other errors are shown together with the stage they occurred in."""


FromStage = StageReady | StageFault
