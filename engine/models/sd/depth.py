"""Depth maps as the control image of a depth ControlNet: Depth Anything (Yang et al. 2024), on the model's device.

Never waits for the device, so that it can be captured. The picture is prepared by hand, because transformers' processor
works on the CPU.
"""

from typing import Any

import torch
from torch.nn import functional as F

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
TRAINED_PX = 518  # shorter side at which Depth Anything was trained
MIN_METRES = 1e-3
MIN_SPAN = 1e-3  # of the nearest: differences below it are those of rounding


class DepthMaps:
    """Makes depth maps with a `DepthAnythingForDepthEstimation`."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self._patch_px: int = network.config.patch_size
        self._is_metric = network.config.depth_estimation_type == "metric"

    @torch.no_grad()
    def draw(self, rgb: torch.Tensor) -> torch.Tensor:
        """Depth of (F, 3, H, W) float32 in 0..1: (F, 3, H, W) float32, the nearest point of each picture 1, the
        farthest 0; a picture without depth is 0."""
        height, width = rgb.shape[2:]
        small = F.interpolate(rgb, self._seen_size(height, width), mode="bicubic", antialias=True).clamp(0.0, 1.0)
        near = self.network(normalised(small).to(self.network.dtype)).predicted_depth.float()
        if self._is_metric:  # metres; the others say how near a point is
            near = 1.0 / near.clamp(min=MIN_METRES)
        near = F.interpolate(near[:, None], (height, width), mode="bicubic")
        farthest, nearest = near.amin((2, 3), keepdim=True), near.amax((2, 3), keepdim=True)
        span = torch.maximum(nearest - farthest, nearest.abs() * MIN_SPAN + 1e-6)
        return ((near - farthest) / span).expand(-1, 3, -1, -1)

    def _seen_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that the network sees: about the picture's, not larger than in training."""
        scale = min(1.0, TRAINED_PX / min(height, width))
        rows, columns = (max(1, round(side * scale / self._patch_px)) for side in (height, width))
        return rows * self._patch_px, columns * self._patch_px


def normalised(rgb: torch.Tensor) -> torch.Tensor:
    """(F, 3, H, W) in 0..1 as networks trained on ImageNet see it."""
    # Channel by channel: a tensor of the three would have to be copied to the device.
    return torch.stack([(rgb[:, c] - MEAN[c]) / DEVIATION[c] for c in range(3)], dim=1)
