"""Segmentation sheets, through a real ring."""

import numpy as np
import pytest

from engine.errors import SharedMemoryError
from engine.ipc import FrameRing
from engine.ipc.segmentation_sheet import read_sheet, sheet_shape, write_sheet
from engine.values import FoundObject, Segmentation


def found(count: int, side: int, seed: int = 0) -> Segmentation:
    random = np.random.default_rng(seed)
    objects = tuple(
        FoundObject(id=300 + k, prompt=1 + k % 4, score=1 - k / 32, box=(0.5, 0.25, k / 16, 1.0))
        for k in range(count)
    )
    masks = random.integers(0, 256, (count, side, side), np.uint8)
    return Segmentation(objects=objects, masks=masks, picture_px=(1920, 1080), index=7, time_s=1.5)


@pytest.mark.parametrize(("count", "side"), [(0, 96), (1, 288), (16, 192), (16, 32)])
def test_objects_and_masks_are_read_as_they_were_written(count: int, side: int) -> None:
    before = found(count, side)
    rows, columns, channels = sheet_shape(side)
    owner = FrameRing.create("sheet", columns, rows, channels=channels)
    reader = FrameRing.attach(owner.segment)
    sheet = np.full(sheet_shape(side), 255, np.uint8)  # old content must not show
    write_sheet(sheet, before)
    owner.write(sheet, index=before.index, time_s=before.time_s)
    frame = reader.latest()
    after = read_sheet(frame.pixels, index=frame.index, time_s=frame.time_s)
    assert after.objects == before.objects
    assert np.array_equal(after.masks, before.masks)
    assert (after.picture_px, after.index, after.time_s) == ((1920, 1080), 7, 1.5)
    reader.close()
    owner.close()


def test_anything_but_a_sheet_is_refused() -> None:
    with pytest.raises(SharedMemoryError, match="segmentation sheet: version 0"):
        read_sheet(np.zeros(sheet_shape(96), np.uint8), index=0, time_s=0.0)
    with pytest.raises(SharedMemoryError, match="segmentation sheet: a picture of"):
        read_sheet(np.zeros((96, 96, 3), np.uint8), index=0, time_s=0.0)
