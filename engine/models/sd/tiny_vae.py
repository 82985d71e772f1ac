"""Runs each convolution of TAESD with its bias, sum and ReLU as one kernel of cuDNN, on NVIDIA's cards.

PyTorch launches a kernel for each of them, and each reads and writes the whole picture.
"""

import logging
from typing import Any

import torch
from diffusers.models.unets.unet_2d_blocks import AutoencoderTinyBlock

from engine.errors import in_one_line
from engine.models.device_work import is_device_lost

log = logging.getLogger(__name__)


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
    """The same AutoencoderTiny, on `device`, with FusedBlocks of the same weights if cuDNN has such kernels there: old
    cards may lack them."""
    if device.type == "cuda" and torch.version.hip is None and torch.backends.cudnn.enabled:
        blocks = [each for each in vae.modules() if type(each) is AutoencoderTinyBlock]
        blocks = [each for each in blocks if isinstance(each.conv[1], torch.nn.ReLU)]
        if blocks:
            chosen = FusedBlock if runs(blocks[0]) else AutoencoderTinyBlock
            for block in blocks:
                block.__class__ = chosen
    return vae


@torch.no_grad()
def runs(block: AutoencoderTinyBlock) -> bool:
    """True if this block runs as a FusedBlock. Tries it, and leaves it one."""
    block.__class__ = FusedBlock
    weight: Any = block.conv[0].weight
    try:
        block(weight.new_zeros(1, weight.shape[1], 8, 8).contiguous(memory_format=torch.channels_last))
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        if is_device_lost(error):
            raise
        log.info("TAESD: cuDNN has no kernels here that join its layers (%s); they run one by one", in_one_line(error))
        return False
    return True


def layer_of(convolution: Any) -> tuple[Any, ...]:
    """Weight, bias, stride, padding, dilation, groups."""
    return tuple(getattr(convolution, name) for name in ("weight", "bias", "stride", "padding", "dilation", "groups"))
