"""YOLO's formats for Ultralytics: one text file per picture, one line per thing, coordinates in parts of the picture.

yolo        class, centre x y, width, height
yolo-obb    class, four corners of a rotated box
yolo-seg    class, corners of a polygon; holes are filled, separate parts joined by bridges without width
yolo-pose   class, centre x y, width, height, head x y, and 2 if the head is visible, 1 if hidden, 0 0 0 without one

The rules are those of `verify_image_label` in ultralytics/data/utils.py: nothing outside 0..1, no class beyond
dataset.yaml's, equal columns but for polygons.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engine.jobs.dataset.labels.options import LabelOptions
from engine.jobs.dataset.labels.record import LabelledThing, PictureRecord
from engine.jobs.dataset.labels.shapes import joined, polygons_of, rotated_box
from engine.jobs.dataset.labels.source import DatasetContents, LabelSource
from engine.jobs.dataset.labels.ultralytics import varied_yaml
from engine.jobs.dataset.labels.writers.protocol import LabelWriter
from engine.jobs.dataset.task import PictureTask
from engine.system.atomic_file import write_atomic

HEAD_VISIBLE, HEAD_HIDDEN, NO_HEAD = 2, 1, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloWriter:
    name: str

    def check(self) -> None:
        """Need nothing."""

    def paths(self, task: PictureTask) -> tuple[str, ...]:
        assert task.labels is not None
        return (task.path(task.labels.folder_of(self.name), ".txt"),)

    def files(self, source: LabelSource) -> dict[str, bytes]:
        (path,) = self.paths(source.task)
        lines = (_line(thing.class_id, LINES[self.name](thing, source.record)) for thing in source.record.labelled)
        return {path: "".join(lines).encode("ascii")}

    def whole_names(self, options: LabelOptions, subsets: tuple[str, ...]) -> tuple[str, ...]:
        return (f"{options.folder_of(self.name).replace('labels', 'dataset')}.yaml",)

    def finish(self, contents: DatasetContents) -> tuple[str, ...]:
        folder = contents.options.folder_of(self.name)
        (path,) = self.whole_names(contents.options, contents.subsets)
        for subset in contents.subsets:  # Ultralytics stops at a folder that is missing
            (contents.folder / "images" / subset).mkdir(parents=True, exist_ok=True)
        text = varied_yaml(
            contents.options.class_names, contents.subsets, folder=folder, has_heads=self.name == "yolo-pose"
        )
        write_atomic(contents.folder / path, text)
        return (path,)


def writer_of(name: str) -> LabelWriter:
    return YoloWriter(name=name)


def _line(class_id: int, numbers: Iterable[float | int]) -> str:
    shares = (str(number) if isinstance(number, int) else f"{number:.6f}" for number in numbers)
    return f"{class_id} {' '.join(shares)}\n"


def _box(thing: LabelledThing, record: PictureRecord) -> list[float | int]:
    width, height = record.width_px, record.height_px
    x0, y0, x1, y1 = thing.box
    return [(x0 + x1) / (2 * width), (y0 + y1) / (2 * height), (x1 - x0) / width, (y1 - y0) / height]


def _rotated(thing: LabelledThing, record: PictureRecord) -> list[float | int]:
    width, height = record.width_px, record.height_px
    return [share for x, y in rotated_box(thing, width, height).tolist() for share in (x / width, y / height)]


def _polygon(thing: LabelledThing, record: PictureRecord) -> list[float | int]:
    width, height = record.width_px, record.height_px
    return [share for x, y in joined(polygons_of(thing)).tolist() for share in (x / width, y / height)]


def _box_and_head(thing: LabelledThing, record: PictureRecord) -> list[float | int]:
    if thing.head_px is None:
        return [*_box(thing, record), 0.0, 0.0, NO_HEAD]
    x, y = thing.head_px
    seen = HEAD_VISIBLE if thing.is_head_visible else HEAD_HIDDEN
    return [*_box(thing, record), x / record.width_px, y / record.height_px, seen]


LINES: dict[str, Callable[[LabelledThing, PictureRecord], list[float | int]]] = {
    "yolo": _box,
    "yolo-obb": _rotated,
    "yolo-seg": _polygon,
    "yolo-pose": _box_and_head,
}
