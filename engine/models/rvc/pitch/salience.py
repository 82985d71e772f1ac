"""Decodes the networks' output, a likelihood for each of 360 pitches about 20 cents apart, into one pitch."""

import torch
from torch import Tensor

from engine.models.rvc.pitch import MAX_HZ, MIN_HZ

REACH = 4  # bins on each side of the likeliest one: 80 cents, as in both publications
ZERO_CENTS_HZ = 10.0


def likeliest(salience: Tensor, cents: Tensor, threshold: float) -> Tensor:
    """Salience (B, T, bins) in 0..1 and the bins' cents above 10 Hz -> pitch (B, T) float32 in Hz.

    It is the mean of the cents around the likeliest bin, weighted by salience. 0 if no bin is above `threshold`, or the
    pitch is outside 50..1100 Hz.
    """
    salience = salience.float()
    highest, place = salience.max(-1, keepdim=True)
    # Clamped to the first and last bin, 32 Hz and 2 kHz, which are outside the valid range anyway.
    near = (place + torch.arange(-REACH, REACH + 1, device=salience.device)).clamp(0, cents.shape[0] - 1)
    weights = salience.gather(-1, near)
    mean = (weights * cents[near]).sum(-1) / weights.sum(-1).clamp(min=1e-12)
    hz = ZERO_CENTS_HZ * torch.exp2(mean / 1200.0)
    is_pitch = (highest[..., 0] > threshold) & (hz >= MIN_HZ) & (hz <= MAX_HZ)
    return torch.where(is_pitch, hz, 0.0)
