"""Label formats. START HERE: protocol.py; a new format is a module, a line below and one in FORMATS.

yolo.py        detection boxes, rotated boxes, polygons, head points; dataset.yaml
coco.py        COCO JSON with masks, head points and everything known about a thing
piles.py       one line of JSON per pile and picture
pixels.py      instances, classes and depth as PNG
webdataset.py  tar shards, made from the files of finished pictures
tiles.py       every picture again in tiles, a dataset of its own
"""

from collections.abc import Iterable
from pkgutil import resolve_name

from engine.dataset.labels.writers.protocol import LabelWriter

_HOMES = {
    **dict.fromkeys(("yolo", "yolo-obb", "yolo-seg", "yolo-pose"), "yolo.YoloWriter"),
    **dict.fromkeys(("masks", "depth"), "pixels.PixelWriter"),
    "coco": "coco.CocoWriter",
    "piles": "piles.PilesWriter",
    "webdataset": "webdataset.ShardWriter",
    "tiles": "tiles.TileWriter",
}
"""Module and class of each format, imported on first use, and made with the format's name."""


def writers_of(names: Iterable[str]) -> tuple[LabelWriter, ...]:
    """The writers of these formats, in this order."""
    return tuple(resolve_name(f"{__name__}.{_HOMES[name]}")(name) for name in names)
