"""Runs each convolution of TAESD with its bias, sum and ReLU as one kernel of cuDNN, on NVIDIA's
cards.

PyTorch launches a kernel for each of them, and each reads and writes the whole picture.
"""

import logging
from typing import Any

import torch

from engine.errors import in_one_line
from engine.models.compat.diffusers import AutoencoderTinyBlock
from engine.models.device_work import is_device_lost

log = logging.getLogger(__name__)


class FusedBlock(AutoencoderTinyBlock):  # type: ignore[misc]  # imported at first use
    """A residual block of AutoencoderTiny whose activations are ReLUs. Only for `fuse_blocks`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, _, second, _, last = self.conv
        inner = torch.cudnn_convolution_relu(x, *conv_arguments(first))
        inner = torch.cudnn_convolution_relu(inner, *conv_arguments(second))
        weight, bias, *shape = conv_arguments(last)
        added: torch.Tensor = torch.cudnn_convolution_add_relu(
            inner, weight, self.skip(x), 1.0, bias, *shape
        )
        return added


def fuse_blocks(vae: Any, device: torch.device) -> Any:
    """Replace the blocks of an AutoencoderTiny by FusedBlocks with the same weights, if cuDNN has
    kernels for them."""
    if device.type == "cuda" and torch.version.hip is None and torch.backends.cudnn.enabled:
        blocks = [each for each in vae.modules() if type(each) is AutoencoderTinyBlock]
        if blocks := [each for each in blocks if isinstance(each.conv[1], torch.nn.ReLU)]:
            chosen = FusedBlock if can_fuse(blocks[0]) else AutoencoderTinyBlock
            for block in blocks:
                block.__class__ = chosen
    return vae


@torch.no_grad()
def can_fuse(block: AutoencoderTinyBlock) -> bool:
    """True if this block runs as a FusedBlock. Tries it, and leaves the block fused."""
    block.__class__ = FusedBlock
    weight: Any = block.conv[0].weight
    try:
        block(
            weight.new_zeros(1, weight.shape[1], 8, 8).contiguous(memory_format=torch.channels_last)
        )
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        if is_device_lost(error):
            raise
        log.info(
            "TAESD: cuDNN has no kernels here that join its layers (%s); they run one by one",
            in_one_line(error),
        )
        return False
    return True


def conv_arguments(convolution: Any) -> tuple[Any, ...]:
    """Arguments of a convolution: weight, bias, stride, padding, dilation, groups."""
    return tuple(
        getattr(convolution, name)
        for name in ("weight", "bias", "stride", "padding", "dilation", "groups")
    )
