"""COCO JSON: masks, boxes, and in recipe 2 heads as keypoints, and further fields with what the
scene knows.

Each picture has a part, annotations/000000.json; coco_annotations.json is merged from them, or with
a split one per subset. Things of which too little is visible have iscrowd 1, so that an evaluation
ignores what is found there. A box is x y width height in px, an area visible pixels; a keypoint x y
v, v 2 if visible, 1 if hidden, 0 without. (0, 0) is the top left corner of the picture. pycocotools
needs `COCOeval.params.kpt_oks_sigmas` of one number.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import msgspec
import numpy as np

from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.record import (
    Box,
    DatasetContents,
    FinishedPicture,
    LabelledThing,
    LabelSource,
)
from engine.dataset.labels.writers import LabelWriter
from engine.dataset.replacing import open_replacement
from engine.dataset.task import PictureTask
from engine.errors import SourceError, UsageError
from engine.system.installing import install_line
from engine.system.small_file import read_small

PARTS = "annotations"
MAX_PART_BYTES = 256 << 20
CATEGORIES_1 = ({"id": 1, "name": "pile", "supercategory": "foundation"},)  # those of recipe 1


class CocoPart(msgspec.Struct, frozen=True):
    image: dict[str, Any]
    annotations: list[dict[str, Any]]  # without ids


class CocoWriter(LabelWriter):
    def check(self) -> None:
        require_pycocotools()

    def paths(self, task: PictureTask) -> tuple[str, ...]:
        return (task.path(PARTS, ".json"),)

    def files(self, source: LabelSource) -> dict[str, bytes]:
        (path,) = self.paths(source.task)
        return {path: json.dumps(coco_part(source)).encode("ascii")}

    def whole_names(self, options: LabelOptions, subsets: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"coco_annotations_{subset}.json" for subset in subsets) or (
            "coco_annotations.json",
        )

    def finish(self, contents: DatasetContents) -> tuple[str, ...]:
        names = self.whole_names(contents.options, contents.subsets)
        categories = (
            CATEGORIES_1 if contents.recipe == 1 else categories_of(contents.options.class_names)
        )
        for subset, name in zip(contents.subsets or ("",), names, strict=True):
            pictures = (picture for picture in contents.pictures if picture.subset == subset)
            with open_replacement(contents.folder / name) as file:
                write_coco(_parts(contents.folder, pictures), file, categories)
        return names


def require_pycocotools() -> Any:
    """Import `pycocotools.mask`; UsageError says how to install it."""
    try:
        from pycocotools import mask
    except ImportError as error:
        raise UsageError(
            f"--save-coco needs pycocotools; get it with: {install_line('[dataset]')}"
        ) from error
    return mask


def coco_part(source: LabelSource) -> dict[str, Any]:
    """The `image` and `annotations` of one picture, as JSON values."""
    record = source.record
    task = source.task
    things = record.classed
    size = [record.height_px, record.width_px]
    runs = [{"size": size, "counts": _counts(thing, *size)} for thing in things]
    codes = require_pycocotools().frPyObjects(runs, *size) if runs else []
    image: dict[str, Any] = {"id": task.index, "width": record.width_px, "height": record.height_px}
    if task.recipe_2 is None:
        image["file_name"] = f"{task.name}.png"
    else:
        image |= {
            "file_name": record.file_name.removeprefix("images/"),
            "subset": task.subset,
            "scene_number": task.scene_number,
            "view": task.view,
            "camera": record.camera,
        }
    annotations = []
    for thing, code in zip(things, codes, strict=True):
        annotation = {
            "image_id": task.index,
            "category_id": thing.class_id + 1,
            "segmentation": {"size": size, "counts": code["counts"].decode("ascii")},
            "area": thing.area_px,
            "bbox": _width_and_height(thing.box),
            "iscrowd": int(thing.is_crowd),
        }
        annotations.append(
            annotation if task.recipe_2 is None else annotation | _further_values(thing)
        )
    return {"image": image, "annotations": annotations}


def categories_of(classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Categories of recipe 2; that of piles has a keypoint."""
    head = {"keypoints": ["head"], "skeleton": []}
    return [
        {"id": number, "name": name, "supercategory": "site"} | (head if name == "pile" else {})
        for number, name in enumerate(classes, 1)
    ]


def write_coco(
    parts: Iterable[CocoPart], file: TextIO, categories: Sequence[dict[str, Any]]
) -> None:
    """Write the parts as one JSON file, one annotation per line; ValueError unless they ascend by
    index. Ids count from 1: 0 means "no match" to pycocotools, and detectors reserve category 0.
    One part is in memory at a time."""
    images: list[dict[str, Any]] = []
    written = 0
    file.write(
        '{"info": {"description": "Foundation piles from above, rendered"},\n"annotations": ['
    )
    for part in parts:
        if images and part.image["id"] <= images[-1]["id"]:
            raise ValueError(f"picture {part.image['id']} after picture {images[-1]['id']}")
        images.append(part.image)
        for annotation in part.annotations:
            file.write(",\n" if written else "\n")
            written += 1
            json.dump({"id": written, **annotation}, file)
    file.write('\n],\n"images": [\n')
    file.write(",\n".join(map(json.dumps, images)))
    file.write(f'\n],\n"categories": {json.dumps(list(categories))}}}\n')


def _parts(folder: Path, pictures: Iterable[FinishedPicture]) -> Iterator[CocoPart]:
    """The parts of these pictures; a picture made without COCO has none. SourceError, with the
    file, for one that cannot be read, is damaged or another picture's."""
    for picture, path in (
        (each, folder / name) for each in pictures for name in each.paths_in(PARTS)
    ):
        try:
            part = msgspec.json.decode(read_small(path, max_bytes=MAX_PART_BYTES), type=CocoPart)
        except OSError as error:
            raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError):  # msgspec raises ValueError
            part = None
        if part is None or part.image.get("id") != picture.index:
            raise SourceError(f"{path}: is not the COCO part of picture {picture.index}")
        yield part


def _further_values(thing: LabelledThing) -> dict[str, Any]:
    head = thing.head_values
    return {
        "keypoints": [0, 0, 0] if head is None else [*head, 2 if thing.is_head_visible else 1],
        "num_keypoints": int(head is not None),
        "amodal_bbox": _width_and_height(thing.whole_box),
        **thing.values,
    }


def _width_and_height(box: Box) -> list[float]:
    x0, y0, x1, y1 = box
    return [x0, y0, x1 - x0, y1 - y0]


def _counts(thing: LabelledThing, height: int, width: int) -> np.ndarray:
    """Lengths of the runs off, on, off… of its mask down the columns of the whole picture."""
    x0, y0 = int(thing.box[0]), int(thing.box[1])
    tall, wide = thing.mask.shape
    # Each column is padded with an off pixel above and below, so that its runs end inside it.
    columns = np.zeros((wide, tall + 2), bool)
    columns[:, 1:-1] = thing.mask.T
    column, row = np.divmod(np.flatnonzero(columns[:, 1:] != columns[:, :-1]), tall + 1)
    turns = (x0 + column) * height + y0 + row  # on, off, on…
    # A run that reaches the picture's lower edge continues at the top of the next column.
    joints = np.flatnonzero(turns[1:] == turns[:-1])
    turns = np.delete(turns, np.concatenate([joints, joints + 1]))
    counts = np.diff(turns, prepend=0, append=height * width)
    return counts if counts[-1] else counts[:-1]
