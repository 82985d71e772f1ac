"""Canny's edge detector (1986) on a GPU, as OpenCV's `Canny` computes it without `L2gradient`. Never waits."""

import torch
from torch.nn import functional as F

from engine.models.sd.edges import EDGE_HIGH, EDGE_LOW

TAN_22_5, TAN_67_5 = 13573 / 32768, 13573 / 32768 + 2  # OpenCV's fixed-point tangents of 22.5 and 67.5 degrees
GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601, as OpenCV's RGB2GRAY
GROWTH_PX = 32
"""Weak edges count up to this far from a strong one. OpenCV follows them to their end, which would need a wait."""


def edges(rgb: torch.Tensor) -> torch.Tensor:
    """Edges of (F, 3, H, W) float32 in 0..1, white on black: (F, 3, H, W) float32, 0 or 1."""
    levels = (rgb * 255.0).round()
    grey = sum(share * levels[:, channel : channel + 1] for channel, share in enumerate(GREY))
    assert isinstance(grey, torch.Tensor)
    across, down = _sobel(grey.round())
    strength = across.abs() + down.abs()
    weak = (_is_ridge(across, down, strength) & (strength > EDGE_LOW)).float()
    found = weak * (strength > EDGE_HIGH)
    for _ in range(GROWTH_PX):
        found = F.max_pool2d(found, 3, 1, 1) * weak
    return found.expand(-1, 3, -1, -1)


def _sobel(grey: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Derivatives to the right and downwards; beyond its edges the picture goes on as at the edge."""
    padded = F.pad(grey, (1, 1, 1, 1), mode="replicate")
    smooth_down = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
    smooth_across = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    return smooth_down[..., 2:] - smooth_down[..., :-2], smooth_across[:, :, 2:] - smooth_across[:, :, :-2]


def _is_ridge(across: torch.Tensor, down: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """True where the gradient is stronger than at both neighbours in its direction, which has four steps."""
    padded = F.pad(strength, (1, 1, 1, 1))
    height, width = strength.shape[2:]

    def at(row: int, column: int) -> torch.Tensor:
        return padded[:, :, 1 + row : 1 + row + height, 1 + column : 1 + column + width]

    is_across = down.abs() < across.abs() * TAN_22_5
    is_down = down.abs() > across.abs() * TAN_67_5
    is_falling = across * down < 0
    beside = (strength > at(0, -1)) & (strength >= at(0, 1))
    above = (strength > at(-1, 0)) & (strength >= at(1, 0))
    rising = (strength > at(-1, -1)) & (strength > at(1, 1))
    falling = (strength > at(-1, 1)) & (strength > at(1, -1))
    return torch.where(is_across, beside, torch.where(is_down, above, torch.where(is_falling, falling, rising)))
