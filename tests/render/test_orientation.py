"""Row 0 is the top row, left is left: shown with an F whose corners are red, green, blue and
white."""

from collections.abc import Callable

import numpy as np
import pytest

from engine.render.picture import Renderer

SIMPLE = {"/mode": "simple"}


def test_simple_mode_shows_the_picture_as_it_is_or_black(
    renderer: Renderer, draw: Callable, f_card: Callable
) -> None:
    card = f_card(64, 48)
    pixels = np.ascontiguousarray(card[..., :3])
    without_effect = {
        "/multiverse/brightness": 4.0,
        "/multiverse/bias": 0.4,
        "/layer/5/intensity": 0.1,
    }
    for changes, expected in (
        ({}, card),
        (without_effect, card),
        ({"/layer/5/mirror": True}, card[:, ::-1]),
    ):
        assert (draw(renderer, SIMPLE | changes, size=(64, 48), layer5=pixels) == expected).all()
    assert (draw(renderer, SIMPLE) == (0, 0, 0, 255)).all()


def test_mirrors_repeat_the_top_left(renderer: Renderer, draw: Callable, f_card: Callable) -> None:
    for mirror, red_corners in [
        ("x", [(0, 0), (0, -1)]),
        ("y", [(0, 0), (-1, 0)]),
        ("xy", [(0, 0), (0, -1), (-1, 0), (-1, -1)]),
    ]:
        card = np.ascontiguousarray(f_card(64, 48)[..., :3])
        rgba = draw(renderer, SIMPLE | {"/mirror/mode": mirror}, size=(64, 48), layer5=card)
        is_red = [
            corner
            for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1))
            if rgba[corner].tolist() == [255, 0, 0, 255]
        ]
        assert is_red == red_corners, mirror


def test_a_picture_of_any_size_covers_without_distortion_and_loses_its_sides(
    renderer: Renderer, draw: Callable
) -> None:
    """A source of two colours, left and right: its middle stays in the middle, whichever side is
    cropped."""
    for source_w, source_h in [(320, 240), (321, 241), (33, 77), (1, 1), (3, 2), (512, 512)]:
        source = np.zeros((source_h, source_w, 3), np.uint8)
        source[:, : source_w // 2] = (200, 0, 0)
        source[:, (source_w + 1) // 2 :] = (0, 0, 200)
        rgba = draw(renderer, SIMPLE, size=(96, 54), layer5=source)
        if source_w > 2:
            assert rgba[10, 1].tolist() == [200, 0, 0, 255] and rgba[40, -2].tolist() == [
                0,
                0,
                200,
                255,
            ], source_w
            halves = rgba[..., 0].astype(int).sum(), rgba[..., 2].astype(int).sum()
            assert abs(halves[0] - halves[1]) <= 0.02 * sum(halves), source_w
    source = np.zeros((40, 160, 3), np.uint8)
    y, x = np.mgrid[:40, :160]
    source[np.hypot(x - 79.5, y - 19.5) < 10] = (
        255  # a disc of radius 10, in a picture twice as wide as the target
    )
    rgba = draw(renderer, SIMPLE, size=(80, 40), layer5=source)
    rows, columns = np.nonzero(rgba[..., 0] > 127)
    assert np.ptp(rows) == np.ptp(columns) == 19
    assert (rows.mean(), columns.mean()) == pytest.approx((19.5, 39.5), abs=0.1)
