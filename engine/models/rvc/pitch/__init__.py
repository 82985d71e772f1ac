"""Fundamental frequency (F0) of a voice, 100 times per second: three trackers with one interface.

`yin` needs no files; `fcpe` (extra `fcpe`) and `rmvpe` (its checkpoint) are networks. `coarse.py`
shifts, tunes and quantises the result. Importing this package does not load torch.
"""

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

from engine.errors import ModelError
from engine.models import locate
from engine.models.rvc.spec import VoiceSpec
from engine.system.installing import install_line

if TYPE_CHECKING:
    import torch

RATE_HZ: Final = 16_000
HOP: Final = 160
"""Samples from frame to frame: 10 ms."""
MIN_HZ: Final = 50.0
MAX_HZ: Final = 1100.0


class F0Tracker(Protocol):
    """The interface of a pitch tracker: sound in, fundamental frequency out. Stateless: a frame
    depends only on the sound around it. One thread."""

    name: str
    """rmvpe, fcpe or yin."""
    networks: "tuple[torch.nn.Module, ...]"
    frame_multiple: int
    """Samples. The length of a live window is a multiple of it, so nothing is padded."""

    def track(self, sound: "torch.Tensor") -> "torch.Tensor":
        """Track the pitch of (B, n) float32 at 16 kHz: (B, n // 160) float32 in Hz, 0 where
        unvoiced. Frame k is centred at sample 160 k. Nothing waits for the device, so a CUDA graph
        can capture it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PitchChoice:
    name: Literal["rmvpe", "fcpe", "yin"]
    reason: str
    """Why it is not the best one, and how to get that, for the model's notes; "" if it is, or was
    requested."""


def choose(spec: VoiceSpec) -> PitchChoice:
    """Choose the tracker for a spec. `auto` is the best one on this machine, with the reason if a
    better one exists."""
    if spec.pitch != "auto":
        return PitchChoice(name=spec.pitch, reason="")
    try:
        locate.find(spec.rmvpe, files=())
    except ModelError:
        better = (
            "rmvpe is better: "
            f"{locate.fetch_command(spec.rmvpe) or f'{spec.rmvpe} is not on this machine'}"
        )
    else:
        return PitchChoice(name="rmvpe", reason="")
    if importlib.util.find_spec("torchfcpe"):
        return PitchChoice(name="fcpe", reason=f"pitch by fcpe; {better}")
    return PitchChoice(name="yin", reason=f"pitch by yin; {better}, or {install_line('[fcpe]')}")
