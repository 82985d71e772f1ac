"""The network: centre points with sizes (Zhou, Wang, Krähenbühl, "Objects as Points", 2019) on a small
feature pyramid (Lin et al., 2017).

Piles stand metres apart, so one cell for every 4x4 px tells them apart, and the offset of the centre within its cell
makes boxes of 6 px exact enough. Most of the work is at 1/4 of the picture's size, most of the weights at 1/16, where a
cell sees the shadow and the neighbours of a pile.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

STRIDE = 4
"""Pixels per cell of the answer."""
STEM, LEVELS = 16, (32, 64, 128, 160)
"""Channels at 1/2, then at 1/4, 1/8, 1/16 and 1/32 of the picture's size."""
HEAD = 48
"""Channels before the answer."""
SIDE_MULTIPLE = 32
"""Sides of a picture must be multiples of this."""
CHANNELS = 5
"""Centre (logit), offset x and y of the centre from its cell's corner, logarithm of width and height; in cells."""
MAX_LOG_SIZE = 6.0
"""Larger answers for a size count as this one: 1600 px."""
MIN_DEVIATION = 0.03
RARE_LOGIT = -4.6  # centres are rare: the network starts with a probability of 0.01 (Lin et al., focal loss, 2017)


def build_network(seed: int) -> "nn.Module":
    """Build the network with random weights of this seed: (B, 3, H, W) 0..1 to (B, 5, H / 4, W / 4)."""
    import torch
    from torch import nn

    def layer(inner: int, outer: int, stride: int = 1) -> nn.Sequential:
        convolution = nn.Conv2d(inner, outer, 3, stride=stride, padding=1, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outer), nn.ReLU(inplace=True))

    class Residual(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.layers = nn.Sequential(layer(channels, channels), layer(channels, channels))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            changed: torch.Tensor = self.layers(x)
            return x + changed

    class PileNetwork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            fine, middle, coarse, whole = LEVELS
            self.stem = layer(3, STEM, stride=2)
            self.fine = nn.Sequential(layer(STEM, fine, stride=2), layer(fine, fine))
            self.middle = nn.Sequential(layer(fine, middle, stride=2), layer(middle, middle))
            self.coarse = nn.Sequential(layer(middle, coarse, stride=2), Residual(coarse))
            self.whole = nn.Sequential(layer(coarse, whole, stride=2), Residual(whole), Residual(whole))
            self.to_coarse = nn.Conv2d(whole, coarse, 1)
            self.up_coarse = layer(coarse, coarse)
            self.to_middle = nn.Conv2d(coarse, middle, 1)
            self.up_middle = layer(middle, middle)
            self.to_fine = nn.Conv2d(middle, fine, 1)
            self.up_fine = layer(fine, HEAD)
            self.head = nn.Conv2d(HEAD, CHANNELS, 1)
            assert self.head.bias is not None
            nn.init.zeros_(self.head.bias)
            nn.init.constant_(self.head.bias[:1], RARE_LOGIT)

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            fine = self.fine(self.stem(_standardized(pictures)))  # (B, 32, H/4, W/4)
            middle = self.middle(fine)  # (B, 64, H/8, W/8)
            coarse = self.coarse(middle)  # (B, 128, H/16, W/16)
            up = self.up_coarse(_doubled(self.to_coarse(self.whole(coarse))) + coarse)
            up = self.up_middle(_doubled(self.to_middle(up)) + middle)
            answer: torch.Tensor = self.head(self.up_fine(_doubled(self.to_fine(up)) + fine))
            return answer  # (B, 5, H/4, W/4)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = PileNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stubs
        return network


def count_weights(network: "nn.Module") -> int:
    """Number of trained weights."""
    return sum(weights.numel() for weights in network.parameters())


def _standardized(pictures: "torch.Tensor") -> "torch.Tensor":
    """Each picture with a mean of 0 in each colour and a deviation of about 1: exposure, haze and tint hardly show."""
    mean, deviation = pictures.mean(dim=(2, 3), keepdim=True), pictures.std(dim=(1, 2, 3), keepdim=True)
    return (pictures - mean) / (deviation + MIN_DEVIATION)


def _doubled(x: "torch.Tensor") -> "torch.Tensor":
    """Each pixel four times: (B, C, H, W) to (B, C, 2 H, 2 W)."""
    import torch

    return torch.nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
