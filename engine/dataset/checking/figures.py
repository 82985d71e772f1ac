"""Statistics of a dataset by picture or box, distances between two datasets, and options that
reduce these."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.dataset.checking.pictures import PictureFacts
from engine.dataset.labels.reading import ReadLabels
from engine.dataset.layout.cameras import ALTITUDE_M, ALTITUDES_M
from engine.dataset.layout.field import MAX_PILES
from engine.dataset.sensor.effects import EFFECTS

GRID_SIZE = 8  # the heatmap of boxes has 8 x 8 cells
QUANTILES = np.linspace(0.005, 0.995, 199)
NOTABLE_DISTANCE = (
    0.25  # a distance of a quarter of the real pictures' own spread is worth an option
)
MAX_SIZE_RATIO = 1.25  # of the sides of two pictures that may be windows of the same size
EXPOSURE = EFFECTS["exposure"]
FIGURES = {
    "boxes a picture": "number",
    "box width": "px",
    "box height": "px",
    "box share": "square root of the box's share of the picture's area",
    "brightness": "0..1",
    "contrast": "0..1",
    "hue": "degrees",
    "saturation": "0..1",
    "sharpness": "relative",
}
"""Names of the figures and their units."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FolderFigures:
    """Statistics of a folder, as arrays of one value per picture or per box."""

    sizes_px: dict[str, int]  # number of pictures by their size, `5280x3956`
    classes: dict[str, int]  # number of boxes by class
    values: dict[str, np.ndarray]  # by name, the keys of FIGURES
    # pictures without labels, which may show anything: they are not in the numbers of boxes
    unlabelled: int
    # (8, 8) fraction of the boxes with their centre in the cell, row 0 at the top
    heatmap: np.ndarray


def figures_of(facts: Sequence[PictureFacts], labels: Sequence[ReadLabels | None]) -> FolderFigures:
    """Compute the statistics of a folder. `labels`: per picture; None for one without."""
    sizes = Counter(f"{each.width_px}x{each.height_px}" for each in facts)
    classes = Counter(
        name for labelled in labels if labelled is not None for name in labelled.names
    )
    relative_sizes = []
    heatmap = np.zeros((GRID_SIZE, GRID_SIZE))
    boxes = []
    for each, labelled in zip(facts, labels, strict=True):
        if labelled is None:
            continue
        own = labelled.boxes
        boxes.append(own)
        extents = own[:, 2:] - own[:, :2]
        relative_sizes.append(
            np.sqrt(np.clip(extents.prod(axis=1), 0, None) / (each.width_px * each.height_px))
        )
        middles = (own[:, :2] + own[:, 2:]) / 2 / (each.width_px, each.height_px)
        cells = np.clip(middles * GRID_SIZE, 0, GRID_SIZE - 1).astype(int)
        np.add.at(heatmap, (cells[:, 1], cells[:, 0]), 1)
    every = np.concatenate([np.zeros((0, 4)), *boxes])
    values = {
        "boxes a picture": np.array([len(own) for own in boxes], np.float64),
        "box width": every[:, 2] - every[:, 0],
        "box height": every[:, 3] - every[:, 1],
        "box share": np.concatenate([np.zeros(0), *relative_sizes]),
    }
    for name in ("brightness", "contrast", "hue_deg", "saturation", "sharpness"):
        values[name.removesuffix("_deg")] = np.array([each.look[name] for each in facts])
    total = heatmap.sum()
    return FolderFigures(
        sizes_px=sizes,
        classes=classes,
        values=values,
        unlabelled=len(facts) - len(boxes),
        heatmap=heatmap / total if total else heatmap,
    )


def spread(values: np.ndarray) -> dict[str, float] | None:
    """Mean and quantiles; None without values."""
    if not len(values):
        return None
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95]).tolist()
    return {"mean": float(values.mean()), "p5": low, "median": middle, "p95": high}


# -- two datasets ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureDistance:
    figure: str
    own: dict[str, float] | None  # mean and quantiles (5, 50, 95 %)
    real: dict[str, float] | None
    # 1-D Wasserstein distance, by the real values' range from 5 to 95 %; None without values
    distance: float | None
    # 1 - the Kolmogorov-Smirnov statistic: 1 for equal distributions, 0 if they do not touch
    overlap: float | None


def compare(own: FolderFigures, real: FolderFigures) -> list[FigureDistance]:
    return [_distance(name, own.values[name], real.values[name]) for name in own.values]


