"""Norms of large pictures on a card, where PyTorch's are slow.

Its GroupNorm has one thread block per group, so one picture in eight groups uses 8 of an H100's 132 multiprocessors;
its LayerNorm has one thread block per pixel, even with four channels. Here both are computed in float32 by reductions
and products, which preserve the picture's memory layout.
"""

from typing import Any

import torch

from engine.models.compat.transformers import Sam3TrackerVideoLayerNorm

CHANNELS = 64  # with more a block of threads has enough to do


class ThinLayerNorm(Sam3TrackerVideoLayerNorm):  # type: ignore[misc]  # imported at first use
    """A LayerNorm of few channels, which come first. Only for `thin_layer_norms`."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        x = features.float()
        variance, mean = torch.var_mean(x, dim=1, correction=0, keepdim=True)
        weight, bias = (each.float().view(-1, 1, 1) for each in (self.weight, self.bias))
        result: torch.Tensor = torch.addcmul(bias, (x - mean).mul_(torch.rsqrt(variance + self.eps)), weight)
        return result.to(features.dtype)


def thin_layer_norms(network: Any, device: torch.device) -> None:
    """On a card, replace the class of the network's LayerNorms of few channels. The weights do not change."""
    if device.type != "cuda":
        return
    for norm in network.modules():
        is_thin = type(norm) is Sam3TrackerVideoLayerNorm and norm.data_format == "channels_first"
        if is_thin and norm.normalized_shape[0] <= CHANNELS:
            norm.__class__ = ThinLayerNorm


def group_norm(norm: torch.nn.GroupNorm, pixels: torch.Tensor) -> torch.Tensor:
    """Apply the GroupNorm to `pixels` (B, C, H, W)."""
    if pixels.device.type != "cuda":
        return norm(pixels)  # type: ignore[no-any-return]  # Module.__call__ has no type
    x = pixels.float()
    groups = torch.unflatten(x, 1, (norm.num_groups, -1))
    variance, mean = torch.var_mean(groups, dim=(2, 3, 4), correction=0)  # (B, groups)
    inverse, mean = (
        each.repeat_interleave(norm.num_channels // norm.num_groups, dim=1)
        for each in (torch.rsqrt(variance + norm.eps), mean)
    )
    scale = norm.weight.float() * inverse  # (B, C)
    shift = norm.bias.float() - mean * scale
    return torch.addcmul(shift[..., None, None], x, scale[..., None, None]).to(pixels.dtype)
