"""Golden images, checked by eye, each with a semantic assertion.

Not compared on a GPU, which rounds differently. `MULTIVERSE_UPDATE_GOLDEN=1` redraws them with OpenGL.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import osc_schema
from engine.render import Renderer

FOLDER = Path(__file__).parent.parent / "golden"
SIZE = (160, 90)
TOLERANCE = 2
SHARE = 0.99
AMPLIFIED = 16
FRESH = {param.address: param.default for param in osc_schema.PARAMS if param.is_look}


def columns_apart(rgba: np.ndarray) -> float:
    """Mean difference of neighbouring columns divided by that of neighbouring rows."""
    light = rgba[..., :3].astype(float)
    return float(np.abs(np.diff(light, axis=1)).mean() - np.abs(np.diff(light, axis=0)).mean())


def has_all_hues(rgba: np.ndarray) -> bool:
    red, green, blue = (rgba[..., channel].astype(int) for channel in range(3))
    leads = [(red > green + 60) & (red > blue), (green > red) & (green > blue + 60), (blue > green + 60)]
    return all(lead.mean() > 0.02 for lead in leads)


def turned_by_a_sector(rgba: np.ndarray, segments: int) -> np.ndarray:
    """The picture rotated by one sector about its centre (nearest pixels), and a mask of pixels that stay inside."""
    height, width = rgba.shape[:2]
    y, x = np.mgrid[:height, :width] + 0.5
    angle = 2 * np.pi / segments
    dx, dy = x - width / 2, y - height / 2
    source_x = np.floor(dx * np.cos(angle) + dy * np.sin(angle) + width / 2).astype(int)
    source_y = np.floor(dy * np.cos(angle) - dx * np.sin(angle) + height / 2).astype(int)
    inside = np.hypot(dx, dy) < height / 2 - 2
    return np.where(inside[..., None], rgba[source_y.clip(0, height - 1), source_x.clip(0, width - 1)], rgba)


def looks_woven(rgba: np.ndarray) -> bool:
    """Dark gaps, bright crossings, neither overexposed nor too dark, all hues."""
    light = rgba[..., :3].max(axis=-1)
    return has_all_hues(rgba) and (light < 40).mean() > 0.02 and 90 < light.mean() < 200 and light.max() < 250


def looks_pale(rgba: np.ndarray) -> bool:
    """Bright everywhere because of bias 0.5, but not white, with stripes of several hues."""
    light = rgba[..., :3].astype(int)
    spans = np.ptp(light, axis=(0, 1))
    return (
        light.min() > 30 and (light.min(axis=-1) > 250).mean() < 0.01 and 110 < light.mean() < 215 and spans.min() > 40
    )


def looks_striped_upright(rgba: np.ndarray) -> bool:
    return (rgba == rgba[:1]).all() and columns_apart(rgba) > 5


def looks_like_star(rgba: np.ndarray) -> bool:
    """Unchanged by a rotation of one sector, except for interpolation, and symmetric top to bottom."""
    light = rgba[..., :3].astype(int)
    turned = turned_by_a_sector(rgba, 6)[..., :3].astype(int)
    return np.abs(light - turned).mean() < 12 and np.abs(light - light[::-1]).max() <= 2 and light.std() > 30


def looks_halved(rgba: np.ndarray) -> bool:
    """Left and right are equal, with more than one colour."""
    return np.abs(rgba.astype(int) - rgba[:, ::-1].astype(int)).max() <= 1 and has_all_hues(rgba)


def looks_trailing(rgba: np.ndarray) -> bool:
    """The dark gaps between the stripes are filled with older pictures."""
    light = rgba[..., :3].max(axis=-1)
    return (light < 40).mean() < 0.01 and rgba[..., :3].std() > 20


def looks_quartered(rgba: np.ndarray) -> bool:
    """Each quarter in the hue of its layer: red, green-yellow, cyan, violet."""
    height, width = rgba.shape[:2]
    means = [
        rgba[rows, columns, :3].mean(axis=(0, 1))
        for rows in (slice(0, height // 2), slice(height // 2, height))
        for columns in (slice(0, width // 2), slice(width // 2, width))
    ]
    return all(np.abs(one - other).max() > 30 for n, one in enumerate(means) for other in means[:n])


def looks_like_a_ring(rgba: np.ndarray) -> bool:
    """Bright at the ring, dark within and in the corners, and nothing green."""
    light = rgba[..., :3].astype(int)
    level = light.max(axis=-1)
    height, width = level.shape
    y, x = np.mgrid[:height, :width]
    radius = np.hypot(x + 0.5 - width / 2, y + 0.5 - height / 2) / height
    is_on_ring = abs(radius - 0.28) < 0.06
    is_hot = (light[..., 1][level > 60] <= light[..., [0, 2]].max(axis=-1)[level > 60]).mean() > 0.95
    is_dark = level[radius < 0.15].max() < 60 and level[radius > 0.9].max() < 40
    return bool(is_hot and is_dark and level[is_on_ring].max() > 150 and (level < 40).mean() > 1 / 3)


SCENES: dict[str, tuple[dict[str, Any], Callable[[np.ndarray], bool], int]] = {
    "plain": ({}, looks_woven, 1),
    "one_layer": ({"/layer/1/solo": True}, looks_striped_upright, 1),
    "difference": ({"/multiverse/blend": 2.0}, has_all_hues, 1),
    "dodge": ({"/multiverse/blend": 3.0}, lambda rgba: 20 < rgba[..., :3].mean() < 120, 1),
    "curved": ({f"/layer/{n}/curve": 0.2 for n in (1, 2, 3, 4)}, looks_woven, 1),
    "kaleidoscope": ({"/mirror/mode": "kaleidoscope"}, looks_like_star, 1),
    "mirrored": ({"/mirror/mode": "x"}, looks_halved, 1),
    "trail": ({"/feedback/amount": 0.95, "/feedback/zoom": 1.03, "/feedback/rotate": 2.0}, looks_trailing, 12),
    "regions": ({"/region/enable": True, "/colour/mode": "fixed"}, looks_quartered, 1),
}


@pytest.fixture
def compare(renderer: Renderer, tmp_path: Path) -> Callable[[np.ndarray, str], None]:
    """Compares a picture with the one in tests/golden; on failure writes the difference, amplified 16 times."""

    def check(rgba: np.ndarray, name: str) -> None:
        path = FOLDER / f"{name}.png"
        if not renderer.is_software:
            return
        if renderer.kind == "gl" and os.environ.get("MULTIVERSE_UPDATE_GOLDEN") == "1":
            Image.fromarray(rgba).save(path, optimize=True)
        golden = np.asarray(Image.open(path))
        apart = np.abs(rgba.astype(int) - golden.astype(int))
        if (apart <= TOLERANCE).all(axis=-1).mean() < SHARE:
            amplified = np.minimum(apart[..., :3] * AMPLIFIED, 255).astype(np.uint8)
            Image.fromarray(amplified).save(tmp_path / f"{name}-apart.png")
            Image.fromarray(rgba).save(tmp_path / f"{name}-drawn.png")
            pytest.fail(f"{name}: up to {apart.max()} of 255 apart; see {tmp_path}")

    return check


def test_the_picture_equals_the_checked_golden_image(renderer: Renderer, draw: Any, compare: Any) -> None:
    for name in SCENES:
        changes, looks_right, frames = SCENES[name]
        renderer.resize(*SIZE)
        quarters = np.array([[0, 1], [2, 3]], np.uint8)
        for frame in range(frames):
            pitches_hz = tuple(hz * (1 + 0.01 * frame) for hz in (110.0, 164.8, 220.0, 277.2))
            rgba = draw(renderer, changes, pitches_hz=pitches_hz, region=quarters, time_s=frame / 30)
        assert looks_right(rgba), name
        compare(rgba, name)


def test_the_default_look_is_a_ring_on_a_dark_ground(renderer: Renderer, draw: Any, compare: Any, tones: Any) -> None:
    renderer.resize(*SIZE)
    for frame in range(12):
        pitches_hz = tuple(hz * (1 + 0.01 * frame) for hz in (110.0, 164.8, 220.0, 277.2))
        waves = tones(pitches_hz, 0.15)[:, (np.arange(1024) * 0.22).astype(int)]  # 11 ms at the level of music
        rgba = draw(renderer, FRESH, waves=waves, pitches_hz=pitches_hz, time_s=frame / 30)
    assert looks_like_a_ring(rgba)
    compare(rgba, "default")


def test_vav_original_is_pale_with_visible_stripes(renderer: Renderer, draw: Any, compare: Any, vav: Any) -> None:
    rgba = draw(renderer, vav, size=SIZE)
    assert looks_pale(rgba)
    compare(rgba, "vav_original")


def test_silence_with_the_default_look_is_a_calm_ring(renderer: Renderer, draw: Callable) -> None:
    silent = np.zeros((4, 1024), np.float32)
    draw(renderer, FRESH, size=SIZE)
    for frame in range(60):  # trails from before the break fade
        before = draw(renderer, FRESH, waves=silent, time_s=(frame + 1) / 30)
    rgba = draw(renderer, FRESH, waves=silent, time_s=61 / 30)
    assert looks_like_a_ring(rgba)
    assert np.abs(rgba.astype(int) - before).mean() < 0.5
