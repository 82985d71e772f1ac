"""Toy pictures with a known answer: bright discs on dark, noisy ground."""

import numpy as np

from tests.benchmarks.detector.training import LabelledPicture


def picture_of_discs(seed: int, *, side_px: int, pitch_px: int = 52) -> LabelledPicture:
    """Discs of 10 to 40 px, at most one in each square of `pitch_px`; values over 150 on ground below 110."""
    draw = np.random.default_rng(seed)
    colors = draw.integers(50, 110, (side_px, side_px, 3)).astype(np.uint8)
    rows, columns = np.mgrid[:side_px, :side_px] + 0.5
    boxes = []
    for left in range(0, side_px - pitch_px + 1, pitch_px):
        for top in range(0, side_px - pitch_px + 1, pitch_px):
            if draw.random() < 0.3:
                continue
            radius = float(draw.uniform(5, 20))
            x, y = (start + pitch_px / 2 + draw.uniform(-1, 1) * (pitch_px / 2 - radius - 2) for start in (left, top))
            is_disc = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
            colors[is_disc] = draw.integers(160, 220, (int(is_disc.sum()), 3))
            boxes.append([x - radius, y - radius, x + radius, y + radius])
    return LabelledPicture(colors=colors, boxes=np.array(boxes).reshape(-1, 4), is_ignored=np.zeros(len(boxes), bool))
