"""YOLO's formats for Ultralytics: one text file per picture, one line per thing, coordinates in
parts of the picture.

yolo        class, centre x y, width, height
yolo-obb    class, four corners of a rotated box
yolo-seg    class, polygon of the border's pixels; holes are filled, parts connected by bridges a
            pixel wide
yolo-pose   class, centre x y, width, height, head x y, and 2 if the head is visible, 1 if hidden, 0
            0 0 without one

The rules are those of `verify_image_label` in ultralytics/data/utils.py: nothing outside 0..1, no
class beyond dataset.yaml's, equal columns but for polygons.
"""

import json
from collections.abc import Callable, Iterable

import numpy as np

from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.record import DatasetContents, LabelledThing, LabelSource, PictureRecord
from engine.dataset.labels.writers import LabelWriter
from engine.dataset.task import PictureTask
from engine.system.atomic_file import write_atomic

HEAD_VISIBLE = 2
HEAD_HIDDEN = 1
NO_HEAD = 0
YAML_1 = """\
# Foundation piles from above, rendered. Without `path` Ultralytics uses the folder of this file.
{subsets}names:
  0: pile
"""
WHOLE_1 = """\
train: images
# The same pictures, so that training runs as it is. Replace them with a folder of real pictures to validate.
val: images
"""  # noqa: E501


class YoloWriter(LabelWriter):
    def paths(self, task: PictureTask) -> tuple[str, ...]:
        return (task.path(task.labels.folder_of(self.name), ".txt"),)

    def files(self, source: LabelSource) -> dict[str, bytes]:
        (path,) = self.paths(source.task)
        lines = (
            _line(thing.class_id, LINES[self.name](thing, source.record))
            for thing in source.record.labelled
        )
        return {path: "".join(lines).encode("ascii")}

    def whole_names(self, options: LabelOptions, subsets: tuple[str, ...]) -> tuple[str, ...]:
        return (f"{options.folder_of(self.name).replace('labels', 'dataset')}.yaml",)

    def finish(self, contents: DatasetContents) -> tuple[str, ...]:
        folder = contents.options.folder_of(self.name)
        (path,) = self.whole_names(contents.options, contents.subsets)
        for subset in contents.subsets:  # Ultralytics stops at a folder that is missing
            (contents.folder / "images" / subset).mkdir(parents=True, exist_ok=True)
        write_atomic(
            contents.folder / path,
            dataset_yaml(contents, folder, has_heads=self.name == "yolo-pose"),
        )
        return (path,)


def _line(class_id: int, numbers: Iterable[float | int]) -> str:
    texts = (str(number) if isinstance(number, int) else f"{number:.6f}" for number in numbers)
    return f"{class_id} {' '.join(texts)}\n"


def _box(thing: LabelledThing, record: PictureRecord) -> list[float | int]:
    width, height = record.width_px, record.height_px
    x0, y0, x1, y1 = thing.box
    return [
        (x0 + x1) / (2 * width),
        (y0 + y1) / (2 * height),
        (x1 - x0) / width,
        (y1 - y0) / height,
    ]


def _outline(points: np.ndarray, record: PictureRecord) -> list[float | int]:
    return list((points / (record.width_px, record.height_px)).reshape(-1).tolist())


def _box_and_head(thing: LabelledThing, record: PictureRecord) -> list[float | int]:
    if thing.head_px is None:
        return [*_box(thing, record), 0.0, 0.0, NO_HEAD]
    x, y = thing.head_px
    seen = HEAD_VISIBLE if thing.is_head_visible else HEAD_HIDDEN
    return [*_box(thing, record), x / record.width_px, y / record.height_px, seen]


LINES: dict[str, Callable[[LabelledThing, PictureRecord], list[float | int]]] = {
    "yolo": _box,
    "yolo-obb": lambda thing, record: _outline(
        rotated_box(thing, record.width_px, record.height_px), record
    ),
    "yolo-seg": lambda thing, record: _outline(join_polygons(polygons_of(thing)), record),
    "yolo-pose": _box_and_head,
}


