"""Interpolates between several text embeddings, or the noise of two seeds: spherically or
linearly."""

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.models.sd.seeds import Blend

ALMOST_PARALLEL = (
    0.9995  # above it sin(angle) is too small a divisor; linear interpolation is then exact to 1e-4
)


def interpolate(parts: Sequence[Tensor], weights: Sequence[float], blend: Blend) -> Tensor:
    """The weighted mean of tensors (..., D) along the last axis. `weights`: above 0; only their
    ratios count. With slerp the parts are added in order: each turns the mean so far towards it by
    its fraction of the weights so far. For two parts that is the usual spherical interpolation."""
    mean = parts[0]
    sum_so_far = weights[0]
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        sum_so_far += weight
        fraction = weight / sum_so_far
        if blend == "slerp":
            mean = slerp(mean, part, fraction)
        else:
            mean = torch.lerp(mean.float(), part.float(), fraction).to(part.dtype)
    return mean


def slerp(start: Tensor, end: Tensor, mix: float) -> Tensor:
    """Spherical interpolation of (..., D) between `start` and `end` along the last axis (Shoemake
    1985). Linear if two vectors are almost parallel or opposite, or one is zero. Equal vectors are
    unchanged."""
    a = start.float()
    b = end.float()
    lengths = a.norm(dim=-1, keepdim=True) * b.norm(dim=-1, keepdim=True)
    cosine = (a * b).sum(dim=-1, keepdim=True) / lengths.clamp(min=torch.finfo(torch.float32).tiny)
    angle = cosine.clamp(-1.0, 1.0).acos()
    sine = angle.sin()
    is_straight = cosine.abs() > ALMOST_PARALLEL
    sine = torch.where(is_straight, torch.ones_like(sine), sine)
    curved = ((1.0 - mix) * angle).sin() / sine * a + (mix * angle).sin() / sine * b
    return torch.where(is_straight | (lengths == 0.0), torch.lerp(a, b, mix), curved).to(
        start.dtype
    )
