"""Shifts, tunes and quantises a pitch for the synthesizer."""

import math

import torch
from torch import Tensor

from engine.models.rvc.pitch import MAX_HZ, MIN_HZ

STEPS = 255
A_HZ = 440.0


def mel(hz: float) -> float:
    return 1127.0 * math.log1p(hz / 700.0)


def coarse(f0_hz: Tensor) -> Tensor:
    """Pitch as int64 of the same shape, 1..255: even steps of the mel scale from 50 to 1100 Hz; 1
    if unvoiced."""
    lowest = mel(MIN_HZ)
    highest = mel(MAX_HZ)
    steps_per_mel = (STEPS - 1) / (highest - lowest)
    mels = 1127.0 * torch.log1p(f0_hz.float() / 700.0)
    steps = (mels - lowest) * steps_per_mel + 1.0
    return steps.clamp(1.0, float(STEPS)).round().long()


def shift_pitch(f0_hz: Tensor, semitones: float) -> Tensor:
    """The pitch raised by `semitones` (lowered if negative); unvoiced frames stay 0."""
    return f0_hz * float(2.0 ** (semitones / 12.0))


def autotune(f0_hz: Tensor) -> Tensor:
    """The pitch rounded to the nearest semitone, equal temperament of A = 440 Hz; unvoiced frames
    stay 0."""
    octaves = torch.log2(f0_hz.clamp(min=1.0) / A_HZ)
    semitones = (12.0 * octaves).round()
    tuned_hz = A_HZ * torch.exp2(semitones / 12.0)
    return torch.where(f0_hz > 0.0, tuned_hz, 0.0)
