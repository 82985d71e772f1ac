"""A T2I-Adapter (Mou et al. 2023): a small network beside the UNet, which adds to its down blocks.

It stands among the ControlNets of a model, but does not see the noise: its answer depends on the control image alone.
A stream has the control images of several frames in one call, so it runs with each call: 30 GMAC at 512 x 512, where a
ControlNet of SD 1.5 takes 142.
"""

from typing import Any

import torch


class Adapter(torch.nn.Module):
    """A diffusers T2IAdapter for pictures of three channels."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    @property
    def config(self) -> Any:
        return self.network.config

    def forward(self, picture: torch.Tensor) -> list[torch.Tensor]:
        """A feature for each down block, and for SDXL one for the middle, of (B, 3, H, W) in 0..1."""
        if self.config.in_channels == 1:
            picture = picture.mean(dim=1, keepdim=True)
        features: list[torch.Tensor] = self.network(picture)
        return features
