"""Palettes: clean colours, smooth on their way from one to the next, and a ramp that begins in
black."""

import colorsys
import math
from collections.abc import Callable
from itertools import combinations, pairwise

import numpy as np
import pytest

import osc_schema
from engine.params import ParamStore, Slew
from engine.render.colour import display_rgb, layer_colours, oklab_of_display, palette_rgb, ramp_rgb
from engine.render.look import Look
from engine.render.picture import Renderer
from engine.values import ChannelFeatures, GlidingItem
from osc_schema.palettes import NAMES, PALETTES, encoded, linear_rgb, oklab_of, oklch_hex

Lab = tuple[float, float, float]
FOUR = tuple(ChannelFeatures(pitch_hz=261.63, hue=0.0) for _ in range(4))


def of(name: str) -> tuple[tuple[str, float], ...]:
    return ((name, 1.0),)


def at(name: str, turns: float) -> tuple[float, float, float]:
    return palette_rgb(of(name), lambda count: turns)


def lab_of(rgb: tuple[float, ...]) -> Lab:
    return oklab_of_display((rgb[0], rgb[1], rgb[2]))


def is_mud(rgb: tuple[float, ...]) -> bool:
    """True for brown and olive: orange to yellow-green that is dark and neither black nor grey."""
    lightness, a, b = lab_of(rgb)
    hue_deg = math.degrees(math.atan2(b, a)) % 360
    return 48 < hue_deg < 125 and 0.2 < lightness < 0.55 and math.hypot(a, b) > 0.03


def test_colours_are_those_of_oklch_and_outside_srgb_keep_their_lightness_and_hue() -> None:
    # Björn Ottosson's own example pairs: sRGB red and blue in OKLCH, rounded.
    assert oklch_hex((0.62796, 0.25768, 29.234)) == "#ff0000"
    assert oklch_hex((0.45201, 0.31321, 264.052)) == "#0000ff"
    assert lab_of((1.0, 1.0, 1.0)) == pytest.approx((1, 0, 0), abs=1e-4)
    out_of_gamut = (0.6, 0.3 * math.cos(2.5), 0.3 * math.sin(2.5))
    lightness, a, b = lab_of(display_rgb(out_of_gamut))
    assert lightness == pytest.approx(0.6, abs=0.005)
    assert math.atan2(b, a) == pytest.approx(2.5, abs=0.01)
    assert encoded(0.5) == pytest.approx(0.7354, abs=1e-4)


def test_there_are_sixteen_distinct_palettes_without_mud_that_rise_from_black() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 16
    for one, other in combinations(PALETTES, 2):
        labs = [
            [np.array(oklab_of(colour)) for colour in (*p.colours, p.ramp[1])] for p in (one, other)
        ]
        apart = max(
            min(float(np.linalg.norm(mine - theirs)) for theirs in labs[1]) for mine in labs[0]
        )
        assert apart > 0.08, f"{one.name} looks like {other.name}"
    for palette in PALETTES:
        assert 3 <= len(palette.colours) <= 5, palette
        for colour in (*palette.colours, *palette.ramp):
            assert all(0 <= light <= 1 for light in linear_rgb(oklab_of(colour))), colour
        for step in range(64):
            assert not is_mud(at(palette.name, step / 64)), step
        assert not any(is_mud(tuple(stop)) for stop in ramp_rgb(of(palette.name)).tolist()), palette
    for palette in PALETTES:
        ramp = ramp_rgb(of(palette.name))
        lightness = [lab_of(tuple(stop))[0] for stop in ramp.tolist()]
        assert ramp[0].tolist() == [0, 0, 0] and lightness[-1] > 0.88, palette
        assert (np.diff(lightness) > 0.01).all(), palette


def test_a_position_that_runs_round_a_palette_meets_no_jump_and_stays_clear() -> None:
    for name in NAMES:
        colours = [lab_of(at(name, step / 200)) for step in range(201)]
        assert max([math.dist(one, other) for one, other in pairwise(colours)]) < 0.035
        assert colours[0] == colours[-1]
    # Half way from violet to orange-red the straight line through Oklab is greyer than both.
    for step in range(101):
        assert colorsys.rgb_to_hsv(*at("plasma", step / 200))[1] > 0.55


