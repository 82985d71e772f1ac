"""Label formats. START HERE: LabelWriter; a new format is a module, a line of _HOMES and one in
FORMATS.

yolo.py        detection boxes, rotated boxes, polygons, head points; dataset.yaml
coco.py        COCO JSON with masks, head points and all facts about a thing
piles.py       one line of JSON per pile and picture
pixels.py      instances, classes and depth as PNG
webdataset.py  tar shards, made from the files of finished pictures
tiles.py       every picture again in tiles, a dataset of its own
"""

from collections.abc import Iterable
from pkgutil import resolve_name

from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.record import DatasetContents, LabelSource
from engine.dataset.task import PictureTask

_HOMES = {
    **dict.fromkeys(("yolo", "yolo-obb", "yolo-seg", "yolo-pose"), "yolo.YoloWriter"),
    **dict.fromkeys(("masks", "depth"), "pixels.PixelWriter"),
    "coco": "coco.CocoWriter",
    "piles": "piles.PilesWriter",
    "webdataset": "webdataset.ShardWriter",
    "tiles": "tiles.TileWriter",
}
"""Module and class of each format, imported on first use, and made with the format's name."""


class LabelWriter:
    """Interface of a label format, without state. `paths` and `files` are called in the process
    that draws, `paths` also while a run is planned; `finish` in the process of the run."""

    def __init__(self, name: str) -> None:
        self.name = name  # as in --write

    def check(self) -> None:
        """Raise UsageError, with the command that installs it, if a package is missing."""

    def paths(self, task: PictureTask) -> tuple[str, ...]:
        """Paths in the dataset of the files that `files` makes, known before the picture is
        drawn."""
        raise NotImplementedError

    def files(self, source: LabelSource) -> dict[str, bytes]:
        """Contents by path, exactly those of `paths`. The same picture gives the same bytes."""
        raise NotImplementedError

    def whole_names(self, options: LabelOptions, subsets: tuple[str, ...]) -> tuple[str, ...]:
        """Paths of the files that `finish` always makes with these options and parts of the split
        (() for none)."""
        raise NotImplementedError

    def finish(self, contents: DatasetContents) -> tuple[str, ...]:
        """Write the files about the whole dataset, each replaced at once and right for the finished
        pictures (perhaps none); returns their paths. Called before, during and after a run. Raises
        OSError, SourceError."""
        raise NotImplementedError


def writers_of(names: Iterable[str]) -> tuple[LabelWriter, ...]:
    """The writers of these formats, in this order."""
    return tuple(resolve_name(f"{__name__}.{_HOMES[name]}")(name) for name in names)
