"""COCO JSON: masks, boxes, heads as keypoints, and further fields with what the scene knows.

Each picture has a part of its own, annotations/000000.json; coco_annotations.json is joined from them, or with a split
coco_annotations_train.json and so on. Things of which too little is visible have iscrowd 1, so that an evaluation
ignores what a detector finds there.

A box is x y width height in px. A keypoint is x y v; (0, 0) is the top left corner of the picture, not the centre of a
pixel; v is 2 if visible, 1 if hidden, 0 outside the picture or for things without a head. pycocotools takes keypoints
of this form with `COCOeval.params.kpt_oks_sigmas` of one number.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from engine.errors import SourceError
from engine.jobs.dataset.labels.coco import MAX_PART_BYTES, encode_masks, require_pycocotools, write_coco
from engine.jobs.dataset.labels.options import LabelOptions
from engine.jobs.dataset.labels.record import LabelledThing
from engine.jobs.dataset.labels.source import DatasetContents, FinishedPicture, LabelSource
from engine.jobs.dataset.labels.thing_values import head_values, values_of, width_and_height
from engine.jobs.dataset.labels.writers.protocol import LabelWriter
from engine.jobs.dataset.replacing import replaced
from engine.jobs.dataset.task import PictureTask
from engine.system.small_file import read_small

PARTS = "annotations"


class CocoWriter:
    name = "coco"

    def check(self) -> None:
        require_pycocotools()

    def paths(self, task: PictureTask) -> tuple[str, ...]:
        return (task.path(PARTS, ".json"),)

    def files(self, source: LabelSource) -> dict[str, bytes]:
        (path,) = self.paths(source.task)
        record, task = source.record, source.task
        things = record.classed
        codes = encode_masks(
            (thing.mask for thing in things), [thing.box for thing in things], record.height_px, record.width_px
        )
        image = {
            "id": record.index,
            "width": record.width_px,
            "height": record.height_px,
            "file_name": record.file_name.removeprefix("images/"),
            "subset": task.subset,
            "scene_number": task.scene_number,
            "view": task.view,
            "camera": record.camera,
        }
        annotations = [_annotation(record.index, thing, code) for thing, code in zip(things, codes, strict=True)]
        return {path: json.dumps({"image": image, "annotations": annotations}).encode("ascii")}

    def whole_names(self, options: LabelOptions, subsets: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"coco_annotations_{subset}.json" for subset in subsets) or ("coco_annotations.json",)

    def finish(self, contents: DatasetContents) -> tuple[str, ...]:
        names = self.whole_names(contents.options, contents.subsets)
        for subset, name in zip(contents.subsets or ("",), names, strict=True):
            pictures = (picture for picture in contents.pictures if picture.subset == subset)
            with replaced(contents.folder / name) as file:
                write_coco(_parts(contents.folder, pictures), file, categories_of(contents.options.class_names))
        return names


def writer_of(name: str) -> LabelWriter:
    return CocoWriter()


def categories_of(classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """COCO's categories count from 1; those of piles have a keypoint."""
    head = {"keypoints": ["head"], "skeleton": []}
    return [
        {"id": number, "name": name, "supercategory": "site"} | (head if name == "pile" else {})
        for number, name in enumerate(classes, 1)
    ]


def _annotation(index: int, thing: LabelledThing, code: dict[str, Any]) -> dict[str, Any]:
    head = head_values(thing)
    return {
        "image_id": index,
        "category_id": thing.class_id + 1,
        "segmentation": code,
        "area": thing.area_px,
        "bbox": width_and_height(thing.box),
        "iscrowd": int(thing.is_crowd),
        "keypoints": [0, 0, 0] if head is None else [*head, 2 if thing.is_head_visible else 1],
        "num_keypoints": int(head is not None),
        "amodal_bbox": width_and_height(thing.whole_box),
        **values_of(thing),
    }


def _parts(folder: Path, pictures: Iterable[FinishedPicture]) -> Iterator[dict[str, Any]]:
    """The parts of these pictures; a picture made without COCO has none. SourceError for a damaged one."""
    for picture in pictures:
        for name in picture.paths:
            if name.startswith(f"{PARTS}/"):
                yield _read(folder / name, picture.index)


def _read(path: Path, index: int) -> dict[str, Any]:
    try:
        part: dict[str, Any] = json.loads(read_small(path, max_bytes=MAX_PART_BYTES))
        if part["image"]["id"] == index and isinstance(part["annotations"], list):
            return part
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise SourceError(f"{path}: is not the COCO part of picture {index}")
