"""The crossfade of layer 5, and the same two pictures as an extra picture."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.render.picture import PictureCrossfade, Renderer
from engine.values import VideoFrame
from tests.benchmarks.render_reference import draw_reference
from tests.support.pictures import draw_once, frame_of, on_air

SIMPLE = {"/mode": "simple"}
RED, BLUE = (255, 0, 0), (0, 0, 255)
LOOKS: dict[str, dict[str, Any]] = {
    "simple": SIMPLE | {"/layer/5/mirror": True},
    "added": {"/layer/5/intensity": 0.6},
    "dodged, kaleidoscope": {
        "/layer/5/intensity": 0.7,
        "/multiverse/blend": 3.0,
        "/mirror/mode": "kaleidoscope",
    },
    "bright clip": {
        "/layer/5/intensity": 1.0,
        "/multiverse/tone": "clip",
        "/multiverse/brightness": 4.0,
    },
}


def frame(pixels: np.ndarray | tuple[int, int, int], size: tuple[int, int] = (9, 7)) -> VideoFrame:
    """A frame with these pixels, or of one colour in this size."""
    if isinstance(pixels, tuple):
        pixels = np.full((size[1], size[0], 3), pixels, np.uint8)
    return frame_of(pixels)


def noise(seed: int, size: tuple[int, int] = (64, 48)) -> VideoFrame:
    return frame(
        np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    )


def mixed(picture: VideoFrame, before: VideoFrame, mix: float) -> np.ndarray:
    exact = before.pixels * (1.0 - mix) + picture.pixels * mix
    return np.floor(exact + 0.5).astype(np.uint8)


def opaque(pixels: np.ndarray) -> np.ndarray:
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])


def apart(one: np.ndarray, other: np.ndarray) -> int:
    """Largest difference of any channel of two pictures."""
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.fixture
def fade(picture: Callable) -> Callable[..., np.ndarray]:
    """`fade(renderer, look, after, before, mix, ...)`: the finished picture."""

    def draw_one(
        renderer: Renderer,
        changes: dict[str, Any],
        after: VideoFrame,
        before: VideoFrame | None,
        mix: float,
        size: tuple[int, int] | None = None,
        **more: Any,
    ) -> np.ndarray:
        if size is not None:
            renderer.resize(*size)
        request = picture(changes, **more)
        request = on_air(request, layer5=PictureCrossfade.of(after, before, mix))
        return draw_once(renderer, request).read_rgba()

    return draw_one


def test_a_crossfade_of_any_size_stays_within_its_edges(renderer: Renderer, fade: Callable) -> None:
    for side in [2, 31, 64, 512]:
        rgba = fade(
            renderer, SIMPLE, frame(BLUE, (side, side)), frame(RED, (side, side)), 0.25, (80, 60)
        )
        assert (rgba == (191, 0, 64, 255)).all(), side


def test_at_its_ends_or_between_two_sizes_a_crossfade_is_the_one_picture(
    renderer: Renderer, fade: Callable
) -> None:
    after, before = noise(1), noise(2)
    for mix, seen in ((0.0, before), (1.0, after), (0.0, before), (1.0, after)):
        assert (fade(renderer, SIMPLE, after, before, mix, (64, 48)) == opaque(seen.pixels)).all()
    assert (fade(renderer, SIMPLE, after, None, 0.0) == opaque(after.pixels)).all()
    assert (fade(renderer, SIMPLE, after, after, 0.5) == opaque(after.pixels)).all()
    rgba = fade(renderer, SIMPLE, frame(BLUE, (16, 16)), frame(RED, (8, 8)), 0.25, (16, 16))
    assert (rgba == (*BLUE, 255)).all()


def test_all_three_crossfade_alike(
    gl: Renderer, cpu: Renderer, fade: Any, values: Any, tones: Any
) -> None:
    for look in LOOKS.values():
        size, pitches_hz = (160, 90), (110.0, 164.8, 220.0, 277.2)
        after, before = (
            frame(noise(seed, (17, 12)).pixels.repeat(7, 0).repeat(7, 1)) for seed in (3, 4)
        )
        by_gl, by_numba = (fade(renderer, look, after, before, 0.3, size) for renderer in (gl, cpu))
        expected = draw_reference(
            values(look), tones(), pitches_hz, *size, layer5=mixed(after, before, 0.3)
        )
        for one, other in ((by_gl, by_numba), (by_gl, expected), (by_numba, expected)):
            assert (np.abs(one.astype(int) - other.astype(int)) <= 2).mean(
                axis=(0, 1)
            ).min() >= 0.99, look


def test_a_frozen_picture_stays_while_its_crossfade_continues(
    renderer: Renderer, fade: Callable
) -> None:
    after, before = frame((200, 200, 200)), frame((0, 0, 0))
    fade(renderer, SIMPLE, after, before, 0.25, (16, 16))
    frozen = SIMPLE | {"/master/freeze": True}
    assert (fade(renderer, frozen, after, before, 0.75)[..., :3] == 50).all()
    assert (
        renderer.lazy_picture(PictureCrossfade.of(after, before, 0.75)).read_rgba()[..., :3] == 150
    ).all()
    assert (renderer.read_rgba()[..., :3] == 50).all()
    assert (fade(renderer, SIMPLE, after, before, 1.0)[..., :3] == 200).all()


def test_an_extra_crossfade_has_its_own_size_and_no_effects(
    renderer: Renderer, draw: Any, f_card: Any
) -> None:
    for size in [(64, 48), (512, 512), (7, 5)]:
        draw(
            renderer,
            {"/master/fade": 0.5, "/layer/5/mirror": True, "/multiverse/alpha": "luma"},
            size=(32, 18),
        )
        card = f_card(*size)
        picture = frame(np.ascontiguousarray(card[..., :3]))
        lazy = renderer.lazy_picture(PictureCrossfade.of(picture))
        assert (lazy.width, lazy.height) == size, size
        assert (lazy.read_rgba() == card).all(), size
        upside_down = frame(np.ascontiguousarray(card[::-1, :, :3]))
        half = renderer.lazy_picture(PictureCrossfade.of(picture, upside_down, 0.5)).read_rgba()
        assert apart(half, opaque(mixed(picture, upside_down, 0.5))) <= 1, size
        none = renderer.lazy_picture(PictureCrossfade.of(picture, upside_down, 0.0))
        assert (none.read_rgba() == card[::-1]).all(), size
