"""The F card as a real GL texture, published by the sinks that use textures, as a receiver sees it (`receivers`)."""

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from engine.errors import NoGLError
from engine.render import Renderer, open_renderer
from engine.sinks import SinkSet, SinkSpec
from engine.system.clock import SteppedClock
from engine.values import PublishedFrame, TextureRef


@pytest.fixture
def gl(require) -> Iterator[object]:
    import moderngl

    try:
        context = moderngl.create_context(standalone=True, backend="egl")
    except Exception as error:  # moderngl raises plain Exception
        require(False, f"OpenGL through EGL (apt-get install libegl1 libgl1 libgl1-mesa-dri): {error}")
    with context:
        yield context
    context.release()


@pytest.fixture
def textured(gl, make_frame, f_card) -> tuple[PublishedFrame, np.ndarray, Callable[..., np.ndarray]]:
    """A frame as the GL renderer publishes it, its picture, and a function that reads a texture's memory."""
    card = f_card(64, 48)
    texture = gl.texture((64, 48), 4, card.tobytes())

    def read(glo: int, width: int, height: int) -> np.ndarray:
        known = gl.external_texture(glo, (width, height), 4, 0, "f1")
        return np.frombuffer(known.read(), np.uint8).reshape(height, width, 4)

    frame = make_frame(0, card, texture=TextureRef(glo=texture.glo, width=64, height=48))
    frame = PublishedFrame(
        id=frame.id, width=64, height=48, texture=frame.texture, read_rgba=lambda: read(texture.glo, 64, 48)
    )
    return frame, card, read


@pytest.mark.parametrize("kind", ["syphon", "spout"])
def test_a_receiver_sees_the_texture_upright(kind: str, textured, receivers, make_stage, reports) -> None:
    frame, card, read = textured
    seen = receivers(kind, read)
    sinks = SinkSet(make_stage(), SteppedClock(), reports)
    sinks.start(SinkSpec(kind=kind))
    sinks.publish(frame)
    sinks.close()
    assert reports.lines == []
    assert np.array_equal(seen[(64, 48)], card)


@pytest.fixture
def open_gl(require) -> Iterator[Callable[[], Renderer]]:
    """Opens a real renderer, closed at the end at the latest."""
    opened: list[Renderer] = []

    def open_one() -> Renderer:
        try:
            opened.append(open_renderer("gl", 64, 48))
        except NoGLError as error:
            require(False, str(error))
        return opened[-1]

    yield open_one
    for renderer in opened:
        renderer.close()


def current_context() -> int:
    current = ctypes.CDLL("libEGL.so.1").eglGetCurrentContext
    current.restype = ctypes.c_void_p
    return current()


LIFE = {
    "syphon": ["SyphonOpenGLServer.__init__", "SyphonOpenGLServer.publish_frame_texture", "SyphonOpenGLServer.stop"],
    "spout": ["SpoutSender.setSenderName", "SpoutSender.sendTexture", "SpoutSender.releaseSender"],
}


@pytest.fixture(params=LIFE)
def texture_kind(request: pytest.FixtureRequest) -> tuple[str, Any]:
    """Syphon and Spout, with fakes that use the real current context."""
    library = request.getfixturevalue(f"stand_in_{request.param}")
    library.answers["CGLGetCurrentContext"] = library.answers["wglGetCurrentContext"] = current_context
    library.answers["SpoutReceiver.getSenderList"] = lambda: []
    library.answers["SpoutSender.sendTexture"] = lambda *_: True
    return request.param, library


def test_a_new_renderer_gets_new_servers_of_its_own_context(
    texture_kind, open_gl, make_stage, make_frame, reports
) -> None:
    """A server's context is destroyed with its renderer; activating it again would crash."""
    kind, library = texture_kind
    renderer = open_gl()
    sinks = SinkSet(make_stage(), SteppedClock(), reports)
    for spec in (SinkSpec(kind=kind), SinkSpec(kind="null")):
        sinks.start(spec)
    sinks.publish(make_frame(0, texture=renderer.texture))
    renderer.close()
    renderer = open_gl()
    sinks.renew_context()
    assert current_context() is not None
    sinks.publish(make_frame(1, texture=renderer.texture))
    assert [call for call, _ in library.calls if call in LIFE[kind]] == [*LIFE[kind], *LIFE[kind][:2]]
    if kind == "syphon":
        made_in = [call["cgl_context_obj"] for call in library.named("SyphonOpenGLServer.__init__")]
        assert made_in[1] == ("CGLContextObj", current_context())
    assert [(status.kind, status.frames) for status in sinks.status()] == [(kind, 2), ("null", 2)]
    sinks.close()
    assert reports.lines == []


def test_a_server_that_cannot_be_recreated_is_retried_while_others_continue(
    texture_kind, open_gl, make_stage, make_frame, reports
) -> None:
    kind, library = texture_kind
    renderer = open_gl()
    clock = SteppedClock()
    sinks = SinkSet(make_stage(), clock, reports)
    for spec in (SinkSpec(kind=kind), SinkSpec(kind=kind, argument="second"), SinkSpec(kind="null")):
        sinks.start(spec)

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("not now")

    library.answers[LIFE[kind][0]] = library.answers[LIFE[kind][2]] = refuse
    sinks.renew_context()
    assert [status.state for status in sinks.status()] == ["retrying", "retrying", "running"]
    assert {key for key, _ in reports.lines} == {f"sink.{kind}"}
    del library.answers[LIFE[kind][0]], library.answers[LIFE[kind][2]]
    clock.advance(1)
    sinks.pump()
    sinks.publish(make_frame(0, texture=renderer.texture))
    assert [(status.state, status.frames) for status in sinks.status()] == [("running", 1)] * 3
    sinks.close()
