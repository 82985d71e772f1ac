"""Label formats. START HERE: protocol.py; a new format is a module, a line below and one in FORMATS.

yolo.py        detection boxes, rotated boxes, polygons, head points; dataset.yaml
coco.py        COCO JSON with masks, head points and everything known about a thing
piles.py       one line of JSON per pile and picture
pixels.py      instances, classes and depth as PNG
webdataset.py  tar shards, made from the files of finished pictures
tiles.py       every picture again in tiles, a dataset of its own
"""

import importlib
from collections.abc import Iterable

from engine.dataset.labels.writers.protocol import LabelWriter

_HOMES = {
    **dict.fromkeys(("yolo", "yolo-obb", "yolo-seg", "yolo-pose"), "yolo"),
    **dict.fromkeys(("masks", "depth"), "pixels"),
    **{name: name for name in ("coco", "piles", "webdataset", "tiles")},
}
"""Module of each format, imported on first use; its `Writer` is made with the format's name."""


def writers_of(names: Iterable[str]) -> tuple[LabelWriter, ...]:
    """The writers of these formats, in this order."""
    return tuple(importlib.import_module(f"{__name__}.{_HOMES[name]}").Writer(name) for name in names)
