"""The moving test card."""

import numpy as np
import pytest

from engine.sources.opening import open_source


@pytest.fixture
def card(clock, reports):
    source = open_source("test", offline=False, clock=clock, report=reports)
    source.start()
    yield source
    source.close()


def test_the_card_shows_orientation(card, wait_for):
    pixels = wait_for(card.latest_frame, "the card").pixels
    assert pixels.shape == (720, 1280, 3) and pixels.dtype == np.uint8
    assert pixels[5, 5].tolist() == [255, 0, 0]
    assert pixels[5, -5].tolist() == [0, 255, 0]
    assert pixels[-5, 5].tolist() == [0, 0, 255]
    assert pixels[-5, -5].tolist() == [255, 255, 255]


def test_the_marker_moves_right_with_every_picture_and_starts_again_after_four_seconds(
    reports, clock
):
    source = open_source("test", offline=True, clock=clock, report=reports)
    columns = [source.frame_at(index / 30).pixels[620].min(axis=1).argmax() for index in range(121)]
    assert columns[0] == columns[120] == 0
    assert columns[119] == 1280 - 16
    assert set(np.diff(columns[:120])) <= {10, 11}
    assert (source.status().state, source.status().frames) == ("playing", 121)
