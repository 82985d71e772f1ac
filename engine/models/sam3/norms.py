"""Norms of large pictures, where PyTorch's are slow.

On a card GroupNorm has one thread block per group, so one picture in eight groups uses 8 of an
H100's 132 multiprocessors; LayerNorm has one thread block per pixel, even with four channels, and
on a CPU a call per pixel. Here both are computed in float32 by reductions and products, which
preserve the picture's memory layout.
"""

from typing import Any

import torch
from torch import Tensor

from engine.models.compat.transformers import Sam3TrackerVideoLayerNorm

CHANNELS = {"cuda": 64, "cpu": 16}
"""With more, a card's blocks of threads have enough to do, and a CPU's loop over the channels of a
pixel is fast."""


class ThinLayerNorm(Sam3TrackerVideoLayerNorm):  # type: ignore[misc]  # imported at first use
    """A LayerNorm of few channels, which come first. Only for `thin_layer_norms`."""

    def forward(self, features: Tensor) -> Tensor:
        x = features.float()
        if x.is_cuda:
            variance, mean = torch.var_mean(x, dim=1, correction=0, keepdim=True)
        else:  # 15 times as fast there, channel by channel
            mean = x.mean(dim=1, keepdim=True)
            variance = (x - mean).square_().mean(dim=1, keepdim=True)
        weight, bias = (each.float().view(-1, 1, 1) for each in (self.weight, self.bias))
        result: Tensor = torch.addcmul(
            bias, (x - mean).mul_(torch.rsqrt(variance + self.eps)), weight
        )
        return result.to(features.dtype)


def thin_layer_norms(encoder: Any, device: torch.device) -> None:
    """Replace the class of the LayerNorms of few channels in SAM3's memory encoder. The weights do
    not change."""
    for layer in encoder.mask_downsampler.layers:
        norm = layer.layer_norm
        if type(norm) is Sam3TrackerVideoLayerNorm and norm.normalized_shape[0] <= CHANNELS.get(
            device.type, 0
        ):
            norm.__class__ = ThinLayerNorm
            if device.type == "cpu":
                # channel by channel, as the norm reads it
                layer.conv.to(memory_format=torch.contiguous_format)


def group_norm(norm: torch.nn.GroupNorm, pixels: Tensor) -> Tensor:
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
