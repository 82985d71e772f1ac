"""The labels as COCO's JSON: boxes, and the seen shape of each pile as a run-length code.

A picture's part is made where the picture is, in its own process; the file is put together from the parts afterwards.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import numpy as np

from engine.errors import SourceError, UsageError
from engine.jobs.dataset.labels.instances import find_instances

CATEGORY = {"id": 1, "name": "pile", "supercategory": "foundation"}
ANNOTATION_FIELDS = {
    "image_id": int,
    "category_id": int,
    "segmentation": dict,
    "area": int,
    "bbox": list,
    "iscrowd": int,
}
INSTALL = '--save-coco needs pycocotools; get it with: pip install "multiverse-engine[dataset]"'


def require_pycocotools() -> ModuleType:
    """`pycocotools.mask`; UsageError says how to get it."""
    try:
        from pycocotools import mask
    except ImportError as error:
        raise UsageError(INSTALL) from error
    return mask


def coco_part(picture: np.ndarray, index: int, file_name: str) -> dict[str, Any]:
    """`image` and its `annotations` (without their ids) of one picture's instances, (height, width) uint16.

    Only numbers, strings, lists and dicts: it goes through JSON unchanged. Areas are pixels seen; a box is x y w h, px.
    """
    mask = require_pycocotools()
    height, width = picture.shape
    found = find_instances(picture)
    runs = [
        {"size": [height, width], "counts": _counts(picture, number, box)}
        for number, box in zip(found.numbers.tolist(), found.boxes.tolist(), strict=True)
    ]
    codes = mask.frPyObjects(runs, height, width) if runs else []
    return {
        "image": {"id": index, "width": width, "height": height, "file_name": file_name},
        "annotations": [
            {
                "image_id": index,
                "category_id": CATEGORY["id"],
                "segmentation": {"size": [height, width], "counts": code["counts"].decode("ascii")},
                "area": area,
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "iscrowd": 0,
            }
            for code, (x0, y0, x1, y1), area in zip(codes, found.boxes.tolist(), found.areas.tolist(), strict=True)
        ],
    }


def write_coco(parts: Iterable[dict[str, Any]], file: TextIO) -> None:
    """The parts, ascending by index, as one JSON file, an annotation a line; ValueError where they do not ascend.

    Image ids are the pictures' indices; annotation ids run from 1 (pycocotools' evaluation takes a 0 for "no match"),
    by index and number. The category is 1 where YOLO's class is 0: COCO counts its own from 1, and detectors trained on
    it keep 0 for the background. A part is let go of as soon as it is written, but for its image's four entries.
    """
    images: list[dict[str, Any]] = []
    written = 0
    file.write('{"info": {"description": "Foundation piles from above, rendered"},\n"annotations": [')
    for part in parts:
        image = part["image"]
        if images and image["id"] <= images[-1]["id"]:
            raise ValueError(f"picture {image['id']} after picture {images[-1]['id']}")
        images.append(image)
        for annotation in part["annotations"]:
            file.write(",\n" if written else "\n")
            written += 1
            json.dump({"id": written, **annotation}, file)
    file.write('\n],\n"images": [\n')
    file.write(",\n".join(map(json.dumps, images)))
    file.write(f'\n],\n"categories": [{json.dumps(CATEGORY)}]}}\n')


def read_part(path: Path) -> dict[str, Any]:
    """A picture's part as `coco_part` made it, from JSON in a file named after the picture's index.

    SourceError, with the file, for one that cannot be read, was cut or has any other shape. What the codes themselves
    hold is not looked at.
    """
    try:
        part = json.loads(path.read_bytes())
        fault = _fault(part, path.stem)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError):  # what json raises for bytes, for a file that is cut, and for one too deep
        fault = "no whole JSON"
    if fault:
        raise SourceError(f"{path}: not the COCO part of picture {path.stem} ({fault})")
    return part


def _fault(part: Any, stem: str) -> str | None:
    """What of a part is not as `coco_part` makes it."""
    if not _has_fields(part, {"image": dict, "annotations": list}):
        return "image and annotations are not there"
    image = part["image"]
    if not _has_fields(image, {"id": int, "width": int, "height": int, "file_name": str}):
        return "image"
    if image["file_name"] != f"{stem}.png" or f"{image['id']:06d}" != stem or min(image["width"], image["height"]) < 1:
        return "image"
    for place, annotation in enumerate(part["annotations"]):
        if not _has_fields(annotation, ANNOTATION_FIELDS) or not _is_of(annotation, image):
            return f"annotations[{place}]"
    return None


def _is_of(annotation: dict[str, Any], image: dict[str, Any]) -> bool:
    code, box = annotation["segmentation"], annotation["bbox"]
    return (
        annotation["image_id"] == image["id"]
        and annotation["category_id"] == CATEGORY["id"]
        and _has_fields(code, {"size": list, "counts": str})
        and code["size"] == [image["height"], image["width"]]
        and len(box) == 4
        and all(type(number) is int for number in (*code["size"], *box))
    )


def _has_fields(thing: Any, kinds: dict[str, type]) -> bool:
    """These fields and no other, of exactly these types: a bool is no int."""
    return isinstance(thing, dict) and {name: type(value) for name, value in thing.items()} == kinds


def _counts(picture: np.ndarray, number: int, box: list[int]) -> np.ndarray:
    """Lengths of the runs off, on, off… down the columns of the whole picture, found inside the box alone."""
    height, width = picture.shape
    x0, y0, x1, y1 = box
    # Each column with a pixel off above and below: a column's runs then end inside it.
    columns = np.zeros((x1 - x0, y1 - y0 + 2), bool)
    columns[:, 1:-1] = (picture[y0:y1, x0:x1] == number).T
    column, row = np.divmod(np.flatnonzero(columns[:, 1:] != columns[:, :-1]), y1 - y0 + 1)
    turns = (x0 + column) * height + y0 + row  # on, off, on…
    # A run that leaves a column at the picture's lower edge goes on at the next one's upper edge.
    joints = np.flatnonzero(turns[1:] == turns[:-1])
    turns = np.delete(turns, np.concatenate([joints, joints + 1]))
    counts = np.diff(turns, prepend=0, append=height * width)
    return counts if counts[-1] else counts[:-1]
