"""Label formats of recipe 2. START HERE: protocol.py; a new format is a module, a line below and one in FORMATS.

yolo.py    detection boxes, rotated boxes, polygons, head points; dataset.yaml
coco.py    COCO JSON with masks, head points and everything known about a thing
piles.py   one line of JSON per pile and picture
"""

import importlib
from collections.abc import Iterable

from engine.jobs.dataset.labels.writers.protocol import Writer

_HOMES = {
    "yolo": "yolo",
    "yolo-obb": "yolo",
    "yolo-seg": "yolo",
    "yolo-pose": "yolo",
    "coco": "coco",
    "piles": "piles",
}
"""Module of each format. It has `writer_of(name)`, and is imported on first use."""


def writers_of(names: Iterable[str]) -> tuple[Writer, ...]:
    """The writers of these formats, in this order."""
    return tuple(importlib.import_module(f"{__name__}.{_HOMES[name]}").writer_of(name) for name in names)
