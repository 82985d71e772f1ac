"""The look and the block of a frame, from the parameters."""

import colorsys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.render import Look
from engine.render.colour import hue_rgb, layer_colours, pitch_hue, scheme_hue
from engine.render.frame_block import ROWS, pack_block
from engine.render.shapes import bake_waves
from engine.values import ChannelFeatures


@pytest.fixture
def look(values: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[..., Look]:
    return lambda changes=None: Look.from_values(values(changes or {}))


def weights(look: Look) -> list[float]:
    return [layer.weight for layer in look.layers]


def test_an_octave_is_one_turn_of_the_hue_circle_and_c_is_red() -> None:
    for octave in range(-3, 6):
        assert min(pitch_hue(261.63 * 2**octave), 1 - pitch_hue(261.63 * 2**octave)) == pytest.approx(0, abs=1e-9)
    assert pitch_hue(261.63 * 2**0.25) == pytest.approx(0.25)
    assert pitch_hue(1.0) == pitch_hue(20.0) and pitch_hue(48_000.0) == pitch_hue(20_000.0)


@pytest.mark.parametrize("hue", [0, 1 / 12, 1 / 3, 0.4, 0.75, 0.99, 1.0, 2.3, -0.2])
def test_hues_are_those_of_hsv(hue: float) -> None:
    assert hue_rgb(hue) == pytest.approx(colorsys.hsv_to_rgb(hue % 1, 1, 1))


@pytest.mark.parametrize(
    ("scheme", "hues"),
    [
        (0.0, (0, 1 / 4, 1 / 2, 3 / 4)),
        (0.25, (0, 7 / 24, 7 / 12, 5 / 8)),
        (0.5, (0, 1 / 3, 2 / 3, 1 / 2)),
        (1.0, (0, 1 / 3, 2 / 3, 1 / 6)),
    ],
)
def test_schemes_run_from_one_set_of_hues_to_the_next(scheme: float, hues: tuple[float, ...]) -> None:
    assert [scheme_hue(scheme, channel) for channel in range(4)] == pytest.approx(hues)


def coloured(mode: str, base_hue: float, **more: float) -> dict[str, Any]:
    return {"/colour/mode": mode, "/colour/base_hue": base_hue, **{f"/colour/{key}": more[key] for key in more}}


@pytest.mark.parametrize("mode", ["pitch", "fixed"])
def test_base_hue_and_shift_rotate_every_layer_in_both_modes(look: Callable, mode: str) -> None:
    channels = tuple(ChannelFeatures(pitch_hz=261.63) for _ in range(4))
    assert layer_colours(look(coloured(mode, 1 / 3)), channels)[0] == pytest.approx((0, 1, 0))
    assert layer_colours(look(coloured(mode, 1 / 3, shift=1 / 3)), channels)[0] == pytest.approx((0, 0, 1))


def test_spread_moves_the_hues_toward_the_base(look: Callable) -> None:
    octave = tuple(ChannelFeatures(pitch_hz=261.63 * 2**part) for part in (0.0, 0.25, 0.49, 0.75))
    hues = (0.5, 0.55, 0.598, 0.45)  # C in the middle, each at a fifth of its distance
    assert layer_colours(look(coloured("pitch", 0.5, spread=0.2)), octave) == [
        pytest.approx(hue_rgb(hue)) for hue in hues
    ]
    assert layer_colours(look(coloured("fixed", 0.5, spread=0.2)), octave) == [
        pytest.approx(hue_rgb(0.5 + 0.2 * hue)) for hue in (0.0, 0.25, 0.5, 0.75)
    ]
    assert len(set(layer_colours(look(coloured("pitch", 0.5, spread=0.0)), octave))) == 1


def test_a_gliding_hue_replaces_the_pitchs_hue(look: Callable) -> None:
    gliding = tuple(ChannelFeatures(pitch_hz=440.0, hue=hue) for hue in (-0.25, 0.0, 0.25, 0.5))
    colours = layer_colours(look(coloured("pitch", 0.25)), gliding)
    assert colours == [pytest.approx(hue_rgb(hue)) for hue in (0.0, 0.25, 0.5, 0.75)]


def test_mute_and_solo_decide_which_layers_play(look: Callable) -> None:
    assert weights(look()) == [1, 1, 1, 1]
    assert weights(look({"/layer/2/mute": True})) == [1, 0, 1, 1]
    assert weights(look({"/layer/2/solo": True, "/layer/4/solo": True})) == [0, 1, 0, 1]
    assert weights(look({"/layer/2/solo": True, "/layer/2/mute": True})) == [0, 0, 0, 0]


@pytest.mark.parametrize(("intensity", "weight"), [(0, 0), (0.0125, 0.15625), (0.025, 0.5), (0.05, 1), (1.5, 1)])
def test_a_layer_fades_in_over_the_first_twentieth(look: Callable, intensity: float, weight: float) -> None:
    assert look({"/layer/1/intensity": intensity}).layers[0].weight == pytest.approx(weight)


@pytest.mark.parametrize(
    ("blend", "shares"),
    [(0, (1, 0, 0, 0)), (0.25, (0.75, 0.25, 0, 0)), (1, (0, 1, 0, 0)), (2.5, (0, 0, 0.5, 0.5)), (3, (0, 0, 0, 1))],
)
def test_between_two_stops_their_blends_are_crossfaded(look: Callable, blend: float, shares: tuple) -> None:
    assert look({"/multiverse/blend": float(blend)}).blend_weights == pytest.approx(shares)


def test_the_wave_table_holds_values_and_steps(look: Callable) -> None:
    waves = np.random.default_rng(6).uniform(-1, 1, (4, 1024)).astype(np.float32)
    changes = {"/multiverse/bias": 0.2, "/layer/1/intensity": 0.5, "/layer/2/wrap": "repeat"}
    rows = bake_waves(look(changes), waves, (320, 180), [1.0] * 4)
    assert rows.shape == (4, 5, 1025, 2) and rows.dtype == np.float32
    table = rows[:, 0]
    assert table[0, 7, 0] == pytest.approx((0.2 + 0.8 * waves[0, 7]) * 0.5, abs=1e-6)
    assert table[0, 7].sum() == pytest.approx(table[0, 8, 0], abs=1e-6)
    assert table[0, 1023:].tolist() == [[table[0, 1023, 0], 0], [table[0, 1023, 0], 0]]  # mirrored: itself again
    assert table[1, 1023].sum() == pytest.approx(table[1, 0, 0], abs=1e-6)  # repeating: the oldest again
    assert table[1, 1024].tolist() == table[1, 0].tolist()


def test_the_block_has_the_rows_that_the_shader_declares(look: Callable) -> None:
    colours = [(0.1, 0.2, 0.3)] * 4
    block = pack_block(look({"/layer/5/intensity": 0.7}), colours, (320, 180), (64, 48), None, shown=[1.0] * 4)
    assert block.shape == (ROWS, 4) and block.dtype == np.float32
    assert block[0].tolist() == [320, 180, 160, 90]
    assert block[13] == pytest.approx([0.1, 0.2, 0.3, 1])
    assert block[20] == pytest.approx([0.7, 64, 48, 0])


def test_unused_pictures_have_neutral_weights(look: Callable) -> None:
    block = pack_block(
        look({"/layer/5/intensity": 1.0, "/region/enable": True}), [(1, 1, 1)] * 4, (8, 8), None, None, shown=[1.0] * 4
    )
    assert block[20, 0] == 0  # no layer 5
    assert block[22, 0] == 1  # all layers at full weight everywhere
