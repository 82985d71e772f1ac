"""Options of the labels of recipe 2: classes, slivers, and the formats to write."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from engine.dataset.options import MAX_SIDE_PX, check_ranges, option_name
from engine.dataset.scene.things import CATEGORIES
from engine.errors import UsageError
from engine.jobs.kit import option

Names = tuple[str, ...]
YOLO_FORMATS: Names = ("yolo", "yolo-obb", "yolo-seg", "yolo-pose")
# writers in labels/writers/
FORMATS: Names = (*YOLO_FORMATS, "coco", "piles", "webdataset", "masks", "depth")
# earlier versions wrote these, in folders so named
REMOVED_FORMATS = frozenset({"voc", "kitti", "hdf5", "normals"})
TILE_OPTIONS = ("overlap", "tile_min_area", "tile_quality")
MIN_TILE_PX = 64
RANGES = {
    "min_visible": (0, 1),
    "overlap": (0, 0.9),  # above it a picture gives a hundred times its own pixels
    "tile_min_area": (0, 1),
    "tiles": (MIN_TILE_PX, MAX_SIDE_PX),
    "tile_quality": (1, 100),
}


def removed_format_line(option: str, instead: str = "--write coco,masks,depth") -> str:
    """Error line for a format that was removed. `instead`: the option that writes what can be
    converted."""
    how = (
        "and convert these with supervision or datumaro: docs/how-to/dataset-labels.md, Other "
        "formats"
    )
    return f"{option}: is no longer written; {instead}, {how}"


def parse_names(text: str) -> Names:
    """`pile,bag` -> ("pile", "bag")."""
    return tuple(name.strip() for name in text.split(","))


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelOptions:
    classes: Names | None = option(
        None,
        "Classes to label, in the order of their YOLO numbers. (default: pile)",
        metavar="NAME,NAME",
        parse=parse_names,
    )
    min_visible: float = option(
        0.2,
        "Things of which a smaller share is visible get no label; in COCO iscrowd 1.",
        metavar="0..1",
    )
    write: Names | None = option(
        None,
        f"Label formats: {', '.join(FORMATS)}. The first of YOLO's is written into labels. "
        "(default: yolo)",
        metavar="NAME,NAME",
        parse=parse_names,
    )
    tiles: int | None = option(
        None,
        "Write each picture in square tiles, too, as a dataset of its own in tiles/.",
        metavar="PX",
    )
    overlap: float = option(0.2, "Share of a tile that the next one shows again.", metavar="0..0.9")
    tile_min_area: float = option(
        0.3,
        "A thing keeps its label in a tile with this share of its visible area.",
        metavar="0..1",
    )
    tile_quality: int | None = option(
        None, "JPEG quality of the tiles. (default: PNG)", metavar="1..100"
    )

    def check(self, own: Iterable[str] = ()) -> None:
        """Raise UsageError for an unknown or repeated name or a fraction outside 0..1. `own`:
        classes of own models."""
        _check_names("--classes", self.class_names, dict.fromkeys((*CATEGORIES, *own)))
        for name in self.formats:
            if name in REMOVED_FORMATS:
                raise UsageError(removed_format_line(f"--write {name}"))
        _check_names("--write", self.formats, FORMATS)
        check_ranges(self, RANGES)
        for name in TILE_OPTIONS:
            if self.tiles is None and getattr(self, name) != getattr(LabelOptions(), name):
                raise UsageError(
                    f"{option_name(name)}: has no effect without --tiles, such as --tiles 640"
                )

    @property
    def class_names(self) -> Names:
        return ("pile",) if self.classes is None else self.classes

    @property
    def formats(self) -> Names:
        """Formats of the pictures; those of the tiles are the same."""
        return ("yolo",) if self.write is None else self.write

    @property
    def written(self) -> Names:
        """The formats, and `tiles` if tiles are written."""
        return (*self.formats, *(("tiles",) if self.tiles is not None else ()))

    @property
    def main_format(self) -> str:
        """The format of the files in labels/; "" if none of YOLO's is written."""
        return next((name for name in self.formats if name in YOLO_FORMATS), "")

    @property
    def key(self) -> dict[str, Any]:
        """The part of a picture's fingerprint: all that changes a label file's content. A run may
        add formats."""
        key: dict[str, Any] = {"classes": list(self.class_names), "min_visible": self.min_visible}
        if self.tiles is not None:
            key |= {"tiles": self.tiles} | {name: getattr(self, name) for name in TILE_OPTIONS}
        return key | {"write": self.main_format}

    def folder_of(self, name: str) -> str:
        """Folder of a YOLO format: `labels` for the first, because Ultralytics reads only that."""
        if name == self.main_format:
            return "labels"
        return "labels-detect" if name == "yolo" else name.replace("yolo", "labels")


def _check_names(option: str, names: Names, allowed: Iterable[str]) -> None:
    allowed = tuple(allowed)
    for index, name in enumerate(names):
        if name not in allowed:
            raise UsageError(f"{option} {name!r}: is not one of {', '.join(allowed)}")
        if name in names[:index]:
            raise UsageError(f"{option}: {name} is named twice")
