"""A usual picture is one submission to the GPU, waited for once; several publishing passes give the
same bits."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import NoGLError
from engine.models.sd.pixels import as_rgb, crop_and_resize
from engine.render.context import load_finish
from engine.render.gl_renderer import GLRenderer
from engine.render.gl_targets import PLAIN_DTYPE
from engine.render.gl_textures import Target
from engine.render.isf.isf_file import ShaderSlot
from engine.render.isf.parse import parse_isf
from engine.render.opening import open_renderer
from engine.render.picture import PictureCrossfade, PictureInput, Renderer
from engine.values import VideoFrame
from tests.support.needed import needs, require
from tests.support.pictures import dissolving, draw_once, on_air

pytestmark = needs("OpenGL")

SIZE = (96, 54)
FITTED = (64, 40)
SIMPLE = {"/mode": "simple"}
TRAIL = {"/feedback/amount": 0.9, "/feedback/zoom": 1.05, "/feedback/rotate": 3.0}
LUMA = {"/multiverse/alpha": "luma"}
GUARDED = {"/safety/flash_guard": True}
EFFECTS = {"/post/vignette": 1.0, "/post/glow": 0.8, "/post/chromatic": 0.5}
MIRRORED = """/*{"INPUTS": [{"NAME": "inputImage", "TYPE": "image"}]}*/
void main() { gl_FragColor = IMG_NORM_PIXEL(inputImage, vec2(1.0 - isf_FragNormCoord.x, isf_FragNormCoord.y)); }"""
SLOT = ShaderSlot(slot="1", file=parse_isf(MIRRORED, path=None), inputs={}, mix=1.0)
CARD = np.random.default_rng(5).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
LOOKS: list[dict[str, Any]] = [
    GUARDED,
    TRAIL | GUARDED,
    LUMA | {"/master/fade": 0.61},
    TRAIL | {"/master/fade": 0.37, "/mirror/mode": "kaleidoscope", "/multiverse/blend": 1.5},
    {"/multiverse/light": "linear", "/multiverse/tone": "filmic", "/multiverse/brightness": 3.0},
    {"/multiverse/tone": "clip", "/multiverse/blend": 2.5, "/layer/5/intensity": 0.7},
    SIMPLE,
    GUARDED | {"/master/blackout": True},
]
KINDS = ["software", "gpu", "8 bits"]


class Watched:
    """A renderer that counts its waits and its publishing passes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
        self.waits = self.passes = 0
        # As on a GPU: all is queued, and read through buffers. The others are drawn as by a
        # software rasteriser.
        monkeypatch.setattr("engine.render.gl_renderer.is_software", lambda name: kind != "gpu")
        if kind == "8 bits":
            monkeypatch.setattr(
                "engine.render.gl_publish.deepest_dtype", lambda context: PLAIN_DTYPE
            )
        monkeypatch.setattr("engine.render.gl_renderer.load_finish", lambda: self._finish)
        self._gl_finish = load_finish()
        renderer = open_renderer("gl", *SIZE)
        assert isinstance(renderer, GLRenderer)
        self.renderer = renderer
        draw = renderer._publisher.draw

        def count(*parts: Any, **more: Any) -> None:
            self.passes += 1
            draw(*parts, **more)

        renderer._publisher.draw = count  # type: ignore[method-assign]  # for the test
        self._again = draw
        self._spare = Target(renderer._context, SIZE)
        self._deep = Target(renderer._context, SIZE, dtype=renderer._publisher.dither.dtype)

    def _finish(self) -> None:
        self.waits += 1
        self._gl_finish()

    def show(self, picture: PictureInput) -> tuple[int, int]:
        """Draw a picture. Returns how often the program waited, and how many passes published
        it."""
        self.waits = self.passes = 0
        self.renderer.draw(replace(picture, fitted_px=FITTED))
        self.renderer.wait()
        return self.waits, self.passes

    def expected(self) -> np.ndarray:
        """The picture on screen, published by publish.glsl."""
        renderer = self.renderer
        self._again(renderer._current, renderer._final, self._spare, is_luma=renderer._is_luma)
        self._gl_finish()
        return np.frombuffer(self._spare.framebuffer.read(components=4), np.uint8).reshape(
            SIZE[1], SIZE[0], 4
        )

    def expected_deep(self) -> np.ndarray:
        renderer = self.renderer
        renderer._publisher.draw_deep(
            renderer._current, renderer._final, self._deep, is_luma=renderer._is_luma
        )
        self._gl_finish()
        return np.frombuffer(
            self._deep.framebuffer.read(components=4, dtype="nu2"), np.uint16
        ).reshape(SIZE[1], SIZE[0], 4)

    def require_equal(self) -> None:
        waits = self.waits
        source = self.renderer.read_fitted(FITTED)
        assert self.waits == waits, "it was transferred with the drawing"
        if not self.renderer.is_software:
            expected = as_rgb(
                crop_and_resize(self.expected()[None, ..., :3].copy(), *FITTED, torch.device("cpu"))
            )[0].numpy()
            assert source.shape == (FITTED[1], FITTED[0], 4) and (source[..., 3] == 255).all()
            assert np.abs(source[..., :3].astype(int) - expected).max() <= 1
        assert np.array_equal(self.renderer.read_rgba(), self.expected())
        assert np.array_equal(self.renderer.read_rgba16(), self.expected_deep())


