"""The picture's formula at pixels calculated by hand, in plain Python numbers."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.render import Renderer

C4_EFLAT4_FSHARP4_A4_HZ = (261.63, 311.13, 369.99, 440.0)
RED_HZ = 261.63  # C is red
ONLY_LAYER_1 = {"/layer/1/solo": True}
LINEAR = {"/multiverse/tone": "clip", "/multiverse/brightness": 1.0, "/multiverse/bias": 0.0}
RAMP = np.arange(1024, dtype=np.float32) / 1024  # the value at place u, 0..1, is u
RED_OVER_RED = {"/layer/1/solo": True, "/layer/2/solo": True}
A, B = 0.3, 0.6


@pytest.fixture
def red(renderer: Renderer, draw: Callable) -> Callable[..., np.ndarray]:
    """`red(changes, *waves, size=(1, 1), ...)`: the picture of notes C, which are red; a number is a constant wave,
    omitted channels are silent."""

    def drawn(changes: dict[str, Any], *channels: np.ndarray | float, size: Any = (1, 1), **more: Any) -> np.ndarray:
        waves = np.zeros((4, 1024), np.float32)
        for channel, wave in enumerate(channels):
            waves[channel] = wave
        return draw(renderer, changes, **{"size": size, "waves": waves, "pitches_hz": (RED_HZ,) * 4} | more)

    return drawn


def level(value: float) -> int:
    return math.floor(min(max(value, 0), 1) * 255 + 0.5)


def test_silence_is_a_red_of_level_70_or_a_grey_of_four_hues(red: Callable) -> None:
    rgba = red(ONLY_LAYER_1, size=(2, 2))
    # bias 0.1 x brightness 2.5 = 0.25; (0.25 / 1.25)^0.8 = 0.2^0.8 = 0.27595; x 255 = 70.4
    assert (rgba == (70, 0, 0, 255)).all()
    rgba = red({}, size=(2, 2), pitches_hz=C4_EFLAT4_FSHARP4_A4_HZ)
    # Hues 0, 1/4, 1/2, 3/4: red, green with half red, cyan, blue with half red: red 2, green 2, blue 2 in all.
    light = 0.1 * 2 * 2.5
    expected = level((light / (1 + light)) ** 0.8)
    assert expected == 106
    assert np.abs(rgba[..., :3].astype(int) - expected).max() <= 1  # A4 and F#4 are not exactly 3/4 and 1/2


def test_a_wave_is_placed_turned_and_bent_as_the_formula_says(red: Callable) -> None:
    for wrap in ["repeat", "mirror"]:
        rgba = red(LINEAR | ONLY_LAYER_1 | {"/layer/1/wrap": wrap, "/layer/1/ratio": 2.0}, RAMP, size=(512, 1))
        for i in (10, 64, 192, 320, 448, 500):
            place = (i + 0.5) / 256
            expected = place % 1 if wrap == "repeat" else 1 - abs(1 - place)
            assert abs(int(rgba[0, i, 0]) - level(expected)) <= 1, wrap
    changes = LINEAR | ONLY_LAYER_1 | {"/layer/1/wrap": "repeat", "/layer/1/ratio": 0.5, "/layer/1/phase": 0.5}
    rgba = red(changes, RAMP, size=(2, 1))
    assert rgba[0, :, 0].tolist() == [level((x + 0.5) * 0.5) for x in (0.25, 0.75)]
    rgba = red(LINEAR | ONLY_LAYER_1 | {"/layer/1/wrap": "repeat", "/layer/1/angle": 90.0}, RAMP, size=(4, 2))
    # s = max(H/W, W/H) = 2; x' = 1/2 + (dy/2)/4 with dy = -1/2, 1/2
    assert (rgba[0, :, 0] == level(0.5 - 1 / 16)).all() and (rgba[1, :, 0] == level(0.5 + 1 / 16)).all()
    rgba = red(LINEAR | ONLY_LAYER_1 | {"/layer/1/wrap": "repeat", "/layer/1/angle": 30.0}, RAMP, size=(16, 9))
    cos, sin = math.cos(math.radians(30)), math.sin(math.radians(30))
    zoom = max((16 * cos + 9 * sin) / 16, (16 * sin + 9 * cos) / 9)
    for i, j in ((0, 0), (15, 8), (3, 7)):
        dx, dy = (i + 0.5 - 8) / zoom, (j + 0.5 - 4.5) / zoom
        place = 0.5 + (dx * cos + dy * sin) / 16
        assert 0 < place < 1
        assert abs(int(rgba[j, i, 0]) - level(place)) <= 1
    rgba = red(LINEAR | ONLY_LAYER_1 | {"/layer/1/wrap": "repeat", "/layer/1/curve": 0.3}, RAMP, size=(512, 512))
    for i, j in ((10, 20), (150, 40), (290, 480), (500, 130)):
        x, y = (i + 0.5) / 512, (j + 0.5) / 512
        u = (x + 2 * 0.3 * (2 * y - 1) * math.sin(math.pi * x)) % 1
        assert abs(int(rgba[j, i, 0]) - level(u)) <= 1


def test_the_base_is_the_first_playing_layer_and_a_faint_one_gets_less_weight(red: Callable) -> None:
    rgba = red(LINEAR | ONLY_LAYER_1 | {"/layer/1/intensity": 0.025, "/multiverse/brightness": 4.0}, 1.0)
    # v = 0.025, weight smoothstep(0.5) = 0.5, x 4
    assert rgba[0, 0, 0] == level(0.025 * 0.5 * 4)
    rgba = red(LINEAR | {"/layer/1/mute": True, "/multiverse/blend": 3.0, "/layer/2/solo": True}, 0.9, 0.4)
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
        rgba = red(LINEAR | RED_OVER_RED | {"/multiverse/blend": blend, "/multiverse/tone": tone}, A, B)
        assert abs(int(rgba[0, 0, 0]) - level(expected)) <= 1, blend
    dodged = LINEAR | RED_OVER_RED | {"/multiverse/blend": 3.0}
    assert red(dodged, 0.0, 0.5)[0, 0].tolist() == [level(0.06 / 0.5), level(0.06), level(0.06), 255]
    assert red(dodged, 0.0, 1.0)[0, 0, 0] == 255
    loud = {"/multiverse/bias": 0.0, "/multiverse/brightness": 0.5}
    assert red(loud | {"/multiverse/tone": "clip"}, 1, 1, 1, 1)[0, 0, 0] == level(0.5)
    assert red(loud, 1, 1, 1, 1)[0, 0, 0] == level((2 / 3) ** 0.8)
