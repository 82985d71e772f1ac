"""What a data set is like in numbers, beside the real pictures that it is to resemble."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

REAL_WIDTH_PX = 5280


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """None is what cannot be told: of piles without a picture, of boxes without a pile."""

    pictures: int
    piles: int
    piles_mean: float | None
    """A picture, as are the next two."""
    piles_min: int | None
    piles_max: int | None
    box_width_mean_px: float | None
    """Scaled to a picture 5280 px wide, as are the next three."""
    box_height_mean_px: float | None
    box_width_median_px: float | None
    box_height_median_px: float | None
    empty_share: float | None
    """Pictures without a pile, 0..1."""

    def lines(self) -> list[str]:
        """For a terminal: a heading, then a line a figure with the real one beside it."""
        rows = [
            ("", "these", "real"),
            ("pictures", str(self.pictures), ""),
            ("piles a picture", _figure(self.piles_mean), _figure(REAL.piles_mean)),
            ("fewest and most", _range(self), _range(REAL)),
            (f"mean box, px at {REAL_WIDTH_PX}", _box_mean(self), _box_mean(REAL)),
            (f"median box, px at {REAL_WIDTH_PX}", _box_median(self), ""),
            ("pictures without piles", "-" if self.empty_share is None else f"{self.empty_share:.1%}", ""),
        ]
        return [f"{name:<24} {these:>14} {real:>14}".rstrip() for name, these, real in rows]

    def as_json(self) -> dict[str, Any]:
        """Every field, and under `real` what is known of the real pictures."""
        return {**asdict(self), "real": {name: value for name, value in asdict(REAL).items() if value is not None}}


@dataclass(frozen=True, slots=True, kw_only=True)
class RealFigures:
    piles_mean: float = 322.7
    piles_min: int = 14
    piles_max: int = 768
    box_width_mean_px: float = 35.0
    box_height_mean_px: float = 38.0


REAL = RealFigures()  # of the real drone pictures, 5280 px wide (spec/dataset.md)


def measure(pictures: Iterable[np.ndarray], width: int) -> Statistics:
    """Of each picture's boxes, (k, 4) x0 y0 x1 y1 in px of pictures `width` px wide."""
    counts: list[int] = []
    sizes: list[np.ndarray] = []
    for boxes in pictures:
        counts.append(len(boxes))
        sizes.append(boxes[:, 2:] - boxes[:, :2])  # (k, 2)
    every = np.concatenate(sizes) * (REAL_WIDTH_PX / width) if sizes else np.zeros((0, 2))
    means: list[float | None] = every.mean(axis=0).tolist() if len(every) else [None, None]
    medians: list[float | None] = np.median(every, axis=0).tolist() if len(every) else [None, None]
    return Statistics(
        pictures=len(counts),
        piles=sum(counts),
        piles_mean=sum(counts) / len(counts) if counts else None,
        piles_min=min(counts, default=None),
        piles_max=max(counts, default=None),
        box_width_mean_px=means[0],
        box_height_mean_px=means[1],
        box_width_median_px=medians[0],
        box_height_median_px=medians[1],
        empty_share=counts.count(0) / len(counts) if counts else None,
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _range(of: Statistics | RealFigures) -> str:
    return "-" if of.piles_min is None else f"{of.piles_min}..{of.piles_max}"


def _box_mean(of: Statistics | RealFigures) -> str:
    return f"{_figure(of.box_width_mean_px)} x {_figure(of.box_height_mean_px)}"


def _box_median(of: Statistics) -> str:
    return f"{_figure(of.box_width_median_px)} x {_figure(of.box_height_median_px)}"
