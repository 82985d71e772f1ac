"""A thing of a picture as JSON values, for the formats that tell everything."""

from typing import Any

from engine.jobs.dataset.labels.record import LabelledThing

METRE_PLACES = 4  # tenths of a millimetre
PIXEL_PLACES = 2
SHARE_PLACES = 4


def values_of(thing: LabelledThing) -> dict[str, Any]:
    """Number, kind, sizes, looks, place, and how much is visible.

    Rounded, so that the text is the same on every machine.
    """
    return {
        "number": thing.number,
        **thing.told,
        "place_m": [round(metres, METRE_PLACES) for metres in thing.place_m],
        "visible_share": round(thing.visible_share, SHARE_PLACES),
        "is_cut": thing.is_cut,
        "is_hidden": thing.is_hidden,
    }


def head_values(thing: LabelledThing) -> list[float] | None:
    """Column and row of the head, or None."""
    return None if thing.head_px is None else [round(value, PIXEL_PLACES) for value in thing.head_px]


def width_and_height(box: tuple[float, float, float, float]) -> list[float]:
    """x0 y0 x1 y1 as COCO's x y width height."""
    x0, y0, x1, y1 = box
    return [x0, y0, x1 - x0, y1 - y0]