def proposals(own: FolderFigures, real: FolderFigures, options: dict[str, Any]) -> list[str]:
    """Sentences that propose options to change. `options`: those of the manifest; {} if there is
    none."""
    lines = []
    far = {
        each.figure
        for each in compare(own, real)
        if each.distance is not None and each.distance > NOTABLE_DISTANCE
    }
    is_window = options.get("view") is not None and not 1 / MAX_SIZE_RATIO < _side_px(
        real
    ) / _side_px(own) < (MAX_SIZE_RATIO)
    if is_window:
        sizes = [max(each.sizes_px, key=lambda size: each.sizes_px[size]) for each in (own, real)]
        lines.append(
            f"pictures are {sizes[0]} px here and {sizes[1]} there, so sizes of boxes are "
            "compared in px: train with "
            "the real ones cut to windows, or draw without --view"
        )
    size = "box width" if is_window else "box share"
    if size in far:
        lines.append(_propose_altitude(own.values[size], real.values[size], options))
    counts, real_counts = (each.values["boxes a picture"] for each in (own, real))
    if "boxes a picture" in far:
        lines.append(
            _propose_piles(real_counts, options, _side_px(real) ** 2 if is_window else None)
        )
    if real.unlabelled:
        everything = sum(real.sizes_px.values())
        lines.append(
            f"{real.unlabelled} of {everything} real pictures have no labels, and tell nothing "
            "about boxes"
        )
    elif (
        not is_window
        and len(counts)
        and abs((counts == 0).mean() - (real_counts == 0).mean()) > 0.05
    ):
        empty = float((counts == 0).mean())
        real_empty = float((real_counts == 0).mean())
        lines.append(
            f"{real_empty:.0%} of the real pictures show no pile, here {empty:.0%}: --empty-share "
            f"{real_empty:.2g}"
        )
    if "brightness" in far:
        lines.append(_propose_exposure(own.values["brightness"], real.values["brightness"]))
    if "hue" in far or "saturation" in far:
        lines.append(
            "the ground of the real pictures has other colours: choose looks of the ground that "
            "are like it"
        )
    if "sharpness" in far:
        softer = np.median(real.values["sharpness"]) < np.median(own.values["sharpness"])
        lines.append(
            f"real pictures are {'softer: more blur' if softer else 'sharper: less blur'} in "
            "--camera-effects"
        )
    return lines


def _distance(name: str, own: np.ndarray, real: np.ndarray) -> FigureDistance:
    distance = overlap = None
    if len(own) and len(real):
        if name == "hue":  # turned so that the circle is cut opposite to the real mean
            middle = float(np.degrees(np.angle(np.exp(1j * np.radians(real)).mean())))
            own, real = ((each - middle + 180) % 360 + middle - 180 for each in (own, real))
        low, high = np.quantile(real, [0.05, 0.95])
        scale = max(float(high - low), 0.1 * abs(float(np.median(real))), 1e-9)
        # The 1-D Wasserstein distance, and 1 - the Kolmogorov-Smirnov statistic.
        distance = (
            float(np.abs(np.quantile(own, QUANTILES) - np.quantile(real, QUANTILES)).mean()) / scale
        )
        points = np.concatenate([own, real])
        below = [
            np.searchsorted(np.sort(each), points, side="right") / len(each) for each in (own, real)
        ]
        overlap = 1 - float(np.abs(below[0] - below[1]).max())
    return FigureDistance(
        figure=name, own=spread(own), real=spread(real), distance=distance, overlap=overlap
    )


def _propose_altitude(own: np.ndarray, real: np.ndarray, options: dict[str, Any]) -> str:
    """Propose altitudes at which boxes would have the real sizes: a box shrinks with the
    altitude."""
    altitude = options.get("altitude")
    low, high = ALTITUDE_M if altitude is None else (float(altitude[0]), float(altitude[1]))
    largest, smallest = (np.quantile(own, q) / np.quantile(real, q) for q in (0.9, 0.1))
    span = sorted(float(np.clip(end, *ALTITUDES_M)) for end in (low * largest, high * smallest))
    ratio = float(np.median(real) / np.median(own))
    comparison = f"{ratio:.1f} times larger" if ratio > 1 else f"{1 / ratio:.1f} times smaller"
    return f"boxes are {comparison} in the real pictures: --altitude {span[0]:.0f}..{span[1]:.0f}"


def _side_px(figures: FolderFigures) -> float:
    """Side of a square of the pictures' median area."""
    sizes = [(size.split("x"), count) for size, count in figures.sizes_px.items()]
    areas = np.repeat(
        [int(width) * int(height) for (width, height), _ in sizes], [count for _, count in sizes]
    )
    return float(np.sqrt(np.median(areas)))


def _propose_piles(real: np.ndarray, options: dict[str, Any], real_px: float | None) -> str:
    """Propose numbers of piles with which pictures would have the real numbers of boxes. `real_px`:
    area of the real pictures, if our windows show a part of them."""
    low, high = np.quantile(real, [0.02, 0.98]).tolist()
    text = f"real pictures have {low:.0f} to {high:.0f} boxes"
    view = options.get("view")
    scale = 1.0
    if real_px is not None:
        scale = options["width"] * options["height"] / real_px
    elif view is not None:
        scale = options["width"] * options["height"] / (view[0] * view[1])
        text += f", and --view {view[0]}x{view[1]} shows one in {scale:.3g} piles of the sensor"
    first, last = (min(round(end * scale), MAX_PILES) for end in (low, high))
    return f"{text}: --piles {first}..{last}"


def _propose_exposure(own: np.ndarray, real: np.ndarray) -> str:
    """Propose an exposure range: stops by which the darkest and the brightest tenth of the pictures
    differ."""
    # linear light, nearly, of sRGB values
    own, real = (np.maximum(each, 1e-3) ** 2.2 for each in (own, real))
    low, middle, high = (
        np.log2(np.quantile(real, q) / np.quantile(own, q)) for q in (0.1, 0.5, 0.9)
    )
    span = sorted(float(np.clip(end, EXPOSURE.low, EXPOSURE.high)) for end in (low, high))
    comparison = "brighter" if middle > 0 else "darker"
    effect = f"exposure={span[0]:.1f}..{span[1]:.1f}"
    return f"real pictures are {abs(middle):.1f} stops {comparison}: --camera-effects mild,{effect}"
