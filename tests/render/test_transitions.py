"""Transitions and blends: what is drawn between two looks, each a picture of known pixels."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.render.isf.isf_file import FOLDER, IsfFile, ShaderSlot
from engine.render.isf.parse import parse_isf
from engine.render.numba_renderer import NumbaRenderer
from engine.render.opening import open_renderer
from engine.render.picture import PictureInput, Renderer
from osc_schema.presets import BLENDS
from tests.support.needed import needs
from tests.support.pictures import dissolving, draw_once

pytestmark = needs("OpenGL")

SIZE = (64, 48)
BUILT_IN = {path.stem: path for path in (FOLDER / "transitions").glob("*.fs")}
BROKEN = """/*{"INPUTS": [{"NAME": "startImage", "TYPE": "image"}, {"NAME": "endImage", "TYPE": "image"}]}*/
void main() { gl_FragColor = nothing; }"""
KEY = 0.1
ONE, OTHER = (np.random.default_rng(seed).integers(0, 256, (*SIZE[::-1], 3)) for seed in (1, 2))
ONE[:8], OTHER[4:12], ONE[-8:], OTHER[-12:-4] = 0, 0, 255, 255


def transition(file: IsfFile, **inputs: float) -> tuple[ShaderSlot, ...]:
    return (ShaderSlot(slot="transition", file=file, inputs=inputs, mix=0.0),)


def built_in(name: str, **inputs: float) -> tuple[ShaderSlot, ...]:
    return transition(parse_isf(BUILT_IN[name].read_text(), path=BUILT_IN[name]), **inputs)


@pytest.fixture
def fade(picture: Callable[..., PictureInput]) -> Callable[..., np.ndarray]:
    """`fade(renderer, mix, slots, alpha, ...)`: the picture in 16 bits, (48, 64, 4) int, of the
    first frame of a fade from ONE to OTHER; the slots have been built before it."""

    def play(
        renderer: Renderer, mix: float, slots: Any = (), alpha: str = "opaque", **how: Any
    ) -> np.ndarray:
        renderer.resize(*SIZE)
        look = {"/mode": "simple", "/multiverse/alpha": alpha}
        going, coming = (
            replace(picture(look, layer5=card.astype(np.uint8), deck=deck), shaders=slots)
            for deck, card in enumerate((ONE, OTHER))
        )
        for _ in range(8):
            draw_once(renderer, going)
        draw_once(renderer, dissolving(going, coming, mix, **how))
        return renderer.read_rgba16().astype(int)

    return play


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_transition_begins_with_one_look_and_ends_with_the_other_exactly(
    renderer: Renderer, fade: Any, name: str
) -> None:
    for alpha in ("opaque", "luma"):
        begin, middle, end = (fade(renderer, mix, built_in(name), alpha) for mix in (0.0, 0.5, 1.0))
        for seen, card in ((begin, ONE), (end, OTHER)):
            opacity = card.max(2) if alpha == "luma" else np.full(SIZE[::-1], 255)
            assert np.array_equal(seen, np.dstack([card, opacity]) * 257)
        assert min(np.abs(middle - each).mean() for each in (begin, end)) > 1000, (
            "in the middle it is neither"
        )
    assert renderer.shader_state.failures == {}


def test_a_wipe_is_half_of_each_look_in_the_middle_in_its_direction(
    renderer: Renderer, fade: Any
) -> None:
    right = fade(renderer, 0.5, built_in("Wipe", softness=0.1))[..., :3] / 257
    assert np.array_equal(right[:, :28], OTHER[:, :28]) and np.array_equal(
        right[:, 36:], ONE[:, 36:]
    )
    up = fade(renderer, 0.5, built_in("Wipe", softness=0.1, direction_deg=90.0))[..., :3] / 257
    assert np.array_equal(up[28:], OTHER[28:]) and np.array_equal(up[:20], ONE[:20])


@pytest.mark.parametrize("kind", ["gl", "numba"])
def test_a_transition_that_cannot_be_drawn_leaves_the_plain_dissolve(kind: str, fade: Any) -> None:
    renderer = open_renderer(kind, *SIZE)  # in which none has played that could play on
    plain = fade(renderer, 0.3)
    assert np.array_equal(fade(renderer, 0.3, transition(parse_isf(BROKEN, path=None))), plain)
    assert "nothing" in renderer.shader_state.failures["transition"]
    chain = getattr(renderer._shaders, "_chain", renderer._shaders)
    chain._clock._limit_s = 0.0  # of a picture's shaders; it is read after each band
    slow = transition(replace(built_in("Wipe")[0].file, band_px=64))
    assert np.array_equal(fade(renderer, 0.3, slow), plain), "in the very picture that it holds up"
    assert renderer.shader_state.overruns == {"transition"} and not chain.plays()
    renderer.close()


def test_without_opengl_the_looks_dissolve(cpu: Renderer, fade: Any) -> None:
    plain, without = fade(cpu, 0.3), NumbaRenderer(*SIZE)
    assert np.array_equal(fade(without, 0.3, built_in("Wipe")), plain)
    assert without.shader_state.failures.keys() == {"transition"}
    without.close()


def blended(blend: str, one: np.ndarray, other: np.ndarray, mix: float) -> np.ndarray:
    """The formulas of docs/how-to/looks-and-presets.md, of pictures in 0..1."""
    a, b = min(1.0, 2 - 2 * mix), min(1.0, 2 * mix)
    if blend == "add":
        return np.minimum(a * one + b * other, 1.0)
    if blend == "screen":
        return 1 - (1 - a * one) * (1 - b * other)
    if blend == "multiply":
        return (1 - a * (1 - one)) * (1 - b * (1 - other))
    at = np.clip((other.max(2) - KEY) / 0.2, 0, 1)
    cover = other @ [0.2126, 0.7152, 0.0722] if blend == "luma" else at * at * (3 - 2 * at)
    opacity = (1 - a * (1 - b * cover))[..., None]
    return (1 - opacity) * one + opacity * other


@pytest.mark.parametrize("blend", BLENDS[1:])
def test_a_blend_follows_its_formula_and_each_look_is_alone_at_its_end(
    gl: Renderer, fade: Any, blend: str
) -> None:
    for mix in (0.0, 0.2, 0.5, 0.8, 1.0):
        seen = fade(gl, mix, blend=blend, key=KEY)
        expected = blended(blend, ONE / 255, OTHER / 255, mix) * 65535
        assert np.abs(seen[..., :3] - expected).max() <= (1.5 if 0 < mix < 1 else 0.001), mix
        assert (seen[..., 3] == 65535).all()
