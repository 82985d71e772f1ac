"""The look from values, the arithmetic of effects, and the last steps: fade, blackout, freeze and
alpha."""

import colorsys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.render.colour import hue_rgb, layer_colours, pitch_hue, scheme_hue
from engine.render.look import NO_POST, Look, PostLook, interpolate_post, spreads
from engine.render.picture import Renderer
from engine.values import ChannelFeatures

SIMPLE = {"/mode": "simple"}


@pytest.fixture
def look(values: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[..., Look]:
    return lambda changes=None: Look.from_values(values(changes or {}))


def weights(look: Look) -> list[float]:
    return [layer.weight for layer in look.layers]


def test_an_octave_is_one_turn_of_the_hue_circle_of_hsv() -> None:
    for octave in range(-3, 6):
        assert min(
            pitch_hue(261.63 * 2**octave), 1 - pitch_hue(261.63 * 2**octave)
        ) == pytest.approx(0, abs=1e-9)
    assert pitch_hue(261.63 * 2**0.25) == pytest.approx(0.25)
    assert pitch_hue(1.0) == pitch_hue(20.0) and pitch_hue(48_000.0) == pitch_hue(20_000.0)
    for hue in [0, 1 / 12, 1 / 3, 0.4, 0.75, 0.99, 1.0, 2.3, -0.2]:
        assert hue_rgb(hue) == pytest.approx(colorsys.hsv_to_rgb(hue % 1, 1, 1)), hue


def test_schemes_base_hue_and_shift_set_the_hue_of_every_layer(look: Callable) -> None:
    for scheme, hues in [
        (0.0, (0, 1 / 4, 1 / 2, 3 / 4)),
        (0.25, (0, 7 / 24, 7 / 12, 5 / 8)),
        (0.5, (0, 1 / 3, 2 / 3, 1 / 2)),
        (1.0, (0, 1 / 3, 2 / 3, 1 / 6)),
    ]:
        assert [scheme_hue(scheme, channel) for channel in range(4)] == pytest.approx(hues), scheme
    for mode in ["pitch", "fixed"]:
        channels = tuple(ChannelFeatures(pitch_hz=261.63) for _ in range(4))
        assert layer_colours(look(coloured(mode, 1 / 3)), channels)[0] == pytest.approx(
            (0, 1, 0)
        ), mode
        assert layer_colours(look(coloured(mode, 1 / 3, shift=1 / 3)), channels)[
            0
        ] == pytest.approx((0, 0, 1)), mode


def coloured(mode: str, base_hue: float, **more: float) -> dict[str, Any]:
    return {
        "/colour/mode": mode,
        "/colour/base_hue": base_hue,
        **{f"/colour/{key}": more[key] for key in more},
    }


def test_spread_and_a_gliding_hue_move_the_hues_of_the_layers(look: Callable) -> None:
    octave = tuple(ChannelFeatures(pitch_hz=261.63 * 2**part) for part in (0.0, 0.25, 0.49, 0.75))
    hues = (0.5, 0.55, 0.598, 0.45)  # C in the middle, each at a fifth of its distance
    assert layer_colours(look(coloured("pitch", 0.5, spread=0.2)), octave) == [
        pytest.approx(hue_rgb(hue)) for hue in hues
    ]
    assert layer_colours(look(coloured("fixed", 0.5, spread=0.2)), octave) == [
        pytest.approx(hue_rgb(0.5 + 0.2 * hue)) for hue in (0.0, 0.25, 0.5, 0.75)
    ]
    assert len(set(layer_colours(look(coloured("pitch", 0.5, spread=0.0)), octave))) == 1
    gliding = tuple(ChannelFeatures(pitch_hz=440.0, hue=hue) for hue in (-0.25, 0.0, 0.25, 0.5))
    colours = layer_colours(look(coloured("pitch", 0.25)), gliding)
    assert colours == [pytest.approx(hue_rgb(hue)) for hue in (0.0, 0.25, 0.5, 0.75)]


def test_mute_solo_and_a_small_intensity_weigh_the_layers(look: Callable) -> None:
    assert weights(look()) == [1, 1, 1, 1]
    assert weights(look({"/layer/2/mute": True})) == [1, 0, 1, 1]
    assert weights(look({"/layer/2/solo": True, "/layer/4/solo": True})) == [0, 1, 0, 1]
    assert weights(look({"/layer/2/solo": True, "/layer/2/mute": True})) == [0, 0, 0, 0]
    for intensity, weight in [(0, 0), (0.0125, 0.15625), (0.025, 0.5), (0.05, 1), (1.5, 1)]:
        assert look({"/layer/1/intensity": intensity}).layers[0].weight == pytest.approx(weight), (
            intensity
        )


def test_only_effects_that_are_on_spread_light_between_two_looks_in_the_shape_of_the_one_with_a_bloom() -> (
    None
):
    assert not spreads(PostLook(), 1080, 8)
    assert [spread.threshold for spread in spreads(PostLook(bloom=1.0, glow=0.5), 1080, 8)] == [
        0.6,
        -1.0,
    ]
    assert PostLook(bloom_radius=1.0, bloom_threshold=0.1).is_off
    assert not any(
        PostLook(**{name: 0.1}).is_off for name in PostLook.__slots__ if not getattr(NO_POST, name)
    )
    with_bloom = PostLook(bloom=0.8, bloom_radius=0.9, bloom_threshold=0.2, grain=0.2)
    for mixed in (
        interpolate_post(with_bloom, PostLook(), 0.25),
        interpolate_post(PostLook(), with_bloom, 0.75),
    ):
        assert (mixed.bloom_radius, mixed.bloom_threshold) == pytest.approx((0.9, 0.2))
        assert (mixed.bloom, mixed.grain) == pytest.approx((0.6, 0.15))


def grey(level: int) -> np.ndarray:
    return np.full((6, 8, 3), level, np.uint8)


def test_fade_dims_the_finished_picture(renderer: Renderer, draw: Callable) -> None:
    for fade in [0.0, 0.25, 0.5, 1.0]:
        rgba = draw(renderer, SIMPLE | {"/master/fade": fade}, size=(8, 6), layer5=grey(201))
        assert np.abs(rgba[..., :3].astype(int) - round(201 * fade)).max() <= 1, fade
        assert (rgba[..., 3] == 255).all(), fade


def test_blackout_is_black_within_one_frame_also_while_the_guard_is_holding(
    renderer: Renderer, draw: Callable
) -> None:
    for guard in [False, True]:
        changes = SIMPLE | {"/safety/flash_guard": guard}
        renderer.resize(8, 6)
        blackout = changes | {"/master/blackout": True}
        levels = [
            draw(renderer, look, layer5=grey(200), time_s=frame / 30)[..., :3].max()
            for frame, look in enumerate((changes, blackout, blackout, changes))
        ]
        assert levels == [200, 0, 0, 200], guard
    strobe = SIMPLE | {"/safety/flash_guard": True}
    renderer.resize(8, 6)
    for frame in range(20):
        draw(renderer, strobe, layer5=grey(255 * (frame % 2)), time_s=frame / 30)
    rgba = draw(renderer, strobe | {"/master/blackout": True}, layer5=grey(255), time_s=20 / 30)
    assert (rgba == (0, 0, 0, 255)).all()


def test_freeze_holds_the_picture_while_sound_and_camera_continue(
    renderer: Renderer, draw: Callable
) -> None:
    frozen = draw(renderer, size=(64, 36)).copy()
    for hz in (90.0, 300.0):
        assert (draw(renderer, {"/master/freeze": True}, pitches_hz=(hz,) * 4) == frozen).all()
    assert (draw(renderer, pitches_hz=(300.0,) * 4) != frozen).any()


def test_a_frozen_picture_still_fades_and_the_first_is_drawn(
    renderer: Renderer, draw: Callable
) -> None:
    draw(renderer, SIMPLE, size=(8, 6), layer5=grey(200))
    frozen = SIMPLE | {"/master/freeze": True}
    levels = [
        draw(renderer, frozen | {"/master/fade": fade}, layer5=grey(7))[0, 0, 0]
        for fade in (0.5, 0.0, 1.0)
    ]
    assert levels == [100, 0, 200]
    rgba = draw(renderer, SIMPLE | {"/master/freeze": True}, size=(8, 6), layer5=grey(90))
    assert (rgba[..., :3] == 90).all()


def test_luma_alpha_is_the_largest_channel_so_that_colour_is_premultiplied(
    renderer: Renderer, draw: Callable
) -> None:
    for fade in [1.0, 0.5]:
        colours = np.zeros((6, 8, 3), np.uint8)
        colours[:, :4] = (200, 100, 0)
        rgba = draw(
            renderer,
            SIMPLE | {"/multiverse/alpha": "luma", "/master/fade": fade},
            size=(8, 6),
            layer5=colours,
        )
        assert rgba[0, 0].tolist() == [200 * fade, 100 * fade, 0, 200 * fade], fade
        assert rgba[0, 7].tolist() == [0, 0, 0, 0], fade


def test_a_layer_that_fades_away_does_not_make_the_picture_jump(
    renderer: Renderer, draw: Callable
) -> None:
    for blend in (0.0, 1.0, 2.0, 3.0):
        means = []
        for intensity in np.linspace(0.08, 0, 17):
            look = {"/layer/3/intensity": float(intensity), "/multiverse/blend": blend}
            means.append(draw(renderer, look, size=(64, 36))[..., :3].mean())
        assert np.abs(np.diff(means)).max() < 3, f"blend {blend}"
