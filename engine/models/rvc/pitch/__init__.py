"""How high a voice is, 100 times a second: three ways, one shape.

`yin` needs nothing, `fcpe` (extra `fcpe`) and `rmvpe` (its checkpoint) are networks. `load.py` chooses and loads,
`coarse.py` is what becomes of the pitch afterwards. Importing this package does not load torch.
"""

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

from engine.errors import ModelError
from engine.models import locate
from engine.models.rvc.spec import VoiceSpec

if TYPE_CHECKING:
    import torch

FCPE_INSTALL = 'pip install "multiverse-engine[fcpe]"'

RATE_HZ: Final = 16_000
HOP: Final = 160
"""Samples from frame to frame: 10 ms."""
MIN_HZ: Final = 50.0
MAX_HZ: Final = 1100.0


class PitchTracker(Protocol):
    """Stateless: what a frame is depends on the sound around it alone. One thread."""

    name: str
    """rmvpe, fcpe or yin."""
    networks: "tuple[torch.nn.Module, ...]"
    frame_multiple: int
    """Samples: a live window is as long as a multiple of it, so that nothing is padded."""

    def track(self, sound: "torch.Tensor") -> "torch.Tensor":
        """(B, n) float32 of 16 kHz -> (B, n // 160) float32 in Hz, 0 where there is no pitch.

        Frame k is centred at sample 160 k. Nothing waits for the device: a CUDA graph can hold it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    name: Literal["rmvpe", "fcpe", "yin"]
    reason: str
    """Why it is not the best, and how to get that, for the model's notes; "" where it is, or was asked for."""


def choose(spec: VoiceSpec) -> Choice:
    """Which tracker a spec means: with `auto` the best that is on this machine, and why not a better one."""
    if spec.pitch != "auto":
        return Choice(name=spec.pitch, reason="")
    try:
        locate.find(spec.rmvpe, files=())
    except ModelError:
        better = f"rmvpe is better: {locate.fetch_command(spec.rmvpe) or f'{spec.rmvpe} is not there'}"
    else:
        return Choice(name="rmvpe", reason="")
    if importlib.util.find_spec("torchfcpe"):
        return Choice(name="fcpe", reason=f"pitch by fcpe; {better}")
    return Choice(name="yin", reason=f"pitch by yin; {better}, or {FCPE_INSTALL}")
