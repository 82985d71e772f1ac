"""Finds piles in a picture with a trained network."""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from engine.models.detector.network import MAX_LOG_SIZE, SIDE_MULTIPLE, STRIDE

if TYPE_CHECKING:
    from torch import nn

TILE_PX = 768
OVERLAP_PX = 128
"""Neighbouring tiles share a strip at least this wide; each gives the boxes whose middle is on its side of it."""
MIN_SCORE = 0.02
MAX_FOUND = 2000
PEAK_CELLS = 3
"""A centre is the highest cell of a square with this side."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundBoxes:
    """Boxes in one picture, best first."""

    boxes: np.ndarray
    """(k, 4) float64: x0 y0 x1 y1 in px."""
    scores: np.ndarray
    """(k,) float64, 0..1."""


def find(network: "nn.Module", colors: np.ndarray, *, tile_px: int = TILE_PX) -> FoundBoxes:
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
    return FoundBoxes(boxes=np.clip(every[order], 0, (width, height, width, height)), scores=rated[order])


def _find_in(network: "nn.Module", colors: np.ndarray) -> FoundBoxes:
    import torch

    height, width = colors.shape[:2]
    padded = np.pad(colors, ((0, -height % SIDE_MULTIPLE), (0, -width % SIDE_MULTIPLE), (0, 0)), mode="edge")
    with torch.inference_mode():
        picture = torch.from_numpy(padded).permute(2, 0, 1)[None].to(torch.float32) / 255  # (1, 3, H, W)
        answer = network(picture.contiguous(memory_format=torch.channels_last))[0]  # (5, H/4, W/4)
        scores = torch.sigmoid(answer[0])
        highest = torch.nn.functional.max_pool2d(scores[None], PEAK_CELLS, stride=1, padding=PEAK_CELLS // 2)[0]
        rows, columns = torch.nonzero((scores == highest) & (scores >= MIN_SCORE), as_tuple=True)
        rated = scores[rows, columns].numpy().astype(np.float64)
        offset_x, offset_y, wide, high = answer[1:, rows, columns].numpy().astype(np.float64)
    x, y = (columns.numpy() + offset_x) * STRIDE, (rows.numpy() + offset_y) * STRIDE
    half_x, half_y = (np.exp(np.minimum(size, MAX_LOG_SIZE)) * STRIDE / 2 for size in (wide, high))
    return FoundBoxes(boxes=np.stack([x - half_x, y - half_y, x + half_x, y + half_y], axis=1), scores=rated)


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
