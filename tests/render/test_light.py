"""Linear light, the filmic tone and the palette's ramp, at pixels with known answers."""

import math
from collections.abc import Callable
from itertools import pairwise, product

import numpy as np
import pytest

from engine.render.picture import Renderer
from tests.render.test_palettes import lab_of

RED_HZ = 261.63
ONE = {
    "/layer/1/solo": True,
    "/multiverse/bias": 0.0,
    "/colour/mode": "fixed",
    "/colour/spread": 0.0,
}
LINEAR = {"/multiverse/light": "linear", "/multiverse/tone": "clip", "/multiverse/brightness": 1.0}


@pytest.fixture
def pixel(renderer: Renderer, draw: Callable) -> Callable[..., list[int]]:
    """Red, green, blue of a picture of constant waves."""

    def of(changes: dict[str, object], *values: float) -> list[int]:
        waves = np.zeros((4, 1024), np.float32)
        waves[: len(values)] = np.array(values)[:, None]
        return draw(renderer, changes, size=(2, 2), waves=waves, pitches_hz=(RED_HZ,) * 4)[
            0, 0, :3
        ].tolist()

    return of


def light_of(level: float) -> float:
    """Linear light of a level 0..255 (sRGB)."""
    value = level / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def level_of(light: float) -> float:
    light = min(light, 1.0)
    return 255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)


def test_linear_light_is_as_bright_as_classic_adds_up_and_rolls_off(pixel: Callable) -> None:
    for value, brightness in ((0.05, 1.0), (0.2, 1.7), (0.5, 1.0), (0.5, 1.7), (0.9, 1.0)):
        classic = pixel(
            ONE | {"/multiverse/tone": "clip", "/multiverse/brightness": brightness}, value
        )
        linear = pixel(ONE | LINEAR | {"/multiverse/brightness": brightness}, value)
        assert linear == pytest.approx(classic, abs=5)
    same = ONE | {"/layer/2/solo": True}
    # 180, not 255
    assert pixel(same | LINEAR, 0.5, 0.5)[0] == pytest.approx(level_of(2 * light_of(127.5)), abs=1)
    assert (
        pixel(same | {"/multiverse/tone": "clip", "/multiverse/brightness": 1.0}, 0.5, 0.5)[0]
        == 255
    )
    light = 2.2**2.2 * light_of(127.5)
    soft = ONE | LINEAR | {"/multiverse/tone": "soft", "/multiverse/brightness": 2.2}
    assert pixel(soft, 0.5)[0] == pytest.approx(level_of(light / (1 + light)), abs=1)


def hue_deg(rgb: list[int]) -> float:
    _, a, b = lab_of(tuple(level / 255 for level in rgb))
    return math.degrees(math.atan2(b, a))


def chroma(rgb: list[int]) -> float:
    return math.hypot(*lab_of(tuple(level / 255 for level in rgb))[1:])


def apart_deg(one: float, other: float) -> float:
    return abs((one - other + 180) % 360 - 180)


def test_a_bright_colour_keeps_its_hue_and_turns_to_white(pixel: Callable) -> None:
    for hue, light in product([n / 12 for n in range(12)], ["classic", "linear"]):
        look = ONE | {
            "/multiverse/tone": "filmic",
            "/multiverse/light": light,
            "/colour/base_hue": hue,
        }
        seen = [
            pixel(look | {"/multiverse/brightness": gain}, 1.0)
            for gain in (0.7, 1.0, 1.5, 2.0, 3.0, 4.0)
        ]
        # Within 8 degrees; mixed with white in linear light blue moves by 19.
        assert max(apart_deg(hue_deg(rgb), hue_deg(seen[0])) for rgb in seen) < 8, (hue, light)
        chromas = [chroma(rgb) for rgb in seen[1:]]
        assert all(later < earlier + 0.003 for earlier, later in pairwise(chromas)), (hue, light)
        assert chromas[-1] < 0.6 * chromas[0], (hue, light)
        assert max(seen[-1]) > 245, (hue, light)


def test_the_filmic_tone_leaves_dim_colours(pixel: Callable) -> None:
    look = ONE | LINEAR
    for value in (0.0, 0.1, 0.3, 0.5):
        assert pixel(look | {"/multiverse/tone": "filmic"}, value) == pytest.approx(
            pixel(look, value), abs=1
        )
