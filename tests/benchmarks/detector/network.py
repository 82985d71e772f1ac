"""A small detector of foundation piles, which measures how well a dataset trains: the network, and
finding with it.

Centre points with sizes (Zhou, Wang, Krähenbühl, "Objects as Points", 2019) on a small feature
pyramid (Lin et al., 2017). Piles stand metres apart, so one cell for every 4x4 px separates them,
and the offset of the centre within its cell makes boxes of 6 px exact enough. Most of the work is
at 1/4 of the picture's size, most of the weights at 1/16, where a cell sees the shadow and the
neighbours of a pile.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
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
"""Centre (logit), offset x and y of the centre from its cell's corner, logarithm of width and
height; in cells."""
MAX_LOG_SIZE = 6.0
"""Larger answers for a size count as this one: 1600 px."""
MIN_DEVIATION = 0.03
# centres are rare: the network starts with a probability of 0.01 (Lin et al., focal loss, 2017)
RARE_LOGIT = -4.6
TILE_PX = 768
OVERLAP_PX = 128
"""Neighbouring tiles share a strip at least this wide; each gives the boxes whose middle is on its
side of it."""
MIN_SCORE = 0.02
MAX_FOUND = 2000
PEAK_CELLS = 3
"""A centre is the highest cell of a square with this side."""


def build_network(seed: int) -> nn.Module:
    """Build the network with random weights of this seed: (B, 3, H, W) 0..1 to (B, 5, H / 4, W /
    4)."""

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
            self.whole = nn.Sequential(
                layer(coarse, whole, stride=2), Residual(whole), Residual(whole)
            )
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


def count_weights(network: nn.Module) -> int:
    """Number of trained weights."""
    return sum(weights.numel() for weights in network.parameters())


def _standardized(pictures: torch.Tensor) -> torch.Tensor:
    """Each picture with a mean of 0 in each colour and a deviation of about 1: exposure, haze and
    tint hardly show."""
    mean, deviation = (
        pictures.mean(dim=(2, 3), keepdim=True),
        pictures.std(dim=(1, 2, 3), keepdim=True),
    )
    return (pictures - mean) / (deviation + MIN_DEVIATION)


def _doubled(x: torch.Tensor) -> torch.Tensor:
    """Each pixel four times: (B, C, H, W) to (B, C, 2 H, 2 W)."""
    return torch.nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundBoxes:
    """Boxes in one picture, best first."""

    boxes: np.ndarray
    """(k, 4) float64: x0 y0 x1 y1 in px."""
    scores: np.ndarray
    """(k,) float64, 0..1."""


def find(network: nn.Module, colors: np.ndarray, *, tile_px: int = TILE_PX) -> FoundBoxes:
    """Find the piles in `colors`, (height, width, 3) uint8 RGB of any size."""
    height, width = colors.shape[:2]
    boxes, scores = [np.zeros((0, 4))], [np.zeros(0)]
    for top, bottom, first_row, last_row in _spans(height, tile_px):
        for left, right, first_column, last_column in _spans(width, tile_px):
            found = _find_in(network, colors[top:bottom, left:right])
            x, y = (found.boxes[:, :2] + found.boxes[:, 2:]).T / 2 + np.array([[left], [top]])
            is_own = (x >= first_column) & (x < last_column) & (y >= first_row) & (y < last_row)
            boxes.append(found.boxes[is_own] + (left, top, left, top))
            scores.append(found.scores[is_own])
    every, rated = np.concatenate(boxes), np.concatenate(scores)
    order = np.argsort(-rated, kind="stable")[:MAX_FOUND]
    return FoundBoxes(
        boxes=np.clip(every[order], 0, (width, height, width, height)), scores=rated[order]
    )


def _find_in(network: nn.Module, colors: np.ndarray) -> FoundBoxes:
    height, width = colors.shape[:2]
    padded = np.pad(
        colors, ((0, -height % SIDE_MULTIPLE), (0, -width % SIDE_MULTIPLE), (0, 0)), mode="edge"
    )
    with torch.inference_mode():
        # (1, 3, H, W)
        picture = torch.from_numpy(padded).permute(2, 0, 1)[None].to(torch.float32) / 255
        answer = network(picture.contiguous(memory_format=torch.channels_last))[0]  # (5, H/4, W/4)
        scores = torch.sigmoid(answer[0])
        highest = torch.nn.functional.max_pool2d(
            scores[None], PEAK_CELLS, stride=1, padding=PEAK_CELLS // 2
        )[0]
        rows, columns = torch.nonzero((scores == highest) & (scores >= MIN_SCORE), as_tuple=True)
        rated = scores[rows, columns].numpy().astype(np.float64)
        offset_x, offset_y, wide, high = answer[1:, rows, columns].numpy().astype(np.float64)
    x, y = (columns.numpy() + offset_x) * STRIDE, (rows.numpy() + offset_y) * STRIDE
    half_x, half_y = (np.exp(np.minimum(size, MAX_LOG_SIZE)) * STRIDE / 2 for size in (wide, high))
    return FoundBoxes(
        boxes=np.stack([x - half_x, y - half_y, x + half_x, y + half_y], axis=1), scores=rated
    )


def _spans(length: int, tile_px: int) -> list[tuple[int, int, float, float]]:
    """Begin and end of tiles of one length that overlap, and the part of each that is its own."""
    if length <= tile_px:
        return [(0, length, -np.inf, np.inf)]
    count = -(-(length - OVERLAP_PX) // (tile_px - OVERLAP_PX))
    starts = np.linspace(0, length - tile_px, count).round().astype(int).tolist()
    joints = [(left + tile_px + right) / 2 for left, right in pairwise(starts)]
    return [
        (start, start + tile_px, low, high)
        for start, low, high in zip(starts, [-np.inf, *joints], [*joints, np.inf], strict=True)
    ]
