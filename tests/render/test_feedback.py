"""Feedback of the last picture."""

from collections.abc import Callable

import numpy as np

from engine.render.picture import Renderer

SIMPLE = {"/mode": "simple"}  # below the trail is exactly the camera's picture
BLACK = np.zeros((48, 64, 3), np.uint8)


def spot(column: int, row: int, colour: tuple[int, int, int] = (255, 255, 255)) -> np.ndarray:
    camera = BLACK.copy()
    camera[row - 2 : row + 2, column - 2 : column + 2] = colour
    return camera


def test_the_longest_trail_fades_to_black_completely(renderer: Renderer, draw: Callable) -> None:
    for changes in [{}, {"/feedback/zoom": 1.02, "/feedback/rotate": 3.0}, {"/feedback/hue": 0.07}]:
        trail = SIMPLE | {"/feedback/amount": 0.98} | changes
        # rounding would freeze 24 and below
        card = np.random.default_rng(5).integers(0, 70, (48, 64, 3), dtype=np.uint8)
        draw(renderer, trail, size=(64, 48), layer5=card)
        brightest = 70
        for _ in range(70):
            rgba = draw(renderer, trail, layer5=BLACK)
            assert rgba[..., :3].max() <= brightest, changes
            brightest = rgba[..., :3].max()
        assert brightest == 0, changes


def test_a_trail_loses_a_fiftieth_a_frame_under_the_brighter_picture(
    renderer: Renderer, draw: Callable
) -> None:
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


def test_the_trail_is_of_the_picture_before_master_fade_and_of_its_size(
    renderer: Renderer, draw: Callable
) -> None:
    trail = SIMPLE | {"/feedback/amount": 0.5}
    draw(
        renderer,
        trail | {"/master/fade": 0.1},
        size=(64, 48),
        layer5=np.full((48, 64, 3), 200, np.uint8),
    )
    assert (draw(renderer, trail, layer5=BLACK)[..., :3] == 100).all()
    trail = SIMPLE | {"/feedback/amount": 0.98}
    draw(renderer, trail, size=(64, 48), layer5=np.full((48, 64, 3), 255, np.uint8))
    assert (draw(renderer, trail, size=(62, 48), layer5=BLACK)[..., :3] == 0).all()
