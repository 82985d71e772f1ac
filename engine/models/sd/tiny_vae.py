"""Runs each convolution of TAESD with its bias, sum and ReLU as one kernel of cuDNN, on NVIDIA's cards.

PyTorch launches a kernel for each of them, and each reads and writes the whole picture.
"""

from typing import Any

import torch
from diffusers.models.unets.unet_2d_blocks import AutoencoderTinyBlock


class FusedBlock(AutoencoderTinyBlock):
    """A residual block of AutoencoderTiny whose activations are ReLUs. Only for `fused`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, _, second, _, last = self.conv
        inner = torch.cudnn_convolution_relu(x, *layer_of(first))
        inner = torch.cudnn_convolution_relu(inner, *layer_of(second))
        weight, bias, *shape = layer_of(last)
        added: torch.Tensor = torch.cudnn_convolution_add_relu(inner, weight, self.skip(x), 1.0, bias, *shape)
        return added


def fused(vae: Any, device: torch.device) -> Any:
    """The same AutoencoderTiny, with FusedBlocks of the same weights on NVIDIA's cards. Call it for `device`, where the
    weights are or will be."""
    if device.type == "cuda" and torch.version.hip is None and torch.backends.cudnn.enabled:
        for block in vae.modules():
            if type(block) is AutoencoderTinyBlock and isinstance(block.conv[1], torch.nn.ReLU):
                block.__class__ = FusedBlock
    return vae


def layer_of(convolution: Any) -> tuple[Any, ...]:
    """Weight, bias, stride, padding, dilation, groups."""
    return tuple(getattr(convolution, name) for name in ("weight", "bias", "stride", "padding", "dilation", "groups"))
