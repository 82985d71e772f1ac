"""Bloom, glow, chromatic aberration, vignette, grain and exposure on real pictures."""

from collections.abc import Callable

import numpy as np
import pytest

from engine.render.picture import Renderer
from osc_schema import post

SIMPLE = {"/mode": "simple"}
SIZE = (192, 108)
AMOUNTS = [param for param in post.AREA.params if param.default == 0]
SHAPES = [param for param in post.AREA.params if param.default != 0]
EFFECTS = {
    **{amount.address: {amount.address: amount.high} for amount in AMOUNTS},
    **{
        f"all at {name} {shape.address}": {amount.address: 0.7 for amount in AMOUNTS}
        | {shape.address: value}
        for shape in SHAPES
        for name, value in (("least", shape.low), ("most", shape.high))
    },
    "all": {amount.address: 0.5 for amount in AMOUNTS},
}
"""Made from the declarations. That both renderers draw each: test_parity.py."""


def grey(level: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.full((size[1], size[0], 3), level, np.uint8)


def spot(level: int = 255, size: tuple[int, int] = SIZE, radius: int = 6) -> np.ndarray:
    """A picture of a disc in the middle of black."""
    y, x = np.mgrid[: size[1], : size[0]]
    disc = np.hypot(x - (size[0] - 1) / 2, y - (size[1] - 1) / 2) < radius
    return np.ascontiguousarray((disc * level).astype(np.uint8)[..., None].repeat(3, -1))


def test_black_stays_black(renderer: Renderer, draw: Callable) -> None:
    for effect in EFFECTS.values():
        draw(renderer, SIMPLE | effect, size=SIZE, layer5=grey(0))
        assert (renderer.read_rgba() == (0, 0, 0, 255)).all()


def test_bloom_shines_beyond_bright_parts_in_their_hue_by_its_radius(
    renderer: Renderer, draw: Callable
) -> None:
    look = SIMPLE | {"/post/bloom": 0.6}
    line = draw(renderer, look, size=SIZE, layer5=spot())[SIZE[1] // 2, SIZE[0] // 2 :, 0].astype(
        int
    )
    assert line[0] == 255 and line[8] > 60  # the disc itself is white, its edge shines
    assert (np.diff(line[8:]) <= 1).all() and line[60] < 0.3 * line[8]
    dim = draw(renderer, look, size=SIZE, layer5=spot(100))  # below the threshold
    assert (dim == draw(renderer, SIMPLE, layer5=spot(100))).all()
    size, reach_px = (768, 432), []
    for radius in (0.0, 0.5, 1.0):
        look = SIMPLE | {"/post/bloom": 0.6, "/post/bloom_radius": radius}
        rgba = draw(renderer, look, size=size, layer5=spot(size=size))
        line = rgba[size[1] // 2, size[0] // 2 + 7 :, 0].astype(int)
        reach_px.append(int(np.argmax(line < line[0] / 2)))
    assert 0 < reach_px[0] < reach_px[1] < reach_px[2]
    red = spot() * np.array([1, 0, 0], np.uint8)
    rgba = draw(renderer, SIMPLE | {"/post/bloom": 1.0}, size=SIZE, layer5=red)
    assert rgba[54, 110, 0] > 30 and (rgba[..., 1:3] == 0).all()


def test_bloom_looks_the_same_in_any_resolution(renderer: Renderer, draw: Callable) -> None:
    look = SIMPLE | {"/post/bloom": 0.7, "/post/bloom_radius": 0.8}
    small, large = (
        draw(
            renderer,
            look,
            size=(192 * times, 108 * times),
            layer5=spot(size=(192 * times, 108 * times), radius=12 * times),
        )
        for times in (1, 3)
    )
    for x in (0.6, 0.65, 0.75, 0.9):
        one, other = (
            int(rgba[rgba.shape[0] // 2, round(rgba.shape[1] * x), 0]) for rgba in (small, large)
        )
        assert abs(one - other) <= 6


def test_a_vignette_darkens_the_corners_and_grain_the_middle_tones(
    renderer: Renderer, draw: Callable
) -> None:
    rgba = draw(renderer, SIMPLE | {"/post/vignette": 1.0}, size=SIZE, layer5=grey(200)).astype(int)
    assert rgba[54, 96, 0] == 200 and 48 <= rgba[0, 0, 0] <= 56
    assert rgba[54, 60, 0] > 190 and (np.diff(rgba[54, 96:, 0]) <= 0).all()
    look = SIMPLE | {"/post/grain": 1.0}
    deviation = [
        draw(renderer, look, size=SIZE, layer5=grey(level))[..., 1].std()
        for level in (20, 128, 255)
    ]
    assert deviation[1] > 8 > deviation[0] > deviation[2] == 0
    assert draw(renderer, look, layer5=grey(128))[..., 1].mean() == pytest.approx(128, abs=1)


def test_exposure_fades_the_picture_to_black_and_lifts_the_dark_by_two_stops(
    renderer: Renderer, draw: Callable
) -> None:
    levels = {
        at: [
            int(draw(renderer, SIMPLE | {"/post/exposure": at}, size=SIZE, layer5=grey(v))[9, 9, 0])
            for v in (20, 128, 254)
        ]
        for at in (-1.0, -0.5, 0.0, 1.0)
    }
    assert levels == {
        -1.0: [0, 0, 0],
        -0.5: [10, 64, 127],
        0.0: [20, 128, 254],
        1.0: [40, 193, 255],
    }


def test_grain_moves_like_film_grain_and_is_the_same_at_the_same_time(
    renderer: Renderer, draw: Callable
) -> None:
    look = SIMPLE | {"/post/grain": 0.5}

    def at(time_s: float, changes: dict[str, object] | None = None) -> np.ndarray:
        return draw(renderer, look | (changes or {}), layer5=grey(128), time_s=time_s).copy()

    renderer.resize(*SIZE)
    first = at(10.0)
    assert (at(10.03) == first).all()  # within a 24th of a second
    assert np.abs(at(10.05).astype(int) - first).mean() > 2
    frozen = at(10.06).copy()
    assert (at(11.0, {"/master/freeze": True}) == frozen).all()
    assert (at(10.0) == first).all()


def test_the_flash_guard_measures_the_picture_with_its_effects(
    renderer: Renderer, draw: Callable
) -> None:
    look = SIMPLE | {"/safety/flash_guard": True}
    thin = grey(0)
    thin[::24] = 170  # too little light to flash

    def is_limited(changes: dict[str, object]) -> bool:
        renderer.resize(*SIZE)
        draw(renderer, look | {"/safety/flash_guard": False}, layer5=grey(0))
        has_limited = False
        for frame in range(24):
            draw(renderer, look | changes, layer5=thin if frame % 2 else grey(0), time_s=frame / 24)
            has_limited = has_limited or renderer.flash_guard.is_limiting
        return has_limited

    assert not is_limited({})
    assert is_limited({"/post/bloom": 1.0, "/post/bloom_threshold": 0.0, "/post/bloom_radius": 0.5})
