"""Load a pitch tracker onto its device."""

import torch

from engine.models.rvc.pitch import F0Tracker, choose
from engine.models.rvc.pitch.fcpe import Fcpe
from engine.models.rvc.pitch.rmvpe import load_rmvpe
from engine.models.rvc.pitch.yin import Yin
from engine.models.rvc.spec import VoiceSpec


def load_pitch(spec: VoiceSpec, device: torch.device, dtype: torch.dtype) -> F0Tracker:
    """The tracker for `spec.pitch`, its network in `dtype`. ModelError in one line if it is not available."""
    match choose(spec).name:
        case "rmvpe":
            return load_rmvpe(spec.rmvpe, device, dtype)
        case "fcpe":
            return Fcpe(device, dtype)
        case "yin":
            return Yin(device)
