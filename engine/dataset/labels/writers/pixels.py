"""Formats with a value per pixel, as PNG: masks of instances and classes, and depth."""

import numpy as np

from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.record import DatasetContents, LabelSource, PictureRecord
from engine.dataset.labels.writers import LabelWriter
from engine.dataset.task import PictureTask
from engine.errors import SinkError
from engine.system.atomic_file import write_atomic

PNG_LEVEL = 3  # flat areas: a higher level is slower and hardly smaller
UNITS_PER_M = (
    100  # centimetres: 655 m fit, and a drone may fly at 500; millimetres would end at 65 m
)
MAX_UNITS = 65535
DEPTH_README = """\
16-bit PNG: distance along the camera's axis in centimetres (metres = value / 100). 0: no value, or above 655.35 m.
"""  # noqa: E501


class PixelWriter(LabelWriter):
    """Writes `masks` or `depth`; README.txt explains the scale of the numbers."""

    def paths(self, task: PictureTask) -> tuple[str, ...]:
        folders = ("masks/instances", "masks/classes") if self.name == "masks" else ("depth",)
        return tuple(task.path(folder, ".png") for folder in folders)

    def files(self, source: LabelSource) -> dict[str, bytes]:
        masks = (
            (instance_mask(source.record), class_mask(source.record))
            if self.name == "masks"
            else ()
        )
        pixels = masks or (depth_units(source.depth_m),)
        return dict(zip(self.paths(source.task), map(encode_mask, pixels), strict=True))

    def whole_names(self, options: LabelOptions, subsets: tuple[str, ...]) -> tuple[str, ...]:
        return (f"{self.name}/README.txt",)

    def finish(self, contents: DatasetContents) -> tuple[str, ...]:
        (name,) = self.whole_names(contents.options, contents.subsets)
        write_atomic(
            contents.folder / name,
            _readme_of_masks(contents) if self.name == "masks" else DEPTH_README,
        )
        return (name,)


def instance_mask(record: PictureRecord) -> np.ndarray:
    """Number of the labelled thing at each pixel, (height, width) uint16; 0 for none."""
    return _painted(record, [thing.number for thing in record.labelled], np.uint16)


def class_mask(record: PictureRecord) -> np.ndarray:
    """Class mask, (height, width) uint8: 1 + the YOLO number of the labelled thing's class, 0 for
    the background."""
    return _painted(record, [1 + thing.class_id for thing in record.labelled], np.uint8)


def encode_png(colors: np.ndarray) -> bytes:
    """Encode (height, width, 3) uint8 RGB as PNG, by the filter and coding that are fastest and
    smallest for noisy pictures; deterministic for one build of OpenCV."""
    import cv2

    settings = [  # the strategy must follow the level, which sets another one
        *(cv2.IMWRITE_PNG_COMPRESSION, 1),
        *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY),
        *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG),
    ]
    is_done, data = cv2.imencode(".png", cv2.cvtColor(colors, cv2.COLOR_RGB2BGR), settings)
    if not is_done:
        raise SinkError("OpenCV could not encode the picture")
    return data.tobytes()


def encode_mask(mask: np.ndarray) -> bytes:
    """Encode (height, width) uint8 or uint16 as PNG of one channel, without loss."""
    import cv2

    is_done, data = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])
    if not is_done:
        raise SinkError("OpenCV could not encode a mask")
    return data.tobytes()


def _painted(
    record: PictureRecord, values: list[int], kind: type[np.unsignedinteger]
) -> np.ndarray:
    mask = np.zeros((record.height_px, record.width_px), kind)
    for thing, value in zip(record.labelled, values, strict=True):
        x0, y0, x1, y1 = (round(edge) for edge in thing.box)
        mask[y0:y1, x0:x1][thing.mask] = value
    return mask


def _readme_of_masks(contents: DatasetContents) -> str:
    classes = "\n".join(
        f"  {number}  {name}" for number, name in enumerate(contents.options.class_names, 1)
    )
    return f"""\
instances/  16-bit PNG: the number of the labelled thing at each pixel, 0 for none; the same in all views of a scene.
classes/    8-bit PNG, the values of COCO's category_id:
  0  background
{classes}
"""  # noqa: E501


def depth_units(depth_m: np.ndarray) -> np.ndarray:
    """Depth in metres, (height, width) float32, as uint16 centimetres, rounded; 0: no value, or
    above 655.35 m."""
    units = np.rint(
        np.nan_to_num(depth_m, nan=0, posinf=0, neginf=0).astype(np.float64) * UNITS_PER_M
    )
    return np.where((units >= 0) & (units <= MAX_UNITS), units, 0).astype(np.uint16)
