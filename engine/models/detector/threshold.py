"""Finds piles without learning: spots of one brightness and colour, of about a pile's size.

What such rules find shows how much of a dataset is solved by its colours. The best one is chosen by trying all of them
on the training pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from engine.models.detector.finding import FoundBoxes
from engine.models.detector.scoring import nearness, rank
from engine.models.detector.targets import LabelledPicture

LOCAL_PX = 65
"""Brightness and colour are compared with their mean in a square of this side, or taken as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotRule:
    """A pixel belongs to a spot if its value differs from its surroundings, or from black, by more than `limit`."""

    channel: str
    """`light`, `dark` (brightness), `grey` (little saturation), `light grey` (both)."""
    is_local: bool
    limit: float
    """0..255"""
    min_side_px: int
    max_side_px: int
    min_fill: float = 0.35
    """Smallest share of its box that a spot fills: a disc fills 0.79."""


def rules() -> list[SpotRule]:
    return [
        SpotRule(channel=channel, is_local=is_local, limit=float(limit), min_side_px=low, max_side_px=high)
        for channel, is_local, limit, (low, high) in product(
            ("light", "dark", "grey", "light grey"), (True, False), range(10, 231, 10), ((4, 24), (8, 48), (16, 80))
        )
        if not (is_local and limit > 120)
    ]


def spots(colors: np.ndarray, rule: SpotRule) -> FoundBoxes:
    """Find the spots in `colors`, (height, width, 3) uint8 RGB; the score is the spot's fill, 0..1."""
    import cv2

    value = _values(colors)[rule.channel]
    if rule.is_local:
        value = value - cv2.blur(value, (LOCAL_PX, LOCAL_PX))
    mask = cv2.morphologyEx((value > rule.limit).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    x, y, wide, high, area = stats[1:].T.astype(np.float64)
    fill = area / np.maximum(wide * high, 1)
    sides = np.stack([wide, high])
    is_spot = (
        (sides.min(axis=0) >= rule.min_side_px) & (sides.max(axis=0) <= rule.max_side_px) & (fill >= rule.min_fill)
    )
    boxes = np.stack([x, y, x + wide, y + high], axis=1)[is_spot]
    order = np.argsort(-fill[is_spot], kind="stable")
    return FoundBoxes(boxes=boxes[order], scores=fill[is_spot][order])


def best_rule(pictures: Sequence[LabelledPicture]) -> SpotRule:
    """The rule with the highest F1 of the middles on these pictures."""
    return max(rules(), key=lambda rule: f1_of(rule, pictures))


def f1_of(rule: SpotRule, pictures: Sequence[LabelledPicture]) -> float:
    """F1 of the piles' middles, 0..1."""
    return rank([spots(picture.colors, rule) for picture in pictures], pictures, nearness).at(0.0)[0]


def _values(colors: np.ndarray) -> dict[str, np.ndarray]:
    """(height, width) float32 each, 0..255."""
    light = colors.max(axis=2).astype(np.float32)
    grey = 255 - (light - colors.min(axis=2)) * 2.0
    return {"light": light, "dark": 255 - light, "grey": grey, "light grey": np.minimum(light, grey)}
