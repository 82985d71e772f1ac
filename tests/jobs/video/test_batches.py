"""Pictures at the painted size, in batches of one length."""

from fractions import Fraction

import numpy as np

from engine.jobs.video.backend import resize_to_cover, video_batches
from engine.sources.pictures import InputPicture


def picture(number: int, width: int = 32, height: int = 16) -> InputPicture:
    pixels = np.full((height, width, 3), number, np.uint8)
    return InputPicture(
        number=number,
        name=str(number),
        file_name="",
        pixels=pixels,
        start_s=Fraction(number),
        end_s=Fraction(number + 1),
    )


def test_the_last_batch_is_as_long_as_the_others_and_repeats_its_last_picture() -> None:
    batches = list(
        video_batches(iter([picture(number) for number in range(7)]), 3, (32, 16), first=5)
    )
    assert [batch.number for batch in batches] == [5, 6, 7]
    assert [[each.number for each in batch.pictures] for batch in batches] == [
        [0, 1, 2],
        [3, 4, 5],
        [6],
    ]
    assert batches[-1].pixels.shape == (3, 16, 32, 3)
    assert batches[-1].pixels[:, 0, 0, 0].tolist() == [6, 6, 6]


def test_another_shape_is_covered_from_the_middle_and_not_squashed() -> None:
    wide = np.zeros((60, 200, 3), np.uint8)
    wide[20:40, 90:110] = 255  # a square in the middle
    seen = resize_to_cover(wide, (120, 120))
    assert seen.shape == (120, 120, 3)
    rows, columns = np.nonzero(seen[..., 0] > 127)
    assert np.ptp(rows) == np.ptp(columns) == 39, "still a square, twice as large"
    assert (rows.min() + rows.max()) / 2 == (columns.min() + columns.max()) / 2 == 59.5
