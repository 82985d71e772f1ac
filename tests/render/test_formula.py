"""The picture's formula at pixels calculated by hand, in plain Python numbers."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.render.picture import Renderer

C4_EFLAT4_FSHARP4_A4_HZ = (261.63, 311.13, 369.99, 440.0)
RED_HZ = 261.63  # C is red
ONLY_LAYER_1 = {"/layer/1/solo": True}
LINEAR = {"/multiverse/tone": "clip", "/multiverse/brightness": 1.0, "/multiverse/bias": 0.0}
RED_OVER_RED = {"/layer/1/solo": True, "/layer/2/solo": True}
A, B = 0.3, 0.6


@pytest.fixture
def red(renderer: Renderer, draw: Callable) -> Callable[..., np.ndarray]:
    """Fixture: `red(changes, *waves, size=(1, 1), ...)` draws notes C, which are red. A number is a
    constant wave, omitted channels are silent."""

    def paint(
        changes: dict[str, Any], *channels: np.ndarray | float, size: Any = (1, 1), **more: Any
    ) -> np.ndarray:
        waves = np.zeros((4, 1024), np.float32)
        for channel, wave in enumerate(channels):
            waves[channel] = wave
        return draw(
            renderer, changes, **{"size": size, "waves": waves, "pitches_hz": (RED_HZ,) * 4} | more
        )

    return paint


def level(value: float) -> int:
    return math.floor(min(max(value, 0), 1) * 255 + 0.5)


def test_silence_is_a_red_of_level_70_or_a_grey_of_four_hues(red: Callable) -> None:
    rgba = red(ONLY_LAYER_1, size=(2, 2))
    # bias 0.1 x brightness 2.5 = 0.25; (0.25 / 1.25)^0.8 = 0.2^0.8 = 0.27595; x 255 = 70.4
    assert (rgba == (70, 0, 0, 255)).all()
    rgba = red({}, size=(2, 2), pitches_hz=C4_EFLAT4_FSHARP4_A4_HZ)
    # Hues 0, 1/4, 1/2, 3/4: red, green with half red, cyan, blue with half red: red 2, green 2,
    # blue 2 in all.
    light = 0.1 * 2 * 2.5
    expected = level((light / (1 + light)) ** 0.8)
    assert expected == 106
    # A4 and F#4 are not exactly 3/4 and 1/2
    assert np.abs(rgba[..., :3].astype(int) - expected).max() <= 1


def test_the_base_is_the_first_playing_layer_and_a_faint_one_gets_less_weight(
    red: Callable,
) -> None:
    rgba = red(
        LINEAR | ONLY_LAYER_1 | {"/layer/1/intensity": 0.025, "/multiverse/brightness": 4.0}, 1.0
    )
    # v = 0.025, weight smoothstep(0.5) = 0.5, x 4
    assert rgba[0, 0, 0] == level(0.025 * 0.5 * 4)
    rgba = red(
        LINEAR | {"/layer/1/mute": True, "/multiverse/blend": 3.0, "/layer/2/solo": True}, 0.9, 0.4
    )
    assert rgba[0, 0].tolist() == [level(0.4), 0, 0, 255]


def test_each_blend_mode_the_crossfades_between_them_and_dodge_over_black(red: Callable) -> None:
    for blend, tone, expected in [
        (0.0, "clip", A + B),
        (1.0, "clip", 1 - (1 - A) * (1 - B)),
        (2.0, "clip", B - A),
        (3.0, "clip", A / (1 - B)),
        (0.5, "clip", (A + B) / 2 + (1 - (1 - A) * (1 - B)) / 2),
        (1.75, "clip", (1 - (1 - A) * (1 - B)) * 0.25 + (B - A) * 0.75),
        (2.5, "clip", (B - A) / 2 + A / (1 - B) / 2),
        (0.0, "soft", ((A + B) / (1 + A + B)) ** 0.8),
    ]:
        rgba = red(
            LINEAR | RED_OVER_RED | {"/multiverse/blend": blend, "/multiverse/tone": tone}, A, B
        )
        assert abs(int(rgba[0, 0, 0]) - level(expected)) <= 1, blend
    dodged = LINEAR | RED_OVER_RED | {"/multiverse/blend": 3.0}
    assert red(dodged, 0.0, 0.5)[0, 0].tolist() == [
        level(0.06 / 0.5),
        level(0.06),
        level(0.06),
        255,
    ]
    assert red(dodged, 0.0, 1.0)[0, 0, 0] == 255
    loud = {"/multiverse/bias": 0.0, "/multiverse/brightness": 0.5}
    assert red(loud | {"/multiverse/tone": "clip"}, 1, 1, 1, 1)[0, 0, 0] == level(0.5)
    assert red(loud, 1, 1, 1, 1)[0, 0, 0] == level((2 / 3) ** 0.8)
