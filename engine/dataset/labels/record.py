"""The record of a picture: all facts about its labelled things (in recipe 1 box and mask), for all
label formats."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.dataset.labels.options import LabelOptions
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.task import PictureTask

Box = tuple[float, float, float, float]  # x0 y0 x1 y1 in px of the picture; x1 and y1 are exclusive


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledThing:
    number: int  # its value in the instance picture; the same in all views of a scene
    category: str  # the class: `pile`, `bag`, `machine`, ..
    class_id: int = -1  # index of the category in the classes to label; -1: it is not labelled
    is_crowd: bool = (
        False  # True if its class is labelled, but too little of it is visible (--min-visible)
    )
    # foot: east, north and height in metres
    position_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    # kind, sizes, looks: rounded JSON values
    attributes: dict[str, str | float] = field(default_factory=dict)
    head_px: tuple[float, float] | None = None
    """Middle of its top in the picture, also if hidden; None outside the picture and for things
    without a head."""
    is_head_visible: bool = False
    box: Box  # bounds of the visible pixels; whole numbers
    whole_box: (
        Box  # bounds of the whole thing with hidden parts (amodal); may extend beyond the picture
    )
    area_px: int  # visible pixels
    visible_share: float = (
        1.0  # visible fraction of its outline, above 0; 1 if nothing hides or cuts it
    )
    is_cut: bool = False  # True if the picture's edge cuts it
    is_hidden: bool = False  # True if something occludes a part of it
    mask: np.ndarray  # (y1 - y0, x1 - x0) bool: the visible pixels within `box`

    @property
    def values(self) -> dict[str, Any]:
        """Number, kind, sizes, looks, position, visibility as JSON values, rounded so that all
        machines agree."""
        return {
            "number": self.number,
            **self.attributes,
            "place_m": [round(metres, 4) for metres in self.position_m],
            "visible_share": round(self.visible_share, 4),
            "is_cut": self.is_cut,
            "is_hidden": self.is_hidden,
        }

    @property
    def head_values(self) -> list[float] | None:
        """Column and row of the head in hundredths of a pixel, or None."""
        return None if self.head_px is None else [round(value, 2) for value in self.head_px]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureRecord:
    file_name: str  # path of the picture in the folder, with `/`
    width_px: int
    height_px: int
    camera: dict[str, Any]
    """Intrinsics and extrinsics of camera_values (scene/camera.py), and `lens`, its distortion or
    None; JSON values."""
    classes: tuple[str, ...]  # categories to label, by class_id
    things: tuple[LabelledThing, ...]  # ascending by number

    @property
    def classed(self) -> tuple[LabelledThing, ...]:
        """Things of the classes to label, with those of which too little is visible."""
        return tuple(thing for thing in self.things if thing.class_id >= 0)

    @property
    def labelled(self) -> tuple[LabelledThing, ...]:
        """Things of the classes to label of which enough is visible."""
        return tuple(thing for thing in self.classed if not thing.is_crowd)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelSource:
    task: PictureTask
    camera: SiteCamera
    record: PictureRecord  # all things that can be seen; `record.labelled` are those to label
    colors: np.ndarray  # (height, width, 3) uint8
    depth_m: np.ndarray  # (height, width) float32
    content: bytes | None = (
        None  # the picture's file if it is a JPEG, which does not hold quite these colours
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedPicture:
    """A picture that is complete in the dataset's folder."""

    index: int
    paths: tuple[str, ...]  # all its files, as in the manifest; the picture is the last

    @property
    def subset(self) -> str:
        """`train`, `val`, `test`, or "" without a split."""
        return "/".join(self.paths[-1].split("/")[1:-1])

    def paths_in(self, folder: str) -> list[str]:
        return [path for path in self.paths if path.startswith(f"{folder}/")]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetContents:
    """The finished pictures of a folder, at any moment of a run."""

    folder: Path
    recipe: int = 2
    options: LabelOptions
    # names of the split's parts, also of those that have no picture yet; () without a split
    subsets: tuple[str, ...]
    pictures: Sequence[FinishedPicture]  # ascending by index
