"""Shapes of the layers, traces of an even width, and stripes that never turn into moire."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from engine.render import shapes
from engine.render.look import LayerLook, Look
from engine.render.picture import Renderer
from osc_schema import PARAMS

ALONE = {
    "/layer/1/solo": True,
    "/multiverse/bias": 0.0,
    "/multiverse/tone": "clip",
    "/multiverse/brightness": 1.0,
}
RED = {"/colour/mode": "fixed", "/colour/spread": 0.0, "/colour/base_hue": 0.0}
LINE = ALONE | RED | {"/layer/1/shape": "line", "/layer/1/line_glow": 0.0, "/layer/1/curve": 0.5}
FINE = {f"/layer/{n}/ratio": 16.0 for n in (1, 2, 3, 4)} | {
    f"/layer/{n}/curve": 0.6 for n in (1, 2, 3, 4)
}


def waves_of(first: np.ndarray | float) -> np.ndarray:
    waves = np.zeros((4, 1024), np.float32)
    waves[0] = first
    return waves


def tone(cycles: float) -> np.ndarray:
    return (0.5 + 0.5 * np.sin(2 * np.pi * cycles * np.arange(1024) / 1024)).astype(np.float32)


@pytest.fixture
def red(renderer: Renderer, draw: Callable) -> Callable[..., np.ndarray]:
    """(height, width) float 0..1: the red of layer 1 alone."""

    def draw_wave(
        changes: dict[str, Any], wave: np.ndarray | float, size: tuple[int, int]
    ) -> np.ndarray:
        return draw(renderer, ALONE | RED | changes, waves=waves_of(wave), size=size)[..., 0] / 255

    return draw_wave


def test_rays_run_around_the_centre_without_a_seam_and_a_spiral_is_the_same_after_half_a_turn(
    red: Callable,
) -> None:
    for ratio in (1.0, 1.37):
        seen = red({"/layer/1/shape": "rays", "/layer/1/ratio": ratio}, tone(2), (120, 120))
        radius = 50
        turns = np.linspace(0, 2 * math.pi, 600)
        around = seen[
            (60 + radius * np.sin(turns)).astype(int), (60 + radius * np.cos(turns)).astype(int)
        ]
        assert np.abs(np.diff(around)).max() < 0.2 and np.ptp(around) > 0.9
    seen = red({"/layer/1/shape": "rays", "/layer/1/ratio": 8.0}, tone(8), (121, 121))
    assert np.abs(seen[58:63, 58:63] - 0.5).max() < 0.1
    assert seen.std() > 0.2  # and are clear elsewhere
    seen = red({"/layer/1/shape": "spiral"}, tone(1), (120, 120))
    assert np.abs(seen - seen[::-1, ::-1]).max() < 0.02
    assert np.abs(seen - seen[:, ::-1]).mean() > 0.1  # but not its own mirror image


def test_a_line_is_as_thick_as_requested_level_or_steep_and_never_thinner_than_a_pixel(
    red: Any,
) -> None:
    for size in [(160, 90), (320, 180), (640, 360)]:
        for width in (0.05, 2.0):
            seen = red(LINE | {"/layer/1/line_width": width}, 0.0, size)
            assert seen.sum(axis=0) == pytest.approx(max(width / 100 * size[1], 1.0), abs=0.05), (
                size
            )
            assert np.ptp(seen, axis=1).max() < 0.01, size
    ramp = np.linspace(-0.5, 0.5, 1024, dtype=np.float32)
    seen = red(LINE | {"/layer/1/line_width": 3.0, "/layer/1/curve": 1.0}, ramp, (200, 200))
    # It rises by 45 degrees: a column is cut at a slant.
    assert seen[:, 60:140].sum(axis=0) == pytest.approx(6 * math.sqrt(2), abs=0.4)


def test_traces_have_glow_but_no_streaks_at_a_jump(red: Callable) -> None:
    step = np.where(np.arange(1024) < 512, -0.4, 0.4).astype(np.float32)
    for glow_percent in (0.0, 5.0):
        look = LINE | {"/layer/1/line_width": 1.0, "/layer/1/line_glow": glow_percent}
        seen = red(look, step, (200, 200))
        lit = np.argwhere(seen > 0)
        reach_px = 1.0 + 0.5 + 2 * glow_percent + 1
        assert lit[:, 0].min() >= 100 - 40 - reach_px and lit[:, 0].max() <= 100 + 40 + reach_px
        upright = np.argwhere(seen[100] > 0)  # half way up only the jump itself
        assert abs(upright.mean() - 99.5) < 1.5 and np.ptp(upright) <= 2 * reach_px
    look = LINE | {
        "/layer/1/shape": "circle",
        "/layer/1/line_width": 1.0,
        "/layer/1/line_glow": 10.0,
    }
    seen = red(look, 0.0, (200, 200))
    y, x = np.mgrid[:200, :200] + 0.5
    # the circle's radius is 28 % of the height
    beyond_px = np.abs(np.hypot(x - 100, y - 100) - 56) - 1.0
    rings = [seen[(beyond_px > low) & (beyond_px <= low + 2)] for low in range(0, 20, 2)]
    assert all(earlier > later for earlier, later in pairwise([ring.mean() for ring in rings]))
    assert max(np.ptp(ring) for ring in rings[1:]) < 0.16
    assert seen[beyond_px > 21].max() < 0.01 and seen[beyond_px < -0.6].min() > 0.98


def test_fine_stripes_make_no_moire_and_smooth_waves_keep_their_swing(
    renderer: Renderer, draw: Callable
) -> None:
    look = FINE | {
        "/mirror/mode": "kaleidoscope",
        "/multiverse/tone": "clip",
        "/multiverse/brightness": 1.0,
    }
    waves = np.stack([tone(cycles) - 0.5 for cycles in (25, 31, 37, 43)])
    width, height, times = 160, 90, 5
    coarse = draw(renderer, look, waves=waves, size=(width, height))[..., :3].astype(float)
    fine = draw(renderer, look, waves=waves, size=(width * times, height * times))[..., :3].astype(
        float
    )
    true = fine.reshape(height, times, width, times, 3).mean(axis=(1, 3))
    assert np.sqrt(((coarse - true) ** 2).mean()) < 12  # sampled at one point per pixel: 50
    # A wave of five pixels a period keeps its full swing, though it is bent.
    look = ALONE | RED | {"/layer/1/curve": 0.05}
    seen = draw(renderer, look, waves=waves_of(tone(30)), size=(160, 90))[45, :, 0]
    assert seen.max() >= 250 and seen.min() <= 5
    waves = np.stack([tone(cycles) for cycles in (1, 10, 100, 500)])
    assert shapes.max_points_per_px(waves) == pytest.approx([409.6, 40.96, 4.096, 0.8192])
    assert (shapes.max_points_per_px(np.zeros((4, 1024), np.float32)) > 1e6).all()


def intervals(layer: LayerLook, wave: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`trace_rows` of one trace, one distance after the other: (4, 1025, 2) float32."""
    per_px = shapes.points_per_px(layer, shapes.shape_rows(layer, size), size[1])
    levels = shapes.line_levels_px(layer, size[1])
    pad = min(math.ceil(levels[-1] * per_px), shapes.MAX_REACH_POINTS) + 1
    full_px = layer.curve * size[1] * (shapes.CIRCLE_DEFLECTION if layer.shape == "circle" else 1.0)
    padded = np.pad(full_px * wave, (pad, pad + 1), "symmetric" if layer.is_mirrored else "wrap")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 1025)
    rows = np.empty((4, 1025, 2), np.float32)
    for level, (reach_px, taps) in enumerate(zip(levels, shapes.TAPS, strict=True)):
        if level > 1 and layer.line_glow == 0:
            rows[level] = rows[1]
            continue
        offsets_px = reach_px * np.sin(
            np.linspace(-math.pi / 2, math.pi / 2, taps if reach_px > 0 else 1)
        )
        shifts = (offsets_px * per_px).clip(-pad, pad)
        first = np.floor(shifts).astype(int) + pad
        fraction = (shifts - np.floor(shifts)).astype(np.float32)[:, None]
        between = (
            windows[first] * (1 - fraction) + windows[np.minimum(first + 1, 2 * pad)] * fraction
        )
        rise = np.sqrt(np.maximum(reach_px**2 - offsets_px**2, 0.0)).astype(np.float32)[:, None]
        rows[level] = np.stack([(between - rise).min(axis=0), (between + rise).max(axis=0)], axis=1)
    return rows