def dataset_yaml(contents: DatasetContents, folder: str, *, has_heads: bool) -> str:
    """The text of dataset.yaml. Without `path` Ultralytics uses the file's folder
    (`check_det_dataset`), so the dataset may be moved. `folder`: of the labels; it reads no other
    than `labels`. `has_heads`: labels have a keypoint."""
    subsets = contents.subsets
    listed = [f"{subset}: images/{subset}" for subset in subsets]
    if contents.recipe == 1:
        return YAML_1.format(subsets="".join(f"{line}\n" for line in listed) or WHOLE_1)
    lines = [
        "# Construction site from above, rendered. Without `path` Ultralytics uses the folder of "
        "this file."
    ]
    if folder != "labels":
        lines.append(
            f"# Ultralytics reads the folder labels only: to train with these, rename {folder} to "
            "labels."
        )
    if subsets:
        lines += listed
        lines += [
            f"{needed}:  # no scene; Ultralytics needs one"
            for needed in ("train", "val")
            if needed not in subsets
        ]
    else:
        lines += [
            "train: images",
            "# The same pictures, so that training runs as it is. Give --split, or validate with "
            "real pictures.",
            "val: images",
        ]
    lines.append("names:")
    lines += [
        f"  {number}: {json.dumps(name)}"
        for number, name in enumerate(contents.options.class_names)
    ]
    if has_heads:
        lines += [
            "# The middle of a pile's top: x, y, and 2 if visible, 1 if hidden.",
            "kpt_shape: [1, 3]",
            "flip_idx: [0]",
        ]
    return "\n".join(lines) + "\n"


# -- shapes of visible masks -----------------------------------------------------------------------


def polygons_of(thing: LabelledThing) -> list[np.ndarray]:
    """Outlines of the parts of a thing's mask, (n, 2) float64 px, largest first, without holes.
    Points are centres of border pixels, at least three, from which `cv2.fillPoly` (Ultralytics'
    `polygon2mask`) gets the mask exactly."""
    import cv2

    traced, _ = cv2.findContours(
        thing.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    polygons = [_at_least_a_triangle(line[:, 0] + 0.5) + np.array(thing.box[:2]) for line in traced]
    return sorted(polygons, key=lambda polygon: -cv2.contourArea(polygon.astype(np.float32)))


def _at_least_a_triangle(points: np.ndarray) -> np.ndarray:
    """The points, (n, 2); of a row or column of pixels a rectangle within them, since trainers drop
    empty boxes."""
    low, high = points.min(axis=0), points.max(axis=0)
    if (low == high).any():
        (x0, y0), (x1, y1) = low - 0.25, high + 0.25
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    return np.resize(points, (max(3, len(points)), 2))


def join_polygons(polygons: list[np.ndarray]) -> np.ndarray:
    """Merge polygons into one, with bridges between their nearest points."""
    whole, *others = polygons
    for other in others:
        gaps = ((whole[:, None] - other[None]) ** 2).sum(axis=2)  # (n, m)
        here, there = np.unravel_index(int(gaps.argmin()), gaps.shape)
        loop = np.roll(other, -int(there), axis=0)
        whole = np.concatenate([whole[: here + 1], loop, loop[:1], whole[here:]])
    return whole


def rotated_box(thing: LabelledThing, width_px: int, height_px: int) -> np.ndarray:
    """Corners of the smallest rotated box around a thing's visible pixels, in order, (4, 2) px.
    Where one would lie outside the picture, which trainers reject, those of the upright box."""
    import cv2

    rows, columns = np.nonzero(thing.mask)
    x0, y0, x1, y1 = thing.box
    pixels = np.stack([columns, rows], axis=1) + np.array([x0, y0])
    points = np.concatenate([pixels + corner for corner in ((0, 0), (1, 0), (0, 1), (1, 1))])
    corners = cv2.boxPoints(cv2.minAreaRect(points.astype(np.float32))).astype(np.float64)
    is_outside = (corners < -0.01).any() or (corners > np.array([width_px, height_px]) + 0.01).any()
    if is_outside:
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)
    return np.clip(corners, 0, (width_px, height_px))
