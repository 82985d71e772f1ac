"""COCO: images, categories and annotations in one JSON file, masks as compressed RLE
(cocodataset.org, format-results).

Annotations are written as they arrive, so that hours of video need memory for one line per picture
only. The file is ASCII: pycocotools opens it in the machine's own encoding, and a picture's name
may not be valid UTF-8.
"""

import json
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np

from engine.jobs.segment.outputs import OnWhole
from engine.jobs.segment.results import MaskedPicture
from engine.sinks.generation_info import GenerationInfo
from engine.sinks.whole_file import WholeFile
from engine.sources.pictures import Pictures
from engine.system.work_folder import one_line

BOX_CATEGORY = "like the box"  # category for example boxes without a prompt


class CocoFile:
    """Writes a COCO file. Category ids are prompt numbers; `track_id` is written in track mode
    only."""

    def __init__(
        self,
        path: Path,
        pictures: Pictures,
        prompts: tuple[str, ...],
        metadata: GenerationInfo | None,
        has_ids: bool,
    ) -> None:
        self.path = path
        self.notes: list[str] = []
        self._whole = WholeFile(path)
        self._is_folder = pictures.kind != "video"
        self._has_ids = has_ids
        self._images: list[dict[str, Any]] = []
        self._annotations = 0
        self._file: TextIOWrapper
        named = [(number, text.strip()) for number, text in enumerate(prompts, 1) if text.strip()]
        categories = [{"id": number, "name": text} for number, text in named or [(1, BOX_CATEGORY)]]
        info = {"description": f"{Path(pictures.path).name}, segmented by multiverse"}
        if metadata is not None:
            info["parameters"] = metadata.text
        try:
            with one_line(path):
                self._file = self._whole.unfinished.open("w", encoding="ascii", newline="\n")
                self._file.write(f'{{"info": {json.dumps(info)},\n"licenses": [],\n')
                self._file.write(f'"categories": {json.dumps(categories)},\n')
                self._file.write('"annotations": [')
        except BaseException:
            self._whole.discard()
            raise

    def add(self, result: MaskedPicture) -> None:
        height, width = result.picture.pixels.shape[:2]
        number = result.picture.number
        image = {
            "id": number + 1,
            "file_name": result.picture.file_name,
            "width": width,
            "height": height,
        }
        if not self._is_folder:
            image |= {"frame": number, "time_s": round(float(result.picture.start_s), 6)}
        self._images.append(image)
        with one_line(self.path):
            for index in range(len(result.segmentation.objects)):
                self._annotations += 1
                separator = ",\n" if self._annotations > 1 else "\n"
                self._file.write(separator + json.dumps(self._annotation(result, index)))

    def finish(self, on_whole: OnWhole) -> None:
        with one_line(self.path):
            self._file.write(
                '\n],\n"images": [\n' + ",\n".join(map(json.dumps, self._images)) + "\n]}\n"
            )
            self._file.close()
        on_whole(self._whole.unfinished)
        self._whole.publish()

    def discard(self) -> None:
        with suppress(OSError):  # flushing may have failed
            self._file.close()
        self._whole.discard()

    def _annotation(self, result: MaskedPicture, index: int) -> dict[str, Any]:
        from pycocotools import mask as rle

        each = result.segmentation.objects[index]
        height, width = result.picture.pixels.shape[:2]
        counts = run_lengths(*result.mask(index), height, width)
        # in its stubs only the packed form has both
        lengths: Any = {"size": [height, width], "counts": counts}
        encoded = rle.frPyObjects(lengths, height, width)
        values = {
            "id": self._annotations,
            "image_id": result.picture.number + 1,
            "category_id": each.prompt,
            "segmentation": {
                "size": list(encoded["size"]),
                "counts": encoded["counts"].decode("ascii"),
            },
            "area": int(rle.area(encoded)),
            "bbox": [float(number) for number in rle.toBbox(encoded)],
            "iscrowd": 0,
            "score": round(each.score, 5),
        }
        return values | ({"track_id": each.id} if self._has_ids else {})


def run_lengths(part: np.ndarray, left_px: int, top_px: int, height: int, width: int) -> list[int]:
    """Encode COCO's uncompressed RLE: pixels outside, inside, outside ... down each column and then
    to the next. `part` (rows, columns) of 0 and 1 is at `left_px`, `top_px` in a picture (height,
    width) that is 0 elsewhere."""
    columns = np.zeros((part.shape[1], part.shape[0] + 2), np.int8)
    columns[:, 1:-1] = part.T
    # alternating: first pixel of a run, first pixel after it
    xs, ys = np.nonzero(np.diff(columns, axis=1))
    edges = (left_px + xs) * height + top_px + ys
    # runs that continue from the bottom of a column at the top of the next
    goes_on = np.flatnonzero(np.diff(edges) == 0)
    edges = np.delete(edges, np.concatenate((goes_on, goes_on + 1)))
    counts: list[int] = np.diff(edges, prepend=0, append=height * width).tolist()
    return counts if counts[-1] or len(counts) == 1 else counts[:-1]
