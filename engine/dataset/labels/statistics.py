"""Statistics of a dataset, next to those of the real pictures that it imitates."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

REAL_WIDTH_PX = 5280
REAL = {
    "piles_mean": 322.7,
    "piles_min": 14,
    "piles_max": 768,
    "box_width_mean_px": 35.0,
    "box_height_mean_px": 38.0,
}
"""Figures of drone pictures, 5280 px wide (spec/dataset.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Statistics of piles and boxes; a value is None if there is no data, such as box sizes without
    a pile."""

    pictures: int
    piles: int
    piles_mean: float | None  # per picture, like the next two
    piles_min: int | None
    piles_max: int | None
    box_width_mean_px: float | None  # scaled to a picture 5280 px wide, like the next three
    box_height_mean_px: float | None
    box_width_median_px: float | None
    box_height_median_px: float | None
    empty_share: float | None  # fraction of pictures without a pile, 0..1

    def lines(self) -> list[str]:
        """Lines for a terminal: a heading, then one figure per line with the real one next to
        it."""
        rows = [
            ("", "these", "real"),
            ("pictures", str(self.pictures), ""),
            ("piles per picture", _figure(self.piles_mean), "322.7"),
            (
                "fewest and most",
                "-" if self.piles_min is None else f"{self.piles_min}..{self.piles_max}",
                "14..768",
            ),
            (
                f"mean box, px at {REAL_WIDTH_PX}",
                _box(self.box_width_mean_px, self.box_height_mean_px),
                "35.0 x 38.0",
            ),
            (
                f"median box, px at {REAL_WIDTH_PX}",
                _box(self.box_width_median_px, self.box_height_median_px),
                "",
            ),
            (
                "pictures without piles",
                "-" if self.empty_share is None else f"{self.empty_share:.1%}",
                "",
            ),
        ]
        return [f"{name:<24} {these:>14} {real:>14}".rstrip() for name, these, real in rows]

    def as_json(self) -> dict[str, Any]:
        """Every field; the key `real` has the figures of the real pictures."""
        return {**asdict(self), "real": REAL}


def measure(pictures: Iterable[np.ndarray], width: int) -> Statistics:
    """Compute the statistics from each picture's boxes, (k, 4) x0 y0 x1 y1 in px of pictures
    `width` px wide.

    Boxes are whole px except for the rounding of a label's six decimals. One picture is in memory
    at a time."""
    counts: list[int] = []
    # of lengths in whole px
    widths = Counter[int]()
    heights = Counter[int]()
    for boxes in pictures:
        counts.append(len(boxes))
        sizes = np.rint(boxes[:, 2:] - boxes[:, :2]).astype(np.int64)  # (k, 2)
        widths.update(sizes[:, 0].tolist())
        heights.update(sizes[:, 1].tolist())
    seen = len(counts)
    piles = sum(counts)
    middles = [_mean_and_median(of, REAL_WIDTH_PX / width) for of in (widths, heights)]
    return Statistics(
        pictures=seen,
        piles=piles,
        piles_mean=piles / seen if seen else None,
        piles_min=min(counts, default=None),
        piles_max=max(counts, default=None),
        box_width_mean_px=middles[0][0],
        box_height_mean_px=middles[1][0],
        box_width_median_px=middles[0][1],
        box_height_median_px=middles[1][1],
        empty_share=counts.count(0) / seen if seen else None,
    )


def _mean_and_median(counted: Counter[int], scale: float) -> tuple[float | None, float | None]:
    """Exact mean and median of lengths, scaled; None without any."""
    if not counted:
        return None, None
    lengths, counts = np.array(sorted(counted.items())).T
    total = int(counts.sum())
    middles = np.searchsorted(np.cumsum(counts), [(total - 1) // 2, total // 2], side="right")
    return int(lengths @ counts) / total * scale, float(lengths[middles].mean()) * scale


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _box(width_px: float | None, height_px: float | None) -> str:
    return f"{_figure(width_px)} x {_figure(height_px)}"
