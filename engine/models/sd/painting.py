"""Settings for painting pictures: those of a job, of one client, or of a stream. Does not load
torch."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.models.sd.seeds import Seeds
from engine.models.sd.spec import ModelSpec
from osc_schema.sd import default_of

MAX_SEED = 2**31 - 1
MAX_GUIDANCE = 30.0
MAX_STEPS = 1000  # of the noise schedule
GOOD, RERUN, NOT_FINITE, BLACK = range(4)
"""The outcome of a picture: painted; painted at the second attempt; both attempts not finite; both
all black."""

CfgType = Literal["none", "full", "self", "initialise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """The settings of a stream; ranges as in the schema's /sd parameters of the same names."""

    width: int
    height: int
    steps: int = int(default_of("steps"))
    strength: float = default_of("strength")
    t_index: tuple[int, ...] = ()
    """Indices into the 50-step table, noisiest first; overrides steps and strength."""
    guidance: float = default_of("guidance")
    """1 and below: off; see `DiffusionModel.guidance_for`."""
    guidance_begin: float = 0.0
    guidance_end: float = 1.0
    """Fractions of the steps between which guidance acts."""
    cfg_type: CfgType = "self"
    delta: float = 1.0
    seed: int | Seeds = 0
    """-1: new noise for each call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlUse:
    """The input and strength of one ControlNet of the model."""

    sees: str = "edges"
    """edges: the edges of each picture; soft: its soft edges; input: the picture itself."""
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Painting:
    """All settings that determine the result: equal paintings give equal pictures."""

    spec: ModelSpec
    prompt: str = ""
    negative: str = ""
    steps: int = 5  # more than live, as is `cfg`: a file may take longer
    """Total steps; only the last `strength` fraction of them is run."""
    strength: float = default_of("strength")
    cfg: float = 6.0
    """Guidance scale; 1: off. Turbo, lightning and hyper models ignore it, merges with them do
    not."""
    seed: int = 0
    sampler: str = "auto"
    """One of `sampler_choice.SAMPLERS`; auto: the model's own."""
    lora_weights: tuple[float, ...] = ()
    """Weights of the spec's LoRAs, in their order; empty: those of the spec."""
    controls: tuple[ControlUse, ...] = ()
    """Inputs of the spec's ControlNets, in their order; empty: edges for each."""
    ip_image: str = ""
    """Picture file for the IP-Adapter."""
    ip_scale: float = 0.6

    @property
    def control_uses(self) -> tuple[ControlUse, ...]:
        """The settings of each of the spec's ControlNets."""
        return self.controls or (ControlUse(),) * len(self.spec.controlnets)


def accept_black_sources(
    outcomes: np.ndarray, pictures: np.ndarray, sources: np.ndarray
) -> np.ndarray:
    """Change BLACK to GOOD in `outcomes` (B,) uint8 where the source is black too."""
    if not (outcomes == BLACK).any():
        return outcomes
    is_due = (outcomes == BLACK) & ~(pictures.any(axis=(1, 2, 3)) | sources.any(axis=(1, 2, 3)))
    return np.where(is_due, GOOD, outcomes).astype(np.uint8)