@pytest.fixture(scope="module", params=KINDS)
def opened(request: pytest.FixtureRequest) -> Iterator[Watched]:
    try:
        with pytest.MonkeyPatch.context() as monkeypatch:
            watched = Watched(monkeypatch, request.param)
    except NoGLError:
        require(False, "OpenGL")
        raise
    yield watched
    watched.renderer.close()


@pytest.fixture
def watched(opened: Watched) -> Iterator[Watched]:
    opened.renderer.resize(*SIZE)
    yield opened
    # on Windows no context is current after another has been released
    with opened.renderer._context:
        assert opened.renderer._context.error == "GL_NO_ERROR"


@pytest.fixture
def is_gpu(watched: Watched) -> bool:
    return not watched.renderer.is_software


def test_a_look_is_drawn_and_published_at_once(
    watched: Watched, picture: Callable[..., PictureInput]
) -> None:
    for changes in LOOKS:
        for frame in range(2):
            request = picture(
                changes, layer5=CARD, pitches_hz=(110.0 + frame,) * 4, time_s=frame / 30
            )
            assert watched.show(request) == (1, 0), changes
            watched.require_equal()


def test_what_is_drawn_on_a_look_is_published_afterwards(
    watched: Watched, picture: Any, is_gpu: bool
) -> None:
    """Effects, shaders, a still picture and a dissolve, one after the other; on a GPU in one
    submission, too."""
    old, new = picture(TRAIL), picture(LUMA, deck=2)
    for _ in range(8):  # the shader is built
        watched.show(replace(old, shaders=(SLOT,)))
    dissolve = [dissolving(old, new, mix) for mix in (0.0, 0.5)]
    still = dissolving(None, new, 0.7)
    frozen = picture({"/master/freeze": True, "/master/fade": 0.7})
    for request in (
        replace(old, shaders=(SLOT,)),
        picture(EFFECTS | LUMA),
        *dissolve,
        still,
        frozen,
        frozen,
    ):
        waits, passes = watched.show(request)
        assert passes == 1 and (waits == 1 or not is_gpu)
        watched.require_equal()
    assert watched.show(new) == (1, 0)
    watched.require_equal()


@pytest.mark.parametrize("is_dissolving", [False, True], ids=["one look", "dissolve"])
def test_a_limited_picture_is_published_again(
    watched: Watched,
    picture: Callable[..., PictureInput],
    cpu: Renderer,
    is_gpu: bool,
    is_dissolving: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu.resize(*SIZE)
    was_limited, limited, fits = False, 0, []
    if is_gpu:
        fit = watched.renderer._fitted.queue
        monkeypatch.setattr(
            watched.renderer._fitted, "queue", lambda *rest: (fits.append(rest), fit(*rest))
        )
    for frame in range(20):
        flash = np.full((6, 8, 3), 255 * (frame % 2), np.uint8)
        request = picture(SIMPLE | GUARDED | {"/master/fade": 0.9}, layer5=flash, time_s=frame / 30)
        if is_dissolving:
            still = picture(
                SIMPLE | GUARDED, layer5=np.full((6, 8, 3), 80, np.uint8), time_s=frame / 30
            )
            request = dissolving(on_air(still, deck=2), request, 0.8)
        fits.clear()
        waits, passes = watched.show(request)
        draw_once(cpu, request)
        is_limited = watched.renderer.flash_guard.is_limiting
        assert is_limited == cpu.flash_guard.is_limiting
        if is_dissolving:  # it is published ahead unless the last one was limited
            assert passes == 1 + (is_gpu and is_limited and not was_limited)
            if is_gpu:
                assert waits == 1 + (is_limited or was_limited)
        else:
            assert (waits, passes) == (1 + is_limited, is_limited)
        assert len(fits) == is_gpu * (passes if is_dissolving else 1 + is_limited), (
            "only what is published is fitted"
        )
        assert np.abs(watched.renderer.read_rgba().astype(int) - cpu.read_rgba()).max() <= 1
        watched.require_equal()
        was_limited = is_limited
        limited += is_limited
    assert 3 < limited < 20
    watched.show(
        picture(SIMPLE | GUARDED | {"/master/blackout": True}, layer5=flash, time_s=frame / 30)
    )
    assert (
        not watched.renderer.read_rgba()[..., :3].any()
        and not watched.renderer.read_rgba16()[..., :3].any()
    )
    watched.require_equal()
    watched.show(request)
    assert watched.renderer.flash_guard.is_limiting, (
        "the return from black is a rise like any other"
    )
    watched.require_equal()


def test_a_gpu_gets_the_bytes_of_a_picture_as_they_are(
    watched: Watched, picture: Any, is_gpu: bool
) -> None:
    """Its driver would put a fourth channel into RGB on the CPU. A picture may be too high for
    that."""
    too_high = watched.renderer._context.info["GL_MAX_TEXTURE_SIZE"] // 3 + 1
    for width, height in ((1, 1), (3, 5), (2, too_high), (64, 48), (77, 31), SIZE):
        pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)[
            ::-1
        ]
        lazy = watched.renderer.lazy_picture(
            PictureCrossfade.of(VideoFrame(pixels=pixels, index=0, time_s=0.0, source="test"))
        )
        assert (lazy.read_rgba()[..., :3] == pixels).all()
    watched.renderer.draw(picture(SIMPLE, layer5=pixels))
    assert (watched.renderer.read_rgba()[..., :3] == pixels).all()
    assert watched.renderer._lazy.layer5._picture._texture.components == (1 if is_gpu else 3)
    watched.renderer.draw(picture(SIMPLE))
    assert not watched.renderer.read_rgba()[..., :3].any(), "black without a picture"
