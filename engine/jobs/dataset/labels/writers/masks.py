"""Masks as PNG, one value per pixel."""

import numpy as np

from engine.errors import SinkError
from engine.jobs.dataset.labels.record import PictureRecord
from engine.jobs.dataset.labels.source import DatasetContents
from engine.jobs.dataset.labels.writers.per_picture import PictureWriter

PNG_LEVEL = 3  # flat areas: a higher level is slower and hardly smaller


def writer_of(name: str) -> PictureWriter:
    return PictureWriter(
        name=name,
        kinds=(("masks/instances", ".png"), ("masks/classes", ".png")),
        make=lambda source: (
            encode_mask(instance_mask(source.record)),
            encode_mask(class_mask(source.record)),
        ),
        readme=_readme,
    )


def instance_mask(record: PictureRecord) -> np.ndarray:
    """(height, width) uint16: the number of the labelled thing at each pixel, 0 for none."""
    return _painted(record, [thing.number for thing in record.labelled], np.uint16)


def class_mask(record: PictureRecord) -> np.ndarray:
    """(height, width) uint8: 1 + the YOLO number of the class of the labelled thing, 0 for the background."""
    return _painted(record, [1 + thing.class_id for thing in record.labelled], np.uint8)


def encode_mask(mask: np.ndarray) -> bytes:
    """Encode (height, width) uint8 or uint16 as PNG of one channel, without loss."""
    import cv2

    is_done, data = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])
    if not is_done:
        raise SinkError("OpenCV could not encode a mask")
    return data.tobytes()


def _painted(record: PictureRecord, values: list[int], kind: type[np.unsignedinteger]) -> np.ndarray:
    mask = np.zeros((record.height_px, record.width_px), kind)
    for thing, value in zip(record.labelled, values, strict=True):
        x0, y0, x1, y1 = (round(edge) for edge in thing.box)
        mask[y0:y1, x0:x1][thing.mask] = value
    return mask


def _readme(contents: DatasetContents) -> str:
    classes = "\n".join(f"  {number}  {name}" for number, name in enumerate(contents.options.class_names, 1))
    return f"""\
instances/  16-bit PNG: the number of the labelled thing at each pixel, 0 for none; the same in all views of a scene.
classes/    8-bit PNG, the values of COCO's category_id:
  0  background
{classes}
"""
