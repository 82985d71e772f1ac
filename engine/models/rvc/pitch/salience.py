"""What both networks say, a likelihood for each of 360 pitches about 20 cents apart, read as one pitch."""

import torch
from torch import Tensor

from engine.models.rvc.pitch import MAX_HZ, MIN_HZ

REACH = 4  # bins to each side of the likeliest: 80 cents, as both networks were published
ZERO_CENTS_HZ = 10.0


def likeliest(salience: Tensor, cents: Tensor, threshold: float) -> Tensor:
    """(B, T, bins) in 0..1 and the bins' cents above 10 Hz -> (B, T) float32 in Hz: the mean of the cents around the
    likeliest bin, weighed by their salience. 0 where none is above `threshold`, and outside 50..1100 Hz."""
    salience = salience.float()
    highest, place = salience.max(-1, keepdim=True)
    # Clamped at the first and the last bin, which are out of range anyway: 32 Hz and 2 kHz.
    near = (place + torch.arange(-REACH, REACH + 1, device=salience.device)).clamp(0, cents.shape[0] - 1)
    weights = salience.gather(-1, near)
    mean = (weights * cents[near]).sum(-1) / weights.sum(-1).clamp(min=1e-12)
    hz = ZERO_CENTS_HZ * torch.exp2(mean / 1200.0)
    is_pitch = (highest[..., 0] > threshold) & (hz >= MIN_HZ) & (hz <= MAX_HZ)
    return torch.where(is_pitch, hz, 0.0)