@pytest.fixture
def look(values: Callable) -> Callable[..., Look]:
    def put_together(**changes: object) -> Look:
        colours = {f"/colour/{key}": value for key, value in changes.items()}
        return Look.from_values(
            values({"/colour/mode": "palette", "/colour/spread": 1.0} | colours)
        )

    return put_together


def test_in_palette_mode_each_layer_takes_a_colour_of_the_palette(look: Callable) -> None:
    for palette in PALETTES:
        colours = layer_colours(look(palette=palette.name), FOUR)
        expected = [tuple(bytes.fromhex(text[1:])) for text in palette.hexes[:4]]
        assert [tuple(round(part * 255) for part in colour) for colour in colours] == expected
    assert len(set(layer_colours(look(palette="neon", spread=0.0), FOUR))) == 1


def test_dimmed_warm_colours_go_to_red_and_not_to_brown(cpu: Renderer, draw: Callable) -> None:
    fades = np.tile(np.linspace(0, 1, 1024, dtype=np.float32), (4, 1))
    for name in ("sodium", "ember", "sunset", "fire_and_ice", "laser"):
        for light in ("classic", "linear"):
            look = {
                "/colour/mode": "palette",
                "/colour/palette": name,
                "/colour/spread": 1.0,
                "/multiverse/bias": 0.0,
            }
            look |= {
                "/multiverse/light": light,
                "/multiverse/tone": "clip",
                "/multiverse/brightness": 1.0,
            }
            for layer in (1, 2, 3, 4):
                alone = look | {f"/layer/{layer}/solo": True, f"/layer/{layer}/angle": 0.0}
                rgba = draw(cpu, alone, waves=fades, size=(64, 1))
                assert not any(is_mud(tuple(rgb / 255)) for rgb in rgba[0, :, :3]), (
                    name,
                    light,
                    layer,
                )


def test_another_palette_glides_in_without_a_jump_and_arrives_within_a_second() -> None:
    store, slew = ParamStore(), Slew()
    store.set_many(
        [("/colour/mode", "palette"), ("/colour/palette", "ember"), ("/colour/shift", 0.0)],
        by="test",
    )
    slew.jump(store.snapshot())
    seen = [layer_colours(Look.from_values(slew.step(store.snapshot(), 1 / 60)), FOUR)[0]]
    store.set_many([("/colour/palette", "ice")], by="test")
    for frame in range(60):
        if frame == 5:  # another choice in the middle of the glide
            store.set_many([("/colour/palette", "aurora")], by="test")
        values = slew.step(store.snapshot(), 1 / 60)
        seen.append(layer_colours(Look.from_values(values), FOUR)[0])
    assert max([math.dist(lab_of(one), lab_of(other)) for one, other in pairwise(seen)]) < 0.06
    assert seen[-1] == at("aurora", 0.0)
    assert not isinstance(values["/colour/palette"], GlidingItem)


def test_a_look_that_fades_out_keeps_its_own_palette() -> None:
    store, slew = ParamStore(), Slew()
    store.set("/colour/palette", "aurora", by="test")
    slew.jump(store.snapshot())
    leaving = slew.copy()
    before = store.snapshot()
    store.set_many([("/colour/palette", "ice")], by="test")
    slew.jump_to(store.snapshot(), ["/colour/palette"])
    assert Look.from_values(slew.step(store.snapshot(), 1 / 60)).palette == of("ice")
    assert Look.from_values(leaving.step(before, 1 / 60)).palette == of("aurora")


def test_the_old_name_scheme_still_means_fixed_hues() -> None:
    assert osc_schema.accept("/colour/mode", "scheme").value == "fixed"
    assert osc_schema.accept("/colour/mode", "Scheme ").value == "fixed"
    assert osc_schema.accept("/colour/mode", 1).value == "fixed"  # as a number it always was 1
    with pytest.raises(osc_schema.Rejected, match="pitch, fixed, palette"):
        osc_schema.accept("/colour/mode", "schema")
