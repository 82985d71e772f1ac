"""Figures of a dataset: one value per picture or per box, and their distribution."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.jobs.dataset.checking.pictures import PictureFacts
from engine.jobs.dataset.labels.reading import ReadLabels

PLACES = 8  # the picture is divided into 8 x 8 places


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FolderFigures:
    """Arrays of one value per picture or per box."""

    sizes_px: dict[str, int]
    """Number of pictures by their size, `5280x3956`."""
    classes: dict[str, int]
    """Number of boxes by class."""
    values: dict[str, np.ndarray]
    """By name, the keys of FIGURES."""
    unlabelled: int
    """Pictures without labels, which may show anything: they are not in the numbers of boxes."""
    places: np.ndarray
    """(8, 8) share of the boxes whose middle lies there, row 0 at the top."""


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


def figures_of(facts: Sequence[PictureFacts], labels: Sequence[ReadLabels | None]) -> FolderFigures:
    """The figures of a folder. `labels`: per picture; None for one without."""
    sizes: dict[str, int] = {}
    classes: dict[str, int] = {}
    shares = []
    places = np.zeros((PLACES, PLACES))
    boxes = []
    for each, labelled in zip(facts, labels, strict=True):
        size = f"{each.width_px}x{each.height_px}"
        sizes[size] = sizes.get(size, 0) + 1
        if labelled is None:
            continue
        for name in labelled.names:
            classes[name] = classes.get(name, 0) + 1
        own = labelled.boxes
        boxes.append(own)
        extents = own[:, 2:] - own[:, :2]
        shares.append(np.sqrt(np.clip(extents.prod(axis=1), 0, None) / (each.width_px * each.height_px)))
        middles = (own[:, :2] + own[:, 2:]) / 2 / (each.width_px, each.height_px)
        cells = np.clip((middles * PLACES).astype(int), 0, PLACES - 1)
        np.add.at(places, (cells[:, 1], cells[:, 0]), 1)
    every = np.concatenate([np.zeros((0, 4)), *boxes])
    values = {
        "boxes a picture": np.array([len(own) for own in boxes], np.float64),
        "box width": every[:, 2] - every[:, 0],
        "box height": every[:, 3] - every[:, 1],
        "box share": np.concatenate([np.zeros(0), *shares]),
        "brightness": np.array([each.look.brightness for each in facts]),
        "contrast": np.array([each.look.contrast for each in facts]),
        "hue": np.array([each.look.hue_deg for each in facts]),
        "saturation": np.array([each.look.saturation for each in facts]),
        "sharpness": np.array([each.look.sharpness for each in facts]),
    }
    total = places.sum()
    return FolderFigures(
        sizes_px=sizes,
        classes=classes,
        values=values,
        unlabelled=len(facts) - len(boxes),
        places=places / total if total else places,
    )


def spread(values: np.ndarray) -> dict[str, float] | None:
    """Mean and quantiles; None without values."""
    if not len(values):
        return None
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95]).tolist()
    return {"mean": float(values.mean()), "p5": low, "median": middle, "p95": high}
