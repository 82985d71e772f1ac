"""Finds piles without learning: spots of one brightness or colour, of about a pile's size.

What such rules find shows how much of a dataset is solved by its colours. The best rule is chosen by trying all of them
on the training pictures, as a patient user would.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from engine.models.detector.finding import FoundBoxes
from engine.models.detector.scoring import nearness, rank
from engine.models.detector.targets import LabelledPicture

LOCAL_PX = 65
"""Side of the square whose mean counts as a pixel's surroundings."""
LIMITS = {"black": range(20, 241, 20), "surroundings": range(10, 111, 20), "otsu": range(-60, 61, 20)}
"""Limits by that from which they are measured, 0..255; `otsu`: the limit that parts the picture's values best (Otsu,
1979)."""
CHANNELS = ("light", "dark", "grey", "light grey")
SIDES_PX = ((4, 24), (8, 48), (12, 64), (16, 90))
FILLS = (0.35, 0.55)
STEP, FINE_STEPS = 20, (-15, -10, -5, 5, 10, 15)
"""Distance of the limits tried first, and of those tried next around the best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotRule:
    """A pixel belongs to a spot if its value is more than `limit` above that of `base`."""

    channel: str
    """`light`, `dark` (brightness), `grey` (little saturation), `light grey` (both)."""
    base: str
    """`black`, `surroundings` or `otsu`."""
    limit: float
    min_side_px: int
    max_side_px: int
    min_fill: float
    """Smallest share of its box that a spot fills: a disc fills 0.79."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Spots:
    """Every connected group of pixels in one picture, whatever its size."""

    boxes: np.ndarray
    """(n, 4) float64: x0 y0 x1 y1 in px."""
    fills: np.ndarray
    """(n,) 0..1"""


def find_spots(colors: np.ndarray, rule: SpotRule) -> FoundBoxes:
    """Find the spots in `colors`, (height, width, 3) uint8 RGB; the score is the spot's fill, 0..1."""
    return _chosen(_spots(_values(colors, rule.channel, rule.base), rule.limit), rule)


def best_rule(pictures: Sequence[LabelledPicture]) -> SpotRule:
    """The rule with the highest F1 of the middles on these pictures, which must not be empty."""
    coarse = (_rules(channel, base, LIMITS[base]) for channel, base in product(CHANNELS, LIMITS))
    found = max((_best(rules, pictures) for rules in coarse), key=lambda each: each[0])
    rule = found[1]
    around = [rule.limit + step for step in FINE_STEPS]
    nearby = _best(_rules(rule.channel, rule.base, around), pictures)
    return max(found, nearby, key=lambda each: each[0])[1]


def f1_of(found: Sequence[FoundBoxes], pictures: Sequence[LabelledPicture]) -> float:
    """F1 of the piles' middles, 0..1."""
    return rank(found, pictures, nearness).at(0.0).f1


def _rules(channel: str, base: str, limits: Sequence[float]) -> list[list[SpotRule]]:
    """All rules with these limits, those with the same limit in one list."""
    any_rule = SpotRule(channel=channel, base=base, limit=0, min_side_px=0, max_side_px=0, min_fill=0)
    return [
        [
            replace(any_rule, limit=float(limit), min_side_px=low, max_side_px=high, min_fill=fill)
            for (low, high), fill in product(SIDES_PX, FILLS)
        ]
        for limit in limits
    ]


def _best(rules: Sequence[Sequence[SpotRule]], pictures: Sequence[LabelledPicture]) -> tuple[float, SpotRule]:
    """The best of rules with one channel and base, with its F1."""
    any_rule = rules[0][0]
    values = [_values(picture.colors, any_rule.channel, any_rule.base) for picture in pictures]

    def tried() -> Iterator[tuple[float, SpotRule]]:
        for alike in rules:
            spots = [_spots(value, alike[0].limit) for value in values]
            for rule in alike:
                yield f1_of([_chosen(each, rule) for each in spots], pictures), rule

    return max(tried(), key=lambda each: each[0])


def _values(colors: np.ndarray, channel: str, base: str) -> np.ndarray:
    """Values above the base, (height, width) float32, -255..255."""
    import cv2

    value = _channel(colors, channel)
    if base == "surroundings":
        return value - cv2.blur(value, (LOCAL_PX, LOCAL_PX))
    if base == "otsu":
        parting, _ = cv2.threshold(value.astype(np.uint8), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        return value - np.float32(parting)
    return value


def _channel(colors: np.ndarray, channel: str) -> np.ndarray:
    """(height, width) float32, 0..255."""
    light = colors.max(axis=2).astype(np.float32)
    if channel == "light":
        return light
    if channel == "dark":
        return 255 - light
    grey = np.maximum(255 - 2 * (light - colors.min(axis=2)), 0)
    return grey if channel == "grey" else np.minimum(light, grey)


def _spots(value: np.ndarray, limit: float) -> _Spots:
    import cv2

    mask = cv2.morphologyEx((value > limit).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    x, y, wide, high, area = stats[1:].T.astype(np.float64)
    return _Spots(boxes=np.stack([x, y, x + wide, y + high], axis=1), fills=area / np.maximum(wide * high, 1))


def _chosen(spots: _Spots, rule: SpotRule) -> FoundBoxes:
    sides = spots.boxes[:, 2:] - spots.boxes[:, :2]
    is_spot = sides.min(axis=1, initial=rule.max_side_px + 1) >= rule.min_side_px
    is_spot &= (sides.max(axis=1, initial=0) <= rule.max_side_px) & (spots.fills >= rule.min_fill)
    boxes, fills = spots.boxes[is_spot], spots.fills[is_spot]
    order = np.argsort(-fills, kind="stable")
    return FoundBoxes(boxes=boxes[order], scores=fills[order])
