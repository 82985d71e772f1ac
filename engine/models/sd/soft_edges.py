"""Blurred outlines as the control image of a softedge or HED ControlNet, on the picture's device. Never waits.

Those ControlNets were trained on what a network finds (HED, PiDiNet). This is a classical stand-in without weights: the
gradient of the brightness at three scales, each multiplied by its scale, so that a step counts the same at all of them
(Lindeberg 1998, "Edge detection and ridge detection with automatic scale selection"). Fine texture is outlined at the
finest scale only, so it stays dark; a network would also leave out what is not the border of an object.
"""

import math

import torch
from torch.nn import functional as F

from engine.models.sd.device_edges import GREY

SCALES_PX = (1.0, 2.0, 4.0)  # standard deviations; HED has five scales, of which the finest matter at 512 px
GAIN = 2.0
"""A straight step of half the brightness, from 0.25 to 0.75, is drawn white."""


def soft_edges(rgb: torch.Tensor) -> torch.Tensor:
    """Outlines of (F, 3, H, W) float32 in 0..1: (F, 3, H, W) float32 in 0..1, brighter for a higher step."""
    grey = sum(share * rgb[:, channel : channel + 1] for channel, share in enumerate(GREY))
    assert isinstance(grey, torch.Tensor)
    total = sum(_steps(grey, scale_px) for scale_px in SCALES_PX)
    assert isinstance(total, torch.Tensor)
    return (total * (GAIN / len(SCALES_PX))).clamp(0.0, 1.0).expand(-1, 3, -1, -1)


def _steps(grey: torch.Tensor, scale_px: float) -> torch.Tensor:
    """Heights (F, 1, H, W) of the steps of `grey` (F, 1, H, W) at this scale: of a straight step its height."""
    reach_px = math.ceil(3 * scale_px)
    # Built on the device: copying a kernel there would wait for it.
    x = torch.arange(-reach_px, reach_px + 1, device=grey.device, dtype=torch.float32)
    smooth = torch.exp(-(x**2) / (2 * scale_px**2))
    smooth = smooth / smooth.sum()
    slope = x * smooth
    slope = slope / slope.clamp(min=0.0).sum()  # of a step of 1 the largest answer is 1
    kernels = torch.stack((smooth, slope))[:, None]  # (2, 1, K)
    padded = F.pad(grey, (reach_px, reach_px, reach_px, reach_px), mode="replicate")
    down = F.conv2d(padded, kernels[..., None])  # (F, 2, H, W + 2 r): blurred, and the slope downwards
    across = F.conv2d(down, kernels.flip(0)[:, :, None], groups=2)  # (F, 2, H, W): the slopes across and downwards
    return across.square().sum(dim=1, keepdim=True).sqrt()
