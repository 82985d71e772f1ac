"""Feedback of the last picture."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from engine.render import Renderer

SIMPLE = {"/mode": "simple"}  # below the trail is exactly the camera's picture
BLACK = np.zeros((48, 64, 3), np.uint8)


def spot(column: int, row: int, colour: tuple[int, int, int] = (255, 255, 255)) -> np.ndarray:
    camera = BLACK.copy()
    camera[row - 2 : row + 2, column - 2 : column + 2] = colour
    return camera


def centre_of(rgba: np.ndarray) -> tuple[float, float]:
    """Column and row of the centroid of the light, from the centre of the picture."""
    light = rgba[..., :3].astype(float).sum(axis=-1)
    rows, columns = np.mgrid[: light.shape[0], : light.shape[1]]
    height, width = light.shape
    return (
        float((light * columns).sum() / light.sum()) - (width - 1) / 2,
        float((light * rows).sum() / light.sum()) - (height - 1) / 2,
    )


def test_the_longest_trail_fades_to_black_completely(renderer: Renderer, draw: Callable) -> None:
    for changes in [{}, {"/feedback/zoom": 1.02, "/feedback/rotate": 3.0}, {"/feedback/hue": 0.07}]:
        trail = SIMPLE | {"/feedback/amount": 0.98} | changes
        card = np.random.default_rng(5).integers(
            0, 70, (48, 64, 3), dtype=np.uint8
        )  # rounding would freeze 24 and below
        draw(renderer, trail, size=(64, 48), layer5=card)
        brightest = 70
        for _ in range(70):
            rgba = draw(renderer, trail, layer5=BLACK)
            assert rgba[..., :3].max() <= brightest, changes
            brightest = rgba[..., :3].max()
        assert brightest == 0, changes


def test_a_trail_loses_a_fiftieth_a_frame_under_the_brighter_picture(renderer: Renderer, draw: Callable) -> None:
    trail = SIMPLE | {"/feedback/amount": 0.98}
    draw(renderer, trail, size=(64, 48), layer5=np.full((48, 64, 3), 250, np.uint8))
    rgba = draw(renderer, trail, layer5=BLACK)
    assert (rgba[..., :3] == 245).all()  # 250 x 0.98 = 245
    draw(renderer, SIMPLE, size=(64, 48), layer5=spot(20, 20))
    assert (draw(renderer, SIMPLE, layer5=BLACK)[..., :3] == 0).all()
    trail = SIMPLE | {"/feedback/amount": 0.5}
    draw(renderer, trail, size=(64, 48), layer5=np.full((48, 64, 3), 200, np.uint8))
    rgba = draw(renderer, trail, layer5=np.full((48, 64, 3), (150, 20, 99), np.uint8))
    assert rgba[0, 0].tolist() == [150, 100, 100, 255]


def test_zoom_and_rotate_carry_the_trail_outwards_and_clockwise(renderer: Renderer, draw: Callable) -> None:
    trail = SIMPLE | {"/feedback/amount": 0.98, "/feedback/zoom": 1.1}
    before = centre_of(draw(renderer, trail, size=(64, 48), layer5=spot(44, 24)))
    after = centre_of(draw(renderer, trail, layer5=BLACK))
    assert after[0] == pytest.approx(before[0] * 1.1, rel=0.03)
    trail = SIMPLE | {"/feedback/amount": 0.98, "/feedback/rotate": 10.0}
    draw(renderer, trail, size=(64, 48), layer5=spot(48, 24))
    x, y = centre_of(draw(renderer, trail, layer5=BLACK))
    assert y > 0 and np.degrees(np.arctan2(y, x)) == pytest.approx(10, abs=2)  # right of the centre moves down


def test_hue_turns_red_over_yellow_to_green(renderer: Renderer, draw: Callable) -> None:
    trail = SIMPLE | {"/feedback/amount": 0.98, "/feedback/hue": 1 / 12}
    draw(renderer, trail, size=(64, 48), layer5=np.full((48, 64, 3), (240, 0, 0), np.uint8))
    seen = [draw(renderer, trail, layer5=BLACK)[5, 5].tolist() for _ in range(4)]
    assert [(red > 100, green > 100, blue) for red, green, blue, _ in seen] == [
        (True, True, 0),  # orange
        (True, True, 0),  # yellow
        (True, True, 0),
        (False, True, 0),  # green
    ]


def test_a_moving_trail_is_mirrored_at_its_edges(renderer: Renderer, draw: Callable) -> None:
    card = np.random.default_rng(8).integers(60, 250, (48, 64, 3), dtype=np.uint8)
    trail = SIMPLE | {"/feedback/amount": 0.98, "/feedback/zoom": 0.9}
    draw(renderer, trail, size=(64, 48), layer5=card)
    rgba = draw(renderer, trail, layer5=BLACK)[..., :3].astype(float)
    # Shrunk to 9/10 about the centre, the former left edge is at column 3.2; beyond it the columns are mirrored.
    row, column = np.mgrid[:48, :64]
    x, y = (column - 31.5) / 0.9 + 31.5, (row - 23.5) / 0.9 + 23.5
    x, y = 63.5 - np.abs(64 - (x + 0.5) % 128), 47.5 - np.abs(48 - (y + 0.5) % 96)
    expected = cv2.remap(card, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    assert np.abs(rgba - (expected * 0.98)).mean() < 2.0


def test_the_trail_is_of_the_picture_before_master_fade_and_of_its_size(renderer: Renderer, draw: Callable) -> None:
    trail = SIMPLE | {"/feedback/amount": 0.5}
    draw(renderer, trail | {"/master/fade": 0.1}, size=(64, 48), layer5=np.full((48, 64, 3), 200, np.uint8))
    assert (draw(renderer, trail, layer5=BLACK)[..., :3] == 100).all()
    trail = SIMPLE | {"/feedback/amount": 0.98}
    draw(renderer, trail, size=(64, 48), layer5=np.full((48, 64, 3), 255, np.uint8))
    assert (draw(renderer, trail, size=(62, 48), layer5=BLACK)[..., :3] == 0).all()
