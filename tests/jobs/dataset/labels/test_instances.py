"""Visible instances, in pictures small enough to count by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.jobs.dataset.labels import find_instances, instances


def picture(*rows: str) -> np.ndarray:
    """Parse a drawing, digits for instances and dots for none: (rows, columns) uint16."""
    return np.array([[0 if cell == "." else int(cell) for cell in row] for row in rows], np.uint16)


def test_instances_are_sorted_and_the_largest_number_counts() -> None:
    pixels = picture("92.1")
    pixels[0, 0] = 65535
    found = find_instances(pixels)
    assert found.numbers.tolist() == [1, 2, 65535]


@pytest.mark.parametrize("pixels_at_once", [1, 7, 2**20])
@given(pixels=hnp.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 4)))
@settings(max_examples=60)
def test_boxes_and_areas_agree_with_counting_pixels(pixels_at_once: int, pixels: np.ndarray) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instances, "PIXELS_AT_ONCE", pixels_at_once)
        found = find_instances(pixels)
    numbers = [number for number in np.unique(pixels).tolist() if number]
    assert found.numbers.tolist() == numbers
    for number, box, area in zip(numbers, found.boxes.tolist(), found.areas.tolist(), strict=True):
        rows, columns = np.nonzero(pixels == number)
        assert box == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert area == len(rows)


def test_a_non_contiguous_view_is_supported() -> None:
    pixels = picture("1.2.", "....", ".3.4", "....")
    assert find_instances(pixels[::-1, ::-1]).boxes.tolist() == find_instances(pixels[::-1, ::-1].copy()).boxes.tolist()
