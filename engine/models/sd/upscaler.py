"""Upscales pictures to twice their size with a small network, SRVGGNetCompact of Real-ESRGAN."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.errors import ModelError
from engine.models.pretrained import one_line
from engine.models.sd.pixels import as_rgb
from engine.models.sd.plan.upscaler_file import COLOURS, UpscalerFile

SCALE = 2
"""Factor of the result; a network by 4 is averaged over 2 x 2 pixels."""


class Upscaler(nn.Module):
    def __init__(self, layers: int, width: int, factor: int) -> None:
        super().__init__()
        ends = [COLOURS, *([width] * (layers - 1)), COLOURS * factor**2]
        body: list[nn.Module] = []
        for channels, more in pairwise(ends):
            body += [nn.Conv2d(channels, more, 3, padding=1), nn.PReLU(width)]
        self.body = nn.ModuleList(body[:-1])
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Upscale (F, 3, H, W) in 0..1 to (F, 3, 2 H, 2 W), not clipped."""
        y = x
        for layer in self.body:
            y = layer(y)
        y = F.pixel_shuffle(y, self.factor)  # (F, 3, factor H, factor W)
        y = y + F.interpolate(x, scale_factor=self.factor, mode="nearest")
        return y if self.factor == SCALE else F.avg_pool2d(y, self.factor // SCALE)

    @torch.no_grad()
    def enlarge(self, rgb: Tensor) -> Tensor:
        """Upscale (F, H, W, 3) uint8 to (F, 2 H, 2 W, 3) uint8, both on its device."""
        x = rgb.permute(0, 3, 1, 2).to(next(self.parameters()).dtype) / 255.0
        return as_rgb(self(x).float())


def load_upscaler(file: UpscalerFile) -> Upscaler:
    """Load the network on the CPU. ModelError in one line if its file cannot be read."""
    with one_line(str(file.file)):
        network = Upscaler(file.layers, file.width, file.factor)
        network.load_state_dict(file.file.read())
    if not all(torch.isfinite(each).all() for each in network.parameters()):
        raise ModelError(f"{file.file}: damaged: not all of its weights are numbers")
    return network