def test_traces_that_are_computed_together_have_the_bits_of_each_alone() -> None:
    rng = np.random.default_rng(1)
    first = Look.from_values({param.address: param.default for param in PARAMS}).layers[0]
    far = {"line_glow": 1.0, "ratio": 16.0}  # beyond the end of the wave, several times
    for change, size in [
        ({"line_width": 1e-4, "line_glow": 0.0}, (16, 16)),
        (far, (640, 360)),
        (far, (16, 4320)),
    ]:
        line = replace(first, shape="line", curve=0.7, ratio=1.37, angle_rad=1.0)
        circle = replace(line, shape="circle", is_mirrored=False, angle_rad=-2.0)
        layers = [
            line,
            replace(circle, **change),
            replace(line, **change),
            replace(circle, curve=0.0),
        ]
        for waves in (
            rng.normal(0, 0.5, (4, 1024)),
            rng.choice([-1, 1], (4, 1024)),
            np.zeros((4, 1024)),
        ):
            waves = waves.astype(np.float32)
            rows = shapes.trace_rows(
                [(layer, shapes.shape_rows(layer, size)) for layer in layers], waves, size[1]
            )
            for number, layer in enumerate(layers):
                assert (
                    rows[:, number].tobytes() == intervals(layer, waves[number], size).tobytes()
                ), (size, number)


def test_a_picture_uploads_only_the_rows_of_waves_that_its_look_reads() -> None:
    plain = {param.address: param.default for param in PARAMS} | {
        f"/layer/{n}/shape": "stripes" for n in (1, 2, 3, 4)
    }
    for shape, count in {"stripes": 1, "rays": 2, "line": 5}.items():  # rays: fine in the centre
        look = Look.from_values(plain | {"/layer/2/shape": shape})
        table = shapes.bake_layers(look, np.stack([tone(25)] * 4), (1280, 720)).table
        assert table.shape == (count, 4, 1025, 2), shape
