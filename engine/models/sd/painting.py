"""What pictures are to be painted with, as plain values: a job's, or those of one client. Does not load torch."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.models.sd.spec import ModelSpec

Stage = Literal["encode", "process", "decode", "whole"]

MAX_SEED = 2**31 - 1
GOOD, RERUN, NOT_FINITE, BLACK = range(4)
"""What became of a picture: painted; painted at the second attempt; no numbers, or nothing but black, twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlUse:
    """What one ControlNet of the model is shown, and how much it counts."""

    sees: str = "edges"
    """edges or input: of each picture."""
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Painting:
    """Two equal ones give equal pictures."""

    spec: ModelSpec
    prompt: str = ""
    negative: str = ""
    steps: int = 5
    """Of these, `strength` are made."""
    strength: float = 0.5
    cfg: float = 6.0
    """Guidance; 1 is off, and turbo, lightning and hyper have none."""
    seed: int = 0
    sampler: str = "auto"
    """One of `sampler_choice.SAMPLERS`; auto: the model's own."""
    lora_weights: tuple[float, ...] = ()
    """Of the spec's LoRAs, in their order; empty: as the spec has them."""
    controls: tuple[ControlUse, ...] = ()
    """For the spec's ControlNets, in their order; empty: each sees edges."""
    ip_image: str = ""
    """The picture that the IP-Adapter follows: a file."""
    ip_scale: float = 0.6

    @property
    def control_uses(self) -> tuple[ControlUse, ...]:
        """One for each of the spec's ControlNets."""
        return self.controls or (ControlUse(),) * len(self.spec.controlnets)

    @property
    def sees_source(self) -> bool:
        """Whether the pictures themselves are wanted beside their latents."""
        return any(use.scale for use in self.control_uses)


def is_black(pictures: np.ndarray) -> np.ndarray:
    """(B,) bool: which of (B, h, w, 3) uint8 are nothing but black."""
    return ~pictures.any(axis=(1, 2, 3))


def accept_black_sources(fates: np.ndarray, pictures: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """`fates` (B,) uint8, but a picture that is black because its source is so is GOOD."""
    is_due = fates == BLACK
    if not is_due.any():
        return fates
    return np.where(is_due & is_black(pictures) & is_black(sources), GOOD, fates).astype(np.uint8)
