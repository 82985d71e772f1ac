"""Packs objects and masks of one result into one grey picture, so that a frame ring can carry both
together.

A sheet is (HEAD_ROWS + 16 * side, side, 1) uint8. The masks lie below the head, one under the
other, best object first. The head, little-endian, for any side:

    offset  type    field
    0       S4      magic       b"MVSG"
    4       u4      version     1
    8       u4      count       objects, 0..16
    12      u4      width       of the picture, px
    16      u4      height
    32      32 B    for each object: u4 id, u4 prompt, f4 score, 4 x f4 box (cx, cy, w, h in 0..1),
            4 bytes unused
"""

from typing import Final

import numpy as np

from engine.errors import SharedMemoryError
from engine.values import MAX_LIVE_OBJECTS, FoundObject, Segmentation

MIN_SIDE: Final = 32
HEAD_ROWS: Final = 17  # rows of at least 32 bytes: 544 bytes
MAGIC: Final = b"MVSG"
VERSION: Final = 1

_HEAD = np.dtype(
    [("magic", "S4"), ("version", "<u4"), ("count", "<u4"), ("width", "<u4"), ("height", "<u4")]
)
_OBJECT = np.dtype(
    {
        "names": ["id", "prompt", "score", "box"],
        "formats": ["<u4", "<u4", "<f4", ("<f4", (4,))],
        "offsets": [0, 4, 8, 12],
        "itemsize": 32,
    }
)
_OBJECTS_AT: Final = 32


def sheet_shape(side: int) -> tuple[int, int, int]:
    """Shape (rows, columns, 1) of a sheet for masks with this side, at least 32 px."""
    return HEAD_ROWS + MAX_LIVE_OBJECTS * side, side, 1


def write_sheet(sheet: np.ndarray, segmentation: Segmentation) -> None:
    """Fill `sheet`, C-contiguous uint8 of `sheet_shape`. Rows below the last mask are not
    changed."""
    count = len(segmentation.objects)
    side = sheet.shape[1]
    assert sheet.shape == sheet_shape(side) and count <= MAX_LIVE_OBJECTS and side >= MIN_SIDE
    head = sheet[:HEAD_ROWS].reshape(-1)
    head[: _HEAD.itemsize].view(_HEAD)[0] = (MAGIC, VERSION, count, *segmentation.picture_px)
    objects = head[_OBJECTS_AT : _OBJECTS_AT + MAX_LIVE_OBJECTS * _OBJECT.itemsize].view(_OBJECT)
    for index, each in enumerate(segmentation.objects):
        objects[index] = (each.id, each.prompt, each.score, each.box)
    sheet[HEAD_ROWS : HEAD_ROWS + count * side, :, 0].reshape(count, side, side)[:] = (
        segmentation.masks
    )


def read_sheet(sheet: np.ndarray, *, index: int, time_s: float) -> Segmentation:
    """The result that `write_sheet` wrote. Its masks are views of `sheet`. SharedMemoryError for
    other content."""
    side = sheet.shape[1]
    head = np.ascontiguousarray(sheet[:HEAD_ROWS]).reshape(-1)
    if side < MIN_SIDE or sheet.shape != sheet_shape(side):
        raise SharedMemoryError(f"segmentation sheet: a picture of {sheet.shape} is not one")
    magic, version, count, width, height = head[: _HEAD.itemsize].view(_HEAD)[0].item()
    if magic != MAGIC or version != VERSION or count > MAX_LIVE_OBJECTS:
        raise SharedMemoryError(f"segmentation sheet: version {version}, expected {VERSION}")
    objects = head[_OBJECTS_AT : _OBJECTS_AT + MAX_LIVE_OBJECTS * _OBJECT.itemsize].view(_OBJECT)[
        :count
    ]
    return Segmentation(
        objects=tuple(
            FoundObject(
                id=int(each["id"]),
                prompt=int(each["prompt"]),
                score=float(each["score"]),
                box=tuple(each["box"].tolist()),
            )
            for each in objects
        ),
        masks=sheet[HEAD_ROWS : HEAD_ROWS + count * side, :, 0].reshape(count, side, side),
        picture_px=(width, height),
        index=index,
        time_s=time_s,
    )
