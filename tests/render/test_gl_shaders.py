"""Without a GPU Numba draws the picture, and OpenGL only its shaders."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest

from engine.control.commands.shader_mixing import dissolve_shaders, morph_shaders
from engine.render.isf.isf_file import ShaderSlot
from engine.render.isf.parse import parse_isf
from engine.render.numba_renderer import NumbaRenderer
from engine.render.opening import open_renderer
from engine.render.picture import PictureInput, Renderer
from tests.support.long_form import IS_SOAK
from tests.support.needed import needs
from tests.support.pictures import dissolving, draw_once, on_air

pytestmark = needs("OpenGL")

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

BLUE = RAMP.replace("isf_FragNormCoord, 0.25", "0.0, 0.0, 1.0")


@pytest.fixture
def auto(require: Callable[[object, str], None]) -> Iterator[Renderer]:
    renderer = open_renderer("auto", *SIZE)
    require(renderer.kind == "numba" and renderer.shader_driver, "OpenGL by a processor")
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


def rgba_of(renderer: Renderer, picture: PictureInput) -> np.ndarray:
    """Draw the picture and return it in 16 bits, as numbers that can be subtracted."""
    return draw_once(renderer, picture).read_rgba16().astype(int)


def settled(renderer: Renderer, picture: PictureInput) -> np.ndarray:
    """The picture once its shaders play: a new file is built over several frames."""
    for _ in range(12):
        seen = rgba_of(renderer, picture)
    return seen


def test_numba_draws_with_and_without_shaders_and_gives_the_reason(
    auto: Renderer, picture: Callable
) -> None:
    for shaders in ((), (effect(UNCHANGED),), ()):
        rgba_of(auto, replace(picture(), shaders=shaders))
        assert auto.kind == "numba" and auto.texture is None
    assert "Numba is faster" in auto.reason


def test_a_shader_that_changes_nothing_leaves_every_level(
    auto: Renderer, cpu: Renderer, picture: Callable
) -> None:
    cpu.resize(*SIZE)
    for index in range(14):
        one = picture(
            TRAIL | EFFECTS, time_s=index / 30, pitches_hz=(110.0 + 7 * index, 164.8, 220.0, 277.2)
        )
        alone = rgba_of(cpu, one)
        both = rgba_of(auto, replace(one, shaders=(effect(UNCHANGED),) if 2 <= index < 12 else ()))
        assert np.array_equal(both, alone), index


def test_an_effect_comes_before_post_effects_and_leaves_the_trail(
    auto: Renderer, gl: Renderer, picture: Any
) -> None:
    one = replace(
        picture(TRAIL | EFFECTS, pitches_hz=(110.0, 164.8, 220.0, 277.2)),
        shaders=(effect(MIRRORED),),
    )
    seen, expected = settled(auto, one), settled(gl, one)
    assert np.percentile(np.abs(seen - expected), 99) <= 2 * 257
    plain = rgba_of(auto, replace(one, shaders=()))
    assert np.abs(seen - plain[:, ::-1]).mean() < np.abs(seen - plain).mean() / 4


def test_a_generator_covers_the_picture_or_is_layer_5(
    auto: Renderer, gl: Renderer, picture: Any
) -> None:
    for changes in [{}, GENERATED]:
        one = picture({"/layer/1/intensity": 0.2, **changes})
        one = replace(
            on_air(one, shows_generator=bool(changes)),
            shaders=(generator(0.0 if changes else 0.7),),
        )
        seen, expected = settled(auto, one), settled(gl, one)
        assert np.percentile(np.abs(seen - expected), 99) <= 3 * 257, changes
        assert seen[..., 1].std() > 3000, "the ramp is seen"


def test_the_effects_of_both_looks_are_drawn_in_a_dissolve(
    auto: Renderer, gl: Renderer, picture: Callable
) -> None:
    before, after = picture(TRAIL), picture({"/multiverse/blend": 2.0}, deck=2)
    seen = []
    for renderer in (auto, gl):
        settled(renderer, replace(before, shaders=(effect(MIRRORED),)))
        for step in range(4):
            shaders = (effect(MIRRORED, mix=1 - 0.25 * step),)
            last = rgba_of(
                renderer, dissolving(before, replace(after, shaders=shaders), 0.25 * step)
            )
        seen.append(last)
    assert np.percentile(np.abs(seen[0] - seen[1]), 99) <= 2 * 257


@pytest.mark.parametrize("shader", [effect(MIRRORED), generator(0.7)], ids=["effect", "generator"])
def test_the_picture_continues_when_opengl_fails(
    auto: Renderer, cpu: Renderer, picture: Any, shader: ShaderSlot
) -> None:
    cpu.resize(*SIZE)
    before = settled(auto, replace(picture(), shaders=(shader,)))
    auto._shaders._context.release()  # as a driver that is updated does
    assert np.array_equal(rgba_of(auto, replace(picture(), shaders=(shader,))), before), (
        "it can dissolve into another"
    )
    for _ in range(3):
        assert np.array_equal(
            rgba_of(auto, replace(picture(), shaders=(shader,))), rgba_of(cpu, picture())
        )
    (reason,) = auto.shader_state.failures.values()
    assert reason.startswith("OpenGL has failed, so shaders are off until the next start (OpenGL: ")


def test_requested_numba_has_opengl_for_shaders(cpu: Renderer, picture: Callable) -> None:
    cpu.resize(*SIZE)
    assert np.array_equal(
        settled(cpu, replace(picture(), shaders=(generator(),)))[0, -1, :3] > 60_000,
        (True, True, False),
    )
    assert cpu.shader_state.failures == {} and cpu.reason == ""


def test_without_opengl_numba_refuses_shaders_in_one_line(picture: Callable) -> None:
    renderer = NumbaRenderer(*SIZE, why_no_shaders="no OpenGL: install it")
    renderer.draw(replace(picture(), shaders=(effect(UNCHANGED),)))
    reason = "shaders need OpenGL, which is missing here (no OpenGL: install it)"
    assert renderer.shader_state.failures == {"1": reason}
    renderer.close()


STILLS: dict[str, tuple[dict[str, object], tuple[ShaderSlot, ...]]] = {
    "plain": ({}, ()),
    "plain, bright": ({"/layer/1/angle": 40.0, "/post/bloom": 0.8, "/post/vignette": 0.7}, ()),
    "generator": ({"/layer/2/mute": True}, (generator(),)),
    "effect": ({"/post/glow": 1.0, "/layer/3/angle": 70.0}, (effect(MIRRORED),)),
}


PAIRS = (
    [*permutations(STILLS, 2)]
    if IS_SOAK
    else [*pairwise([*STILLS, "plain"]), ("effect", "generator")]
)


@pytest.fixture(params=["auto", "gl"])
def either(request: pytest.FixtureRequest) -> Renderer:
    """Each in turn: the renderer that is chosen without a GPU, and OpenGL's."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_a_dissolve_is_one_mix_of_two_finished_pictures(
    either: Renderer, picture: Any, old: str, new: str
) -> None:
    """No layer of either look shines through in the middle, and the light does not sag."""
    (old_look, old_slots), (new_look, new_slots) = STILLS[old], STILLS[new]
    going, coming = picture(old_look), picture(new_look, deck=2)
    finished = [
        settled(either, replace(each, shaders=slots))
        for each, slots in ((coming, new_slots), (going, old_slots))
    ]
    slots = dissolve_shaders(
        {each.slot: each for each in old_slots},
        {each.slot: each for each in new_slots},
        defaultdict(lambda: "-"),
    )
    both = replace(coming, shaders=slots)
    middle = settled(either, dissolving(going, both, 0.5))
    mean = (finished[0] + finished[1]) / 2
    assert np.abs(middle - mean).max() <= 2 * 257
    assert middle.mean() == pytest.approx(mean.mean(), rel=0.02)
    still = settled(either, dissolving(None, both, 0.25, 2))
    assert np.abs(still - (0.75 * middle + 0.25 * finished[0])).max() <= 2 * 257


