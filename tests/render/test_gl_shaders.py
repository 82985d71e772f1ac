"""Without a GPU Numba draws the picture, and OpenGL only its shaders."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from engine.render import Leaving, PictureInput, Renderer, open_renderer
from engine.render.isf import ShaderSlot
from engine.render.isf.parse import parse_isf

SIZE = (96, 54)
TRAIL = {"/feedback/amount": 0.9, "/feedback/zoom": 1.05, "/feedback/rotate": 3.0}
EFFECTS = {"/post/vignette": 1.0, "/post/glow": 0.8}
GENERATED = {"/layer/5/source": "generator", "/layer/5/intensity": 1.0}
UNCHANGED = """/*{"INPUTS": [{"NAME": "inputImage", "TYPE": "image"}]}*/
void main() { gl_FragColor = IMG_THIS_PIXEL(inputImage); }"""
MIRRORED = """/*{"INPUTS": [{"NAME": "inputImage", "TYPE": "image"}]}*/
void main() { gl_FragColor = IMG_NORM_PIXEL(inputImage, vec2(1.0 - isf_FragNormCoord.x, isf_FragNormCoord.y)); }"""
RAMP = """/*{"INPUTS": []}*/
void main() { gl_FragColor = vec4(isf_FragNormCoord, 0.25, 1.0); }"""


@pytest.fixture
def auto(require: Callable[[object, str], None]) -> Iterator[Renderer]:
    renderer = open_renderer("auto", *SIZE)
    require(renderer.kind == "numba" and renderer.shader_driver, "OpenGL runs on a GPU here, or is missing")
    yield renderer
    renderer.close()


@pytest.fixture
def gl(require: Callable[[object, str], None]) -> Iterator[Renderer]:
    renderer = open_renderer("gl", *SIZE)
    yield renderer
    renderer.close()


def effect(text: str, mix: float = 1.0) -> ShaderSlot:
    return ShaderSlot(slot="1", file=parse_isf(text, path=None), inputs={}, mix=mix)


def generator(mix: float = 1.0) -> ShaderSlot:
    return ShaderSlot(slot="generator", file=parse_isf(RAMP, path=None), inputs={}, mix=mix)


def shown(renderer: Renderer, picture: PictureInput) -> np.ndarray:
    """The picture in 16 bits, as numbers that can be subtracted."""
    renderer.draw(picture)
    renderer.wait()
    return renderer.read_rgba16().astype(int)


def settled(renderer: Renderer, picture: PictureInput) -> np.ndarray:
    """The picture once its shaders play: a new file is built over several frames."""
    for _ in range(12):
        seen = shown(renderer, picture)
    return seen


def test_numba_draws_with_and_without_shaders_and_says_why(auto: Renderer, picture: Callable) -> None:
    for shaders in ((), (effect(UNCHANGED),), ()):
        shown(auto, replace(picture(), shaders=shaders))
        assert auto.kind == "numba" and auto.texture is None
    assert "Numba is faster" in auto.reason


def test_a_shader_that_changes_nothing_leaves_every_level_and_the_trail(
    auto: Renderer, cpu: Renderer, picture: Callable
) -> None:
    cpu.resize(*SIZE)
    for index in range(14):
        one = picture(TRAIL | EFFECTS, time_s=index / 30, pitches_hz=(110.0 + 7 * index, 164.8, 220.0, 277.2))
        alone = shown(cpu, one)
        both = shown(auto, replace(one, shaders=(effect(UNCHANGED),) if 2 <= index < 12 else ()))
        assert np.array_equal(both, alone), index


def test_an_effect_comes_before_the_post_effects_and_leaves_the_trail_alone(
    auto: Renderer, gl: Renderer, picture: Callable
) -> None:
    one = replace(picture(TRAIL | EFFECTS, pitches_hz=(110.0, 164.8, 220.0, 277.2)), shaders=(effect(MIRRORED),))
    seen, expected = settled(auto, one), settled(gl, one)
    assert np.percentile(np.abs(seen - expected), 99) <= 2 * 257
    plain = shown(auto, replace(one, shaders=()))
    assert np.abs(seen - plain[:, ::-1]).mean() < np.abs(seen - plain).mean() / 4


@pytest.mark.parametrize("changes", [{}, GENERATED], ids=["over the picture", "as layer 5"])
def test_a_generator_covers_the_picture_or_is_layer_5(
    auto: Renderer, gl: Renderer, picture: Callable, changes: dict[str, object]
) -> None:
    one = picture({"/layer/1/intensity": 0.2, **changes})
    one = replace(one, shaders=(generator(0.0 if changes else 0.7),), shows_generator=bool(changes))
    seen, expected = settled(auto, one), settled(gl, one)
    assert np.percentile(np.abs(seen - expected), 99) <= 3 * 257
    assert seen[..., 1].std() > 3000, "the ramp is seen"


def test_the_effects_of_both_looks_are_drawn_in_a_dissolve(auto: Renderer, gl: Renderer, picture: Callable) -> None:
    before, after = picture(TRAIL), picture({"/multiverse/blend": 2.0})
    seen = []
    for renderer in (auto, gl):
        settled(renderer, replace(before, shaders=(effect(MIRRORED),)))
        for step in range(4):
            leaving = Leaving(number=1, mix=0.25 * step, picture=before)
            going = replace(after, leaving=leaving, shaders=(effect(MIRRORED, mix=1 - 0.25 * step),))
            last = shown(renderer, going)
        seen.append(last)
    assert np.percentile(np.abs(seen[0] - seen[1]), 99) <= 2 * 257


def test_shaders_follow_a_new_size(auto: Renderer, picture: Callable) -> None:
    one = replace(picture(), shaders=(effect(MIRRORED),))
    settled(auto, one)
    auto.resize(64, 36)
    assert settled(auto, one).shape == (36, 64, 4)
    assert not auto.shader_state.failures


@pytest.mark.parametrize("shader", [effect(MIRRORED), generator(0.7)], ids=["effect", "generator"])
def test_the_picture_goes_on_without_its_shaders_when_opengl_fails(
    auto: Renderer, cpu: Renderer, picture: Callable, shader: ShaderSlot
) -> None:
    cpu.resize(*SIZE)
    settled(auto, replace(picture(), shaders=(shader,)))
    auto._shaders._context.release()  # as a driver that is updated does
    for _ in range(3):
        assert np.array_equal(shown(auto, replace(picture(), shaders=(shader,))), shown(cpu, picture()))
    (reason,) = auto.shader_state.failures.values()
    assert reason.startswith("OpenGL has failed, so shaders are off until the next start (OpenGL: ")


def test_numba_alone_refuses_shaders_in_one_line(cpu: Renderer, picture: Callable) -> None:
    cpu.draw(replace(picture(), shaders=(effect(UNCHANGED),)))
    assert cpu.shader_state.failures == {"1": "shaders need OpenGL; start with --renderer gl"}
