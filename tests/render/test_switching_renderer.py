"""On a software rasteriser Numba draws, and OpenGL takes over while a picture has shaders."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from engine.errors import RenderError
from engine.render import Leaving, PictureInput, Renderer, open_renderer
from engine.render.isf import ShaderSlot, parse_isf
from engine.render.switching_renderer import BACK_AFTER_S, SwitchingRenderer

SIZE = (96, 54)
TRAIL = {"/feedback/amount": 0.9, "/feedback/zoom": 1.05, "/feedback/rotate": 3.0}
UNCHANGED = """/*{"INPUTS": [{"NAME": "inputImage", "TYPE": "image"}]}*/
void main() { gl_FragColor = IMG_THIS_PIXEL(inputImage); }"""


@pytest.fixture
def auto(require: Callable[[object, str], None]) -> Iterator[Renderer]:
    renderer = open_renderer("auto", *SIZE)
    require(isinstance(renderer, SwitchingRenderer), "OpenGL runs on a GPU here")
    yield renderer
    renderer.close()


def slot(mix: float = 1.0) -> ShaderSlot:
    return ShaderSlot(slot="1", file=parse_isf(UNCHANGED, path=None), inputs={}, mix=mix)


def shown(renderer: Renderer, picture: PictureInput) -> np.ndarray:
    """The picture in 16 bits, as numbers that can be subtracted."""
    renderer.draw(picture)
    renderer.wait()
    return renderer.read_rgba16().astype(int)


def test_numba_draws_and_a_shader_brings_opengl_and_its_end_numba_again(auto: Renderer, picture: Callable) -> None:
    kinds = []
    for time_s, shaders in ((0.0, ()), (0.1, (slot(),)), (0.2, ()), (0.2 + BACK_AFTER_S, ())):
        shown(auto, replace(picture(TRAIL, time_s=time_s), shaders=shaders))
        kinds.append(auto.kind)
    assert kinds == ["numba", "gl", "gl", "numba"]
    assert "Numba is faster" in auto.reason


def test_a_trail_goes_on_through_both_change_overs(auto: Renderer, cpu: Renderer, picture: Callable) -> None:
    cpu.resize(*SIZE)
    for index in range(8):
        time_s = index * BACK_AFTER_S / 2
        one = picture(TRAIL, time_s=time_s, pitches_hz=(110.0 + 7 * index, 164.8, 220.0, 277.2))
        alone = shown(cpu, one)
        both = shown(auto, replace(one, shaders=(slot(),) if index in (3, 4) else ()))
        assert np.percentile(np.abs(both - alone), 99) <= 2 * 257, index
        assert auto.kind == ("gl" if 3 <= index <= 5 else "numba")


@pytest.mark.parametrize("effects", [{}, {"/post/vignette": 1.0, "/post/glow": 0.8}], ids=["plain", "with effects"])
def test_a_dissolve_begins_with_the_picture_on_screen_though_the_renderer_changes(
    auto: Renderer, picture: Callable, effects: dict[str, float]
) -> None:
    before = shown(auto, picture({**TRAIL, **effects, "/colour/base_hue": 0.1}))
    leaving = Leaving(number=1, mix=0.0, picture=None)
    first = shown(auto, replace(picture({"/colour/base_hue": 0.6}), leaving=leaving, shaders=(slot(),)))
    assert auto.kind == "gl"
    assert np.abs(first - before).max() <= 257


@pytest.mark.parametrize("number", [1, 2], ids=["the same fade", "a new fade"])
@pytest.mark.parametrize("is_still", [True, False], ids=["from a still", "from a moving look"])
def test_a_shader_in_the_middle_of_a_dissolve_lets_nothing_jump(
    auto: Renderer, cpu: Renderer, picture: Callable, number: int, is_still: bool
) -> None:
    def look(hue: float, left: float, mix: float, fade: int, revealed: float = 1.0) -> PictureInput:
        before = None if is_still else picture({**TRAIL, "/colour/base_hue": left})
        leaving = Leaving(number=fade, mix=mix, picture=before, revealed=revealed)
        return replace(picture({**TRAIL, "/colour/base_hue": hue}), leaving=leaving)

    cpu.resize(*SIZE)
    end = look(0.4, 0.0, 0.6, 1) if number == 1 else look(0.7, 0.4, 0.1, 2, revealed=0.5)
    for one in (picture({**TRAIL, "/colour/base_hue": 0.0}), *(look(0.4, 0.0, mix, 1) for mix in (0.0, 0.3, 0.5))):
        shown(auto, one), shown(cpu, one)
    assert auto.kind == "numba"
    for _ in range(3):
        both, alone = shown(auto, replace(end, shaders=(slot(),))), shown(cpu, end)
        assert auto.kind == "gl"
        assert np.percentile(np.abs(both - alone), 99) <= 2 * 257


def test_a_frozen_picture_stays_though_a_shader_comes_or_goes(auto: Renderer, picture: Callable) -> None:
    frozen = {**TRAIL, "/post/vignette": 1.0, "/master/freeze": True, "/colour/base_hue": 0.6}
    for time_s, shaders in ((0.0, ()), (10.0, (slot(),))):
        before = shown(auto, replace(picture({**TRAIL, "/post/vignette": 1.0}, time_s=time_s), shaders=shaders))
        others = (slot(),) if not shaders else ()
        after = shown(auto, replace(picture(frozen, time_s=time_s + 5.0), shaders=others))
        assert np.array_equal(after, before)


def test_opengl_stays_until_a_dissolve_has_ended(auto: Renderer, picture: Callable) -> None:
    shown(auto, replace(picture(), shaders=(slot(),)))
    leaving = Leaving(number=1, mix=0.5, picture=picture())
    shown(auto, replace(picture(time_s=BACK_AFTER_S + 1), leaving=leaving))
    assert auto.kind == "gl"
    shown(auto, picture(time_s=BACK_AFTER_S + 1))
    assert auto.kind == "numba"


def test_the_flash_guard_goes_on_counting_through_a_change_over(auto: Renderer, picture: Callable) -> None:
    guarded = {"/safety/flash_guard": True, "/multiverse/bias": 0.5, "/multiverse/tone": "clip"}
    is_limiting = []
    for index in range(40):
        changes = {**guarded, "/multiverse/brightness": 4.0 if index % 2 else 0.0}
        shaders = (slot(),) if index >= 20 else ()
        shown(auto, replace(picture(changes, time_s=index / 20), shaders=shaders))
        is_limiting.append(auto.flash_guard.is_limiting)
    assert any(is_limiting[:20]) and any(is_limiting[20:23]), "a strobe of 10 Hz"


def test_a_refused_size_leaves_both_at_the_old_one(auto: Renderer, picture: Callable) -> None:
    with pytest.raises(RenderError):
        auto.resize(20_000, 20)
    for shaders in ((), (slot(),)):
        assert shown(auto, replace(picture(), shaders=shaders)).shape == (SIZE[1], SIZE[0], 4)
