"""Records of pictures with a known answer."""

from typing import Any

import numpy as np

from engine.dataset.labels.record import LabelledThing, PictureRecord
from engine.dataset.scene.camera import SiteCamera

CLASSES = ("pile", "bag")
WIDTH_PX, HEIGHT_PX = 120, 90
CAMERA = SiteCamera(width_px=WIDTH_PX, height_px=HEIGHT_PX, height_m=30.0, field_of_view_deg=60.0)


def thing(number: int, x0: int, y0: int, mask: np.ndarray, **values: Any) -> LabelledThing:
    """A pile whose visible pixels are `mask`, with its corner at x0, y0."""
    height, width = mask.shape
    box = (x0, y0, x0 + width, y0 + height)
    known: dict[str, Any] = {
        "number": number,
        "category": "pile",
        "position_m": (0.0, 0.0, 0.0),
        "class_id": 0,
        "head_px": (x0 + width / 2, y0 + height / 2),
        "is_head_visible": True,
        "box": box,
        "whole_box": box,
        "area_px": int(mask.sum()),
        "visible_share": 1.0,
        "is_cut": False,
        "is_hidden": False,
        "mask": mask,
    }
    return LabelledThing(**known | values)


def disc(side_px: int) -> np.ndarray:
    row, column = np.mgrid[:side_px, :side_px] + 0.5 - side_px / 2
    return np.hypot(row, column) <= side_px / 2


def record(
    *things: LabelledThing, file_name: str = "images/000007.png", camera: SiteCamera = CAMERA
) -> PictureRecord:
    return PictureRecord(
        file_name=file_name,
        width_px=camera.width_px,
        height_px=camera.height_px,
        camera={"focal_px": camera.focal_px, "principal_px": list(camera.center_px)},
        classes=CLASSES,
        things=things,
    )


def site() -> PictureRecord:
    """A whole pile, one of which a bag hides 60 %, one that the left edge cuts in half, a bag.

    A car and a sliver of a pile are not labelled.
    """
    return record(
        thing(1, 50, 40, disc(12)),
        thing(
            2,
            80,
            20,
            disc(10)[:, :4],
            whole_box=(80, 20, 90, 30),
            visible_share=0.4,
            is_hidden=True,
        ),
        thing(
            3,
            0,
            60,
            np.ones((10, 5), bool),
            whole_box=(-5, 60, 5, 70),
            visible_share=0.5,
            is_cut=True,
            head_px=None,
        ),
        thing(5, 10, 5, disc(8), category="car", class_id=-1, head_px=None),
        thing(6, 30, 70, disc(3), is_crowd=True, visible_share=0.1, is_hidden=True),
        thing(9, 84, 18, np.ones((14, 20), bool), category="bag", class_id=1, head_px=None),
    )
