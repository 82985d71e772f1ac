"""Finds piles without learning: spots of one brightness or colour, of about a pile's size.

What such rules find shows how much of a dataset is solved by its colours. The best rule is chosen
by trying all of them on the training pictures, as a patient user would.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from tests.benchmarks.detector.network import FoundBoxes
from tests.benchmarks.detector.scoring import MIN_OVERLAP, nearness
from tests.benchmarks.detector.training import LabelledPicture

LOCAL_PX = 65
"""Side of the square whose mean counts as a pixel's surroundings."""
LIMITS = {
    "black": range(20, 241, 20),
    "surroundings": range(10, 111, 20),
    "otsu": range(-60, 61, 20),
}
"""Limits by that from which they are measured, 0..255; `otsu`: the one that parts the values best
(Otsu, 1979)."""
CHANNELS = ("light", "dark", "grey", "light grey")
SIDES_PX = ((4, 24), (8, 32), (8, 48), (12, 64), (20, 48), (16, 90))
MIN_SPOT_PX, MAX_SPOT_PX = 4, 90
"""Spots beyond these sides fit no rule."""
FILLS = (0.35, 0.5, 0.65)
ASPECTS = (1.5, 2.5, 10.0)
FINE_STEPS = (-15, -10, -5, 5, 10, 15)
FINE_RULES = 3
"""Limits that are tried around those of the best rules."""


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
    """Smallest fraction of its box that a spot fills: a disc fills 0.79."""
    max_aspect: float
    """Largest ratio of the longer to the shorter side."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Spots:
    """The connected groups of pixels in one picture."""

    boxes: np.ndarray
    """(n, 4) float64: x0 y0 x1 y1 in px."""
    fills: np.ndarray
    """(n,) 0..1"""


def find_spots(colors: np.ndarray, rule: SpotRule) -> FoundBoxes:
    """Find the spots in `colors`, (height, width, 3) uint8 RGB; the score is the spot's fill,
    0..1."""
    return _chosen(_spots(_values(colors, rule.channel, rule.base), rule.limit), rule)


def best_rule(pictures: Sequence[LabelledPicture]) -> SpotRule:
    """The rule with the highest F1 of the middles on these pictures, which must not be empty."""
    coarse = [
        _best(_rules(channel, base, LIMITS[base]), pictures)
        for channel, base in product(CHANNELS, LIMITS)
    ]
    coarse.sort(key=lambda each: each[0], reverse=True)
    fine = [
        _best(_rules(rule.channel, rule.base, [rule.limit + step for step in FINE_STEPS]), pictures)
        for _, rule in coarse[:FINE_RULES]
    ]
    return max(coarse[:1] + fine, key=lambda each: each[0])[1]


def _rules(channel: str, base: str, limits: Sequence[float]) -> list[list[SpotRule]]:
    """All rules with these limits, those with the same limit in one list."""
    any_rule = SpotRule(
        channel=channel, base=base, limit=0, min_side_px=0, max_side_px=0, min_fill=0, max_aspect=0
    )
    return [
        [
            replace(
                any_rule,
                limit=float(limit),
                min_side_px=low,
                max_side_px=high,
                min_fill=fill,
                max_aspect=aspect,
            )
            for (low, high), fill, aspect in product(SIDES_PX, FILLS, ASPECTS)
        ]
        for limit in limits
    ]


def _best(
    rules: Sequence[Sequence[SpotRule]], pictures: Sequence[LabelledPicture]
) -> tuple[float, SpotRule]:
    """The best of rules with one channel and base, with its F1."""
    any_rule = rules[0][0]
    values = [_values(picture.colors, any_rule.channel, any_rule.base) for picture in pictures]

    def tried() -> Iterator[tuple[float, SpotRule]]:
        for alike in rules:
            spots = [_spots(value, alike[0].limit) for value in values]
            hits = [_hits(each, picture) for each, picture in zip(spots, pictures, strict=True)]
            for rule in alike:
                yield _f1(rule, spots, hits), rule

    return max(tried(), key=lambda each: each[0])


def _hits(spots: _Spots, picture: LabelledPicture) -> np.ndarray:
    """Piles hit by each spot, (n, piles) bool, without ignored ones."""
    hits: np.ndarray = nearness(spots.boxes, picture)[:, ~picture.is_ignored] >= MIN_OVERLAP
    return hits


def _f1(rule: SpotRule, spots: Sequence[_Spots], hits: Sequence[np.ndarray]) -> float:
    """F1 of the middles, 0..1, as `rank` gives it, but for spots on ignored labels, which count as
    wrong."""
    chosen = [_is_chosen(each, rule) for each in spots]
    right = sum(
        min(int(hit[is_chosen].any(axis=0).sum()), int(is_chosen.sum()))  # a spot may hit two piles
        for hit, is_chosen in zip(hits, chosen, strict=True)
    )
    found, labelled = sum(int(each.sum()) for each in chosen), sum(hit.shape[1] for hit in hits)
    return float(2 * right / max(found + labelled, 1))


def _values(colors: np.ndarray, channel: str, base: str) -> np.ndarray:
    """Values above the base, (height, width) float32, -255..255."""
    import cv2

    value: np.ndarray = _channel(colors.astype(np.float32), channel)
    if base == "surroundings":
        value = value - cv2.blur(value, (LOCAL_PX, LOCAL_PX))
    if base == "otsu":
        parting, _ = cv2.threshold(
            value.astype(np.uint8), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU
        )
        value = value - np.float32(parting)
    return value


def _channel(colors: np.ndarray, channel: str) -> np.ndarray:
    """(height, width) float32, 0..255."""
    light: np.ndarray = colors.max(axis=2)
    grey: np.ndarray = np.maximum(255 - 2 * (light - colors.min(axis=2)), 0)
    values: dict[str, np.ndarray] = {
        "light": light,
        "dark": 255 - light,
        "grey": grey,
        "light grey": np.minimum(light, grey),
    }
    return values[channel]


def _spots(value: np.ndarray, limit: float) -> _Spots:
    import cv2

    mask = cv2.morphologyEx(
        (value > limit).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)
    )
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    x, y, wide, high, area = stats[1:].T.astype(np.float64)
    boxes, fills = np.stack([x, y, x + wide, y + high], axis=1), area / np.maximum(wide * high, 1)
    is_possible = (np.minimum(wide, high) >= MIN_SPOT_PX) & (np.maximum(wide, high) <= MAX_SPOT_PX)
    return _Spots(boxes=boxes[is_possible], fills=fills[is_possible])


def _chosen(spots: _Spots, rule: SpotRule) -> FoundBoxes:
    is_chosen = _is_chosen(spots, rule)
    boxes, fills = spots.boxes[is_chosen], spots.fills[is_chosen]
    order = np.argsort(-fills, kind="stable")
    return FoundBoxes(boxes=boxes[order], scores=fills[order])


def _is_chosen(spots: _Spots, rule: SpotRule) -> np.ndarray:
    wide, high = (spots.boxes[:, 2:] - spots.boxes[:, :2]).T
    shorter, longer = np.minimum(wide, high), np.maximum(wide, high)
    is_fit = (
        (shorter >= rule.min_side_px)
        & (longer <= rule.max_side_px)
        & (longer <= rule.max_aspect * shorter)
    )
    is_chosen: np.ndarray = is_fit & (spots.fills >= rule.min_fill)
    return is_chosen
