"""The renderers' benchmark: its ratios, and that it measures what it claims."""

import json

import numpy as np
import pytest

from engine.bench import isf, render
from engine.bench.progress import Progress
from engine.bench.render_reference import draw_reference
from engine.render import Renderer
from tests.support.long_form import IS_SOAK


def test_the_figures_are_complete_and_serialise_to_json(gl: Renderer) -> None:
    figures = json.loads(json.dumps(render.run(64, 36, 2, Progress())))
    assert figures["width"] == 64 and figures["frames"] == 2
    assert {
        "fair_rival_ms",
        "look_ms",
        "host_ms",
        "publish_ms",
        "times_trivial",
        "post_effects_ms",
        "readback_16_bit_ms",
        "flash_guard_ms",
        "all_but_pixels_ms",
    } <= figures["gl"].keys()
    assert {"times_faster_than_numpy", "post_effects_ms", "multiverse_ms", "numpy_float32_ms"} <= figures[
        "numba"
    ].keys()
    gl_figures = figures["gl"]
    for ratio, rival in (("vs_minimal", "minimal_four_layers_ms"), ("vs_fair_rival", "fair_rival_ms")):
        expected = gl_figures["multiverse_ms"] / gl_figures[rival]
        assert abs(expected - gl_figures[ratio]) < 0.05 * expected + 0.01


def test_the_minimal_shader_draws_four_layers(gl: Renderer) -> None:
    turns = [(1.0, 0.0), (0.0, 1.0), (0.7, 0.7), (-0.7, 0.7)]
    uniforms = {"u_size_px": (32, 18), "u_turn": turns, "u_colour": render.COLOURS, "u_waves": 0}
    seen = []
    for kind in (render.PlainPass, render.DitheredPass):
        rival = kind(render.MINIMAL, uniforms, 32, 18)
        rival.draw()
        with rival._context:
            seen.append(np.frombuffer(rival._target.read(components=3), np.uint8).reshape(18, 32, 3).astype(int))
        rival.close()
    assert all(np.ptp(seen[0][..., channel]) > 50 for channel in range(3))
    assert 0 < np.abs(seen[0] - seen[1]).max() <= 1, "the fair rival is the same, dithered"


def test_numpy_and_renderers_are_timed_on_the_same_picture(gl: Renderer) -> None:
    frame = render.WholeFrame(gl, {"/safety/flash_guard": False})
    gl.resize(64, 36)
    frame.draw()
    expected = draw_reference(render._values({}), render.tones(), render.PITCHES_HZ, 64, 36)
    assert np.abs(gl.read_rgba() - expected.astype(int)).max() <= 2


@pytest.mark.soak
@pytest.mark.skipif(not IS_SOAK, reason="takes seconds: MULTIVERSE_SOAK=1")
def test_the_figures_of_shader_slots_are_complete(gl: Renderer) -> None:
    figures = json.loads(json.dumps(isf.run(64, 36, 2, Progress())))
    assert {*isf.SHADERS, "without_ms", "four_effects_ms", "renderer"} <= figures.keys()
    for name in isf.SHADERS:
        assert figures[name]["picture_ms"] > 0 and figures[name]["slot_ms"] > 0
        assert figures[name]["tried_worst_frame_ms"] > 0
