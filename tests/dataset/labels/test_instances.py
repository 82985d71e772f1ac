"""Visible instances, in pictures small enough to count by hand."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.dataset.labels.recording import find_instances
from tests.support.long_form import IS_SOAK

NUMBERS = st.sampled_from([0, 1, 2, 3, 65535])


@given(
    pixels=hnp.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=NUMBERS)
)
@settings(max_examples=60 if IS_SOAK else 30)
def test_boxes_and_areas_agree_with_counting_pixels(pixels: np.ndarray) -> None:
    pixels = pixels[::-1, ::-1]  # a view that is not contiguous
    found = find_instances(pixels)
    numbers = [number for number in np.unique(pixels).tolist() if number]
    assert found.numbers.tolist() == numbers
    for number, box, area in zip(numbers, found.boxes.tolist(), found.areas.tolist(), strict=True):
        rows, columns = np.nonzero(pixels == number)
        assert box == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert area == len(rows)
