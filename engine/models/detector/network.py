"""The network: centre points with sizes (Zhou, Wang, Krähenbühl, "Objects as Points", 2019) on a small U-Net.

Boxes of piles are 6 to 60 px, so the answer has a cell for every 2x2 px, and four levels suffice.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

STRIDE = 2
"""Pixels per cell of the answer."""
LEVELS = (16, 32, 64, 96)
"""Channels at 1/2, 1/4, 1/8 and 1/16 of the picture's size."""
SIDE_MULTIPLE = 16
"""Sides of a picture must be multiples of this."""
CHANNELS = 5
"""Centre (logit), offset x and y of the centre within its cell, logarithm of width and height in cells."""
RARE_LOGIT = -4.6  # centres are rare: the network starts with a probability of 0.01 (Lin et al., focal loss, 2017)


def build_network(seed: int) -> "nn.Module":
    """Build the network with random weights of this seed: (B, 3, H, W) 0..1 to (B, 5, H / 2, W / 2)."""
    import torch
    from torch import nn

    def block(inner: int, outer: int, stride: int = 1) -> nn.Sequential:
        layers: list[nn.Module] = []
        for channels, step in ((inner, stride), (outer, 1)):
            layers += [
                nn.Conv2d(channels, outer, 3, stride=step, padding=1, bias=False),
                nn.GroupNorm(outer // 8, outer),
                nn.SiLU(inplace=True),
            ]
        return nn.Sequential(*layers)

    class PileNetwork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = (3, *LEVELS)
            self.down = nn.ModuleList(block(sizes[k], sizes[k + 1], stride=2) for k in range(len(LEVELS)))
            self.up = nn.ModuleList(
                block(LEVELS[k + 1] + LEVELS[k], LEVELS[k]) for k in reversed(range(len(LEVELS) - 1))
            )
            self.head = nn.Sequential(
                nn.Conv2d(LEVELS[0], 32, 3, padding=1), nn.SiLU(inplace=True), nn.Conv2d(32, CHANNELS, 1)
            )
            last: Any = self.head[-1]
            nn.init.zeros_(last.bias)
            nn.init.constant_(last.bias[:1], RARE_LOGIT)

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            seen = []
            x = pictures - 0.5
            for level in self.down:
                x = level(x)
                seen.append(x)  # (B, 16, H/2, W/2), (B, 32, H/4, W/4), ...
            for level, skip in zip(self.up, reversed(seen[:-1]), strict=True):
                x = nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
                x = level(torch.cat([x, skip], dim=1))
            answer: torch.Tensor = self.head(x)  # (B, 5, H/2, W/2)
            return answer

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = PileNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stubs
        return network
