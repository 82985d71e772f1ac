"""COCO: images, categories and annotations in one JSON file, masks as compressed RLE (cocodataset.org, format-results).

Annotations are written as they come, so that hours of video need no memory but a line for each picture.
"""

import json
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np

from engine.segment.outputs import one_line, partial_path
from engine.segment.pictures import Pictures
from engine.segment.results import Result

WITHOUT_WORDS = "like the box"  # the category where examples are given and no prompt


class CocoFile:
    """A category is a prompt, its id the prompt's number; `track_id` stands only where objects are followed."""

    def __init__(self, path: Path, pictures: Pictures, prompts: tuple[str, ...], *, is_tracked: bool) -> None:
        self.path = path
        self.notes: list[str] = []
        self._partial = partial_path(path)
        self._is_folder = pictures.kind != "video"
        self._is_tracked = is_tracked
        self._images: list[dict[str, Any]] = []
        self._annotations = 0
        self._file: TextIOWrapper
        named = [(number, text.strip()) for number, text in enumerate(prompts, 1) if text.strip()]
        categories = [{"id": number, "name": text} for number, text in named or [(1, WITHOUT_WORDS)]]
        info = {"description": f"{pictures.path.name}, segmented by multiverse"}
        with one_line(path):
            self._file = self._partial.open("w", encoding="utf-8")
            self._file.write(f'{{"info": {_line(info)},\n"licenses": [],\n"categories": {_line(categories)},\n')
            self._file.write('"annotations": [')

    def add(self, result: Result) -> None:
        height, width = result.picture.pixels.shape[:2]
        number = result.picture.number
        image = {"id": number + 1, "file_name": result.picture.file_name, "width": width, "height": height}
        if not self._is_folder:
            image |= {"frame": number, "time_s": round(float(result.picture.start_s), 6)}
        self._images.append(image)
        with one_line(self.path):
            for place in range(len(result.found.objects)):
                self._annotations += 1
                separator = ",\n" if self._annotations > 1 else "\n"
                self._file.write(separator + _line(self._annotation(result, place)))

    def finish(self) -> None:
        with one_line(self.path):
            self._file.write('\n],\n"images": [\n' + ",\n".join(_line(image) for image in self._images) + "\n]}\n")
            self._file.close()
            self._partial.replace(self.path)

    def discard(self) -> None:
        try:
            self._file.close()
        except OSError:  # what the file still held: it may be what failed
            pass
        self._partial.unlink(missing_ok=True)

    def _annotation(self, result: Result, place: int) -> dict[str, Any]:
        from pycocotools import mask as rle

        each = result.found.objects[place]
        encoded = rle.encode(np.asfortranarray(result.mask(place)))
        values = {
            "id": self._annotations,
            "image_id": result.picture.number + 1,
            "category_id": each.prompt,
            "segmentation": {"size": list(encoded["size"]), "counts": encoded["counts"].decode("ascii")},
            "area": int(rle.area(encoded)),
            "bbox": [float(number) for number in rle.toBbox(encoded)],
            "iscrowd": 0,
            "score": round(each.score, 5),
        }
        return values | ({"track_id": each.id} if self._is_tracked else {})


def _line(values: Any) -> str:
    return json.dumps(values, ensure_ascii=False)
