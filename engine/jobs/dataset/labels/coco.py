"""Labels as COCO JSON: boxes, and the visible shape of each pile as a run-length encoding.

Each picture's part is made in the process that draws the picture; the file is assembled from the parts afterwards.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import numpy as np

from engine.errors import SourceError, UsageError
from engine.jobs.dataset.labels.instances import find_instances
from engine.system.small_file import read_small

MAX_PART_BYTES = 256 << 20
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
    """Import `pycocotools.mask`; UsageError says how to install it."""
    try:
        from pycocotools import mask
    except ImportError as error:
        raise UsageError(INSTALL) from error
    module: ModuleType = mask
    return module


def coco_part(picture: np.ndarray, index: int, file_name: str) -> dict[str, Any]:
    """The `image` and `annotations` (without ids) for one picture's instances, (height, width) uint16.

    JSON-serialisable. Areas are visible pixels; a box is x y w h in px.
    """
    height, width = picture.shape
    found = find_instances(picture)
    boxes = found.boxes.tolist()
    masks = (picture[y0:y1, x0:x1] == number for number, (x0, y0, x1, y1) in zip(found.numbers, boxes, strict=True))
    codes = encode_masks(masks, boxes, height, width)
    return {
        "image": {"id": index, "width": width, "height": height, "file_name": file_name},
        "annotations": [
            {
                "image_id": index,
                "category_id": CATEGORY["id"],
                "segmentation": code,
                "area": area,
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "iscrowd": 0,
            }
            for code, (x0, y0, x1, y1), area in zip(codes, boxes, found.areas.tolist(), strict=True)
        ],
    }


def encode_masks(
    masks: Iterable[np.ndarray], boxes: Iterable[Sequence[float]], height: int, width: int
) -> list[dict[str, Any]]:
    """Run-length encode masks, (h, w) bool within their boxes (x0 y0 x1 y1), as JSON values for `segmentation`."""
    size = [height, width]
    runs = [
        {"size": size, "counts": _counts(mask, int(box[0]), int(box[1]), height, width)}
        for mask, box in zip(masks, boxes, strict=True)
    ]
    codes = require_pycocotools().frPyObjects(runs, height, width) if runs else []
    return [{"size": size, "counts": code["counts"].decode("ascii")} for code in codes]


def write_coco(
    parts: Iterable[dict[str, Any]], file: TextIO, categories: Sequence[dict[str, Any]] = (CATEGORY,)
) -> None:
    """Write the parts as one JSON file, one annotation per line. ValueError unless they ascend by index.

    Image ids are the pictures' indices; annotation ids count from 1 (0 means "no match" to pycocotools' evaluation), by
    index and number. The category is 1 where YOLO's class is 0: COCO's categories start at 1, and detectors trained on
    it reserve 0 for the background. Only one part is in memory at a time, plus four entries per image.
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
    file.write(f'\n],\n"categories": {json.dumps(list(categories))}}}\n')


def read_part(path: Path) -> dict[str, Any]:
    """Read a part as `coco_part` makes it, from a JSON file named after the picture's index.

    SourceError, with the file, if it cannot be read, is truncated or has another structure. The run-length encodings
    are not decoded.
    """
    try:
        part: dict[str, Any] = json.loads(read_small(path, max_bytes=MAX_PART_BYTES))
        fault = _fault(part, path.stem)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError):  # json raises these for bad bytes, a truncated file, and too deep nesting
        fault = "incomplete JSON"
    if fault:
        raise SourceError(f"{path}: not the COCO part of picture {path.stem} ({fault})")
    return part


def _fault(part: Any, stem: str) -> str | None:
    """The first difference from what `coco_part` makes, or None."""
    if not _has_fields(part, {"image": dict, "annotations": list}):
        return "image and annotations are missing"
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
    """True if it has exactly these fields of exactly these types; a bool does not count as an int."""
    return isinstance(thing, dict) and {name: type(value) for name, value in thing.items()} == kinds


def _counts(mask: np.ndarray, x0: int, y0: int, height: int, width: int) -> np.ndarray:
    """Lengths of the runs off, on, off… down the columns of the whole picture; scans only the mask at (x0, y0)."""
    tall, wide = mask.shape
    # Each column is padded with an off pixel above and below, so that its runs end inside it.
    columns = np.zeros((wide, tall + 2), bool)
    columns[:, 1:-1] = mask.T
    column, row = np.divmod(np.flatnonzero(columns[:, 1:] != columns[:, :-1]), tall + 1)
    turns = (x0 + column) * height + y0 + row  # on, off, on…
    # A run that reaches the picture's lower edge continues at the top of the next column.
    joints = np.flatnonzero(turns[1:] == turns[:-1])
    turns = np.delete(turns, np.concatenate([joints, joints + 1]))
    counts = np.diff(turns, prepend=0, append=height * width)
    return counts if counts[-1] else counts[:-1]
