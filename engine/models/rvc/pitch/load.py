"""`load_pitch`: from the name in a VoiceSpec to a tracker on its device."""

import torch

from engine.models.rvc.pitch import PitchTracker, choose
from engine.models.rvc.pitch.fcpe import Fcpe
from engine.models.rvc.pitch.rmvpe import load_rmvpe
from engine.models.rvc.pitch.yin import Yin
from engine.models.rvc.spec import VoiceSpec


def load_pitch(spec: VoiceSpec, device: torch.device, dtype: torch.dtype) -> PitchTracker:
    """The tracker that `spec.pitch` means, its network in `dtype`; ModelError in one line where it cannot be had."""
    match choose(spec).name:
        case "rmvpe":
            return load_rmvpe(spec.rmvpe, device, dtype)
        case "fcpe":
            return Fcpe(device, dtype)
        case "yin":
            return Yin(device)
