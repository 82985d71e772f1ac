"""Golden images, checked by eye; not compared on a GPU, which rounds differently.

`MULTIVERSE_UPDATE_GOLDEN=1` redraws them with OpenGL.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import osc_schema
from engine.render.picture import Renderer

FOLDER = Path(__file__).parent.parent / "golden"
SIZE = (160, 90)
TOLERANCE = 2
MIN_EQUAL_FRACTION = 0.99
AMPLIFIED = 16
FRESH = {param.address: param.default for param in osc_schema.PARAMS if param.is_look}


def looks_like_a_ring(rgba: np.ndarray) -> bool:
    """Bright at the ring, dark within but for the streak, and in the corners, and nothing green."""
    light = rgba[..., :3].astype(int)
    level = light.max(axis=-1)
    height, width = level.shape
    y, x = np.mgrid[:height, :width]
    radius = np.hypot(x + 0.5 - width / 2, y + 0.5 - height / 2) / height
    is_on_ring = abs(radius - 0.28) < 0.06
    is_hot = (
        light[..., 1][level > 60] <= light[..., [0, 2]].max(axis=-1)[level > 60]
    ).mean() > 0.95
    is_dark = (level[radius < 0.15] < 60).mean() > 0.75 and level[radius > 0.9].max() < 60
    return bool(
        is_hot and is_dark and level[is_on_ring].max() > 150 and (level < 40).mean() > 1 / 3
    )


SCENES: dict[str, tuple[dict[str, Any], int]] = {
    "plain": ({}, 1),
    "one_layer": ({"/layer/1/solo": True}, 1),
    "difference": ({"/multiverse/blend": 2.0}, 1),
    "dodge": ({"/multiverse/blend": 3.0}, 1),
    "curved": ({f"/layer/{n}/curve": 0.2 for n in (1, 2, 3, 4)}, 1),
    "kaleidoscope": ({"/mirror/mode": "kaleidoscope"}, 1),
    "mirrored": ({"/mirror/mode": "x"}, 1),
    "trail": ({"/feedback/amount": 0.95, "/feedback/zoom": 1.03, "/feedback/rotate": 2.0}, 12),
    "regions": ({"/region/enable": True, "/colour/mode": "fixed"}, 1),
}
"""Changes of the plain look, and the frames that are drawn."""


@pytest.fixture
def compare(renderer: Renderer, tmp_path: Path) -> Callable[[np.ndarray, str], None]:
    """Compares a picture with the one in tests/golden; on failure writes the difference, amplified
    16 times."""

    def check(rgba: np.ndarray, name: str) -> None:
        path = FOLDER / f"{name}.png"
        if not renderer.is_software:
            return
        if renderer.kind == "gl" and os.environ.get("MULTIVERSE_UPDATE_GOLDEN") == "1":
            Image.fromarray(rgba).save(path, optimize=True)
        apart = np.abs(rgba.astype(int) - np.asarray(Image.open(path)).astype(int))
        if (apart <= TOLERANCE).all(axis=-1).mean() < MIN_EQUAL_FRACTION:
            amplified = np.minimum(apart[..., :3] * AMPLIFIED, 255).astype(np.uint8)
            Image.fromarray(amplified).save(tmp_path / f"{name}-apart.png")
            Image.fromarray(rgba).save(tmp_path / f"{name}-drawn.png")
            pytest.fail(f"{name}: up to {apart.max()} of 255 apart; see {tmp_path}")

    return check


def test_the_picture_equals_the_checked_golden_image(
    renderer: Renderer, draw: Any, compare: Any
) -> None:
    for name, (changes, frames) in SCENES.items():
        renderer.resize(*SIZE)
        quarters = np.array([[0, 1], [2, 3]], np.uint8)
        for frame in range(frames):
            pitches_hz = tuple(hz * (1 + 0.01 * frame) for hz in (110.0, 164.8, 220.0, 277.2))
            rgba = draw(
                renderer, changes, pitches_hz=pitches_hz, region=quarters, time_s=frame / 30
            )
        compare(rgba, name)


def test_the_default_look_is_a_ring_on_a_dark_ground(
    renderer: Renderer, draw: Any, compare: Any, tones: Any
) -> None:
    renderer.resize(*SIZE)
    for frame in range(12):
        pitches_hz = tuple(hz * (1 + 0.01 * frame) for hz in (110.0, 164.8, 220.0, 277.2))
        # 11 ms at the level of music
        waves = tones(pitches_hz, 0.15)[:, (np.arange(1024) * 0.22).astype(int)]
        rgba = draw(renderer, FRESH, waves=waves, pitches_hz=pitches_hz, time_s=frame / 30)
    assert looks_like_a_ring(rgba)
    compare(rgba, "default")


def test_vav_original_equals_the_checked_golden_image(
    renderer: Renderer, draw: Any, compare: Any, vav: Any
) -> None:
    compare(draw(renderer, vav, size=SIZE), "vav_original")


def test_silence_with_the_default_look_is_a_calm_ring(renderer: Renderer, draw: Callable) -> None:
    silent = np.zeros((4, 1024), np.float32)
    draw(renderer, FRESH, size=SIZE)
    for frame in range(60):  # trails from before the break fade
        before = draw(renderer, FRESH, waves=silent, time_s=(frame + 1) / 30)
    rgba = draw(renderer, FRESH, waves=silent, time_s=61 / 30)
    assert looks_like_a_ring(rgba)
    assert np.abs(rgba.astype(int) - before).mean() < 0.5
