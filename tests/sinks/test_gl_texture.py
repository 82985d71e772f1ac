"""Sinks that use textures, with a real renderer: the F card as a receiver sees it (`receivers`),
and new contexts."""

import ctypes
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from engine.errors import NoGLError
from engine.render.opening import open_renderer
from engine.render.picture import PictureCrossfade, Renderer
from engine.sinks.sink import SinkSpec
from engine.sinks.sink_set import SinkSet
from engine.system.clock import SteppedClock
from engine.values import TextureRef, VideoFrame

LIFE = {
    "syphon": [
        "SyphonOpenGLServer.__init__",
        "SyphonOpenGLServer.publish_frame_texture",
        "SyphonOpenGLServer.stop",
    ],
    "spout": ["SpoutSender.setSenderName", "SpoutSender.sendTexture", "SpoutSender.releaseSender"],
}


@pytest.fixture
def open_gl(require) -> Iterator[Callable[[], Renderer]]:
    """Opens a real renderer, closed at the end at the latest."""
    opened: list[Renderer] = []

    def open_one() -> Renderer:
        try:
            opened.append(open_renderer("gl", 64, 48))
        except NoGLError:
            require(False, "OpenGL")
        return opened[-1]

    yield open_one
    for renderer in opened:
        renderer.close()


def current_context() -> int:
    is_windows = sys.platform == "win32"
    current = (
        ctypes.CDLL("opengl32").wglGetCurrentContext
        if is_windows
        else ctypes.CDLL("libEGL.so.1").eglGetCurrentContext
    )
    current.restype = ctypes.c_void_p
    return current()


@pytest.fixture(params=LIFE)
def texture_kind(request: pytest.FixtureRequest) -> tuple[str, Any]:
    """Syphon and Spout, with fakes that use the real current context."""
    library = request.getfixturevalue(f"fake_{request.param}")
    library.answers["CGLGetCurrentContext"] = library.answers["wglGetCurrentContext"] = (
        current_context
    )
    library.answers["SpoutReceiver.getSenderList"] = lambda: []
    library.answers["SpoutSender.sendTexture"] = lambda *_: True
    return request.param, library


def test_a_new_renderer_gets_new_servers_of_its_own_context(
    texture_kind, open_gl, make_format, make_frame, reports
) -> None:
    """A server's context is destroyed with its renderer; activating it again would crash."""
    kind, library = texture_kind
    renderer = open_gl()
    sinks = SinkSet(make_format(), SteppedClock(), reports)
    for spec in (SinkSpec(kind=kind), SinkSpec(kind="null")):
        sinks.start(spec)
    sinks.publish(make_frame(0, texture=renderer.texture))
    renderer.close()
    renderer = open_gl()
    sinks.renew_context()
    assert current_context() is not None
    sinks.publish(make_frame(1, texture=renderer.texture))
    assert [call for call, _ in library.calls if call in LIFE[kind]] == [
        *LIFE[kind],
        *LIFE[kind][:2],
    ]
    if kind == "syphon":
        contexts = [
            call["cgl_context_obj"] for call in library.named("SyphonOpenGLServer.__init__")
        ]
        assert contexts[1] == ("CGLContextObj", current_context())
    assert [(status.kind, status.frames) for status in sinks.status()] == [(kind, 2), ("null", 2)]
    sinks.close()
    assert reports.lines == []


@pytest.mark.parametrize("kind", ["syphon", "spout"])
def test_a_receiver_sees_the_main_texture_and_that_of_a_model_upright(
    kind: str, open_gl, receivers, f_card, make_format, make_frame, reports
) -> None:
    renderer = open_gl()
    card, of_model = f_card(64, 48), f_card(48, 32)
    texture = renderer._context.texture((64, 48), 4, card.tobytes())

    def read(glo: int, width: int, height: int) -> np.ndarray:
        known = renderer._context.external_texture(glo, (width, height), 4, 0, "f1")
        return np.frombuffer(known.read(), np.uint8).reshape(height, width, 4)

    seen = receivers(kind, read)
    sinks = SinkSet(make_format(), SteppedClock(), reports)
    sinks.add_picture("sd", 48, 32)
    sinks.start(SinkSpec(kind=kind))
    picture = VideoFrame(
        pixels=np.ascontiguousarray(of_model[..., :3]), index=0, time_s=0.0, source="sd"
    )
    for index in range(2):
        frame = make_frame(index, texture=TextureRef(glo=texture.glo, width=64, height=48))
        sinks.publish(frame, {"sd": renderer.lazy_picture(PictureCrossfade.of(picture))})
    sinks.close()
    assert reports.lines == []
    assert np.array_equal(seen[(64, 48)], card) and np.array_equal(seen[(48, 32)], of_model)
