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


def test_a_picture_without_piles_has_no_instances() -> None:
    found = find_instances(np.zeros((7, 5), np.uint16))
    assert (found.numbers.shape, found.boxes.shape, found.areas.shape) == ((0,), (0, 4), (0,))


def test_a_single_pixel_is_a_box_of_one_by_one() -> None:
    found = find_instances(picture("....", "..1.", "...."))
    assert found.boxes.tolist() == [[2, 1, 3, 2]]
    assert found.areas.tolist() == [1]


def test_a_pile_at_the_border_ends_with_the_picture() -> None:
    found = find_instances(picture("1..2", "....", "3..4"))
    assert found.boxes.tolist() == [[0, 0, 1, 1], [3, 0, 4, 1], [0, 2, 1, 3], [3, 2, 4, 3]]


def test_piles_at_the_end_of_one_row_and_the_start_of_the_next_stay_separate() -> None:
    found = find_instances(picture(".11", "1.2", "2.."))
    assert found.boxes.tolist() == [[0, 0, 3, 2], [0, 1, 3, 3]]
    assert found.areas.tolist() == [3, 2]


def test_parts_of_a_pile_that_stand_apart_share_one_box() -> None:
    found = find_instances(picture("7....", ".....", "...77", ".....", "..7.."))
    assert found.numbers.tolist() == [7]
    assert found.boxes.tolist() == [[0, 0, 5, 5]]
    assert found.areas.tolist() == [4]


def test_a_pile_that_is_hidden_in_the_middle_keeps_its_outer_box() -> None:
    found = find_instances(picture("1111", "1221", "1221", "1111"))
    assert found.boxes.tolist() == [[0, 0, 4, 4], [1, 1, 3, 3]]
    assert found.areas.tolist() == [12, 4]


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
