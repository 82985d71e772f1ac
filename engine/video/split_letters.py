"""What the process that splits the work and its stage processes tell each other, and nothing else."""

from typing import Literal

import msgspec

from engine.models.diffusion.painting import Painting
from engine.video.link import LinkPlan

Role = Literal["encode", "process", "decode", "whole"]


class BeginStage(msgspec.Struct, kw_only=True, frozen=True, tag=True):
    """To a stage process, first and last: the rest comes through its links."""

    opener: str
    """`package.module:function`, which makes its Work of this letter."""
    role: Role
    painting: Painting
    width: int
    height: int
    batch: int
    device: str
    dtype: str
    threads: int
    """Of the CPU."""
    inputs: tuple[LinkPlan, ...]
    """In the order of the handles that it was started with."""
    outputs: tuple[LinkPlan, ...]


class StageReady(msgspec.Struct, kw_only=True, frozen=True, tag=True):
    """Loaded and warm."""

    device: str
    dtype: str
    real_steps: int
    notes: tuple[str, ...]
    memory_mb: float | None
    """Of the device; None on a CPU."""


class StageFault(msgspec.Struct, kw_only=True, frozen=True, tag=True):
    """Why it is about to end."""

    kind: Literal["model", "memory", "error"]
    """model: a ModelError, whose text says all; memory: the device or the machine is full; error: any other."""
    text: str


FromStage = StageReady | StageFault