def test_two_looks_with_the_same_shaders_are_mixed_before_them(
    either: Renderer, picture: Any
) -> None:
    going = picture({})
    coming = picture({"/layer/1/angle": 40.0, "/post/vignette": 0.8}, deck=2)
    before, now = ({"1": effect(MIRRORED, mix)} for mix in (1.0, 0.5))
    now["1"] = replace(now["1"], file=before["1"].file)
    slots = morph_shaders(before, now, 0.5, {"1": ""})
    plain = [rgba_of(either, each) for each in (going, picture({"/layer/1/angle": 40.0}))]
    settled(either, replace(going, shaders=(before["1"],)))
    middle = settled(either, dissolving(going, replace(coming, shaders=slots), 0.5))
    mixed = (plain[0] + plain[1]) / 2
    # no vignette in the middle
    expected = (0.25 * mixed + 0.75 * mixed[:, ::-1])[SIZE[1] // 2, SIZE[0] // 2]
    assert np.abs(middle[SIZE[1] // 2, SIZE[0] // 2] - expected).max() <= 2 * 257
    assert middle[0, 0, :3].mean() < 0.8 * (0.25 * mixed + 0.75 * mixed[:, ::-1])[0, 0, :3].mean()


def test_after_a_cut_nothing_of_the_old_look_is_in_the_trail(
    either: Renderer, picture: Any
) -> None:
    dark = {f"/layer/{n}/mute": True for n in (1, 2, 3, 4)}
    bright = rgba_of(either, picture(TRAIL))
    left = rgba_of(either, picture(TRAIL | dark))
    assert bright[..., :3].mean() > left[..., :3].mean() > 1000, "without a cut a trail remains"
    assert rgba_of(either, picture(TRAIL | dark, deck=2))[..., :3].max() == 0


def test_a_cut_waits_for_the_shader_of_the_new_look(either: Renderer, picture: Any) -> None:
    old = rgba_of(either, picture())
    dark = picture({f"/layer/{n}/mute": True for n in (1, 2, 3, 4)}, deck=2)
    coming = replace(dark, shaders=(replace(generator(), file=parse_isf(BLUE, path=None)),))
    seen = [rgba_of(either, replace(coming, is_cutting=True)) for _ in range(12)]
    new = seen[-1]
    assert new[..., :2].max() == 0 and new[..., 2].min() == 65535
    changes = [number for number in range(12) if not np.array_equal(seen[number], old)]
    assert 1 <= changes[0] < 10, "the old picture stays for a few frames"
    assert all(np.array_equal(seen[number], new) for number in changes)
