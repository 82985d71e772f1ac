"""The F card as a real GL texture, handed to the sinks that take textures, and seen as a receiver sees it.

Syphon and Spout are stand-ins, but the texture is read by GL, and turned by the rules that their sources follow:
Syphon takes memory row 0 for the bottom unless told that it is flipped; Spout's row 0 is the top unless inverted.
"""

import ctypes
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from engine.clock import SteppedClock
from engine.frame import PublishedFrame, TextureRef
from engine.ipc import FrameRing
from engine.sinks import SinkSet, SinkSpec


@pytest.fixture
def gl(require) -> Iterator[object]:
    import moderngl

    try:
        context = moderngl.create_context(standalone=True, backend="egl")
    except Exception as error:  # moderngl raises the bare class
        require(False, f"OpenGL through EGL (apt-get install libegl1 libgl1 libgl1-mesa-dri): {error}")
    with context:
        yield context
    context.release()


@pytest.fixture
def textured(gl, make_frame, f_card) -> tuple[PublishedFrame, np.ndarray, Callable[..., np.ndarray]]:
    """A frame as the GL renderer publishes it, its picture, and how anybody reads a texture's memory."""
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


def test_a_shared_memory_reader_sees_the_texture_upright(textured, make_stage, reports) -> None:
    frame, card, _ = textured
    sinks = SinkSet(make_stage(), SteppedClock(), reports)
    sinks.start(SinkSpec(kind="shared", argument="from GL"))
    sinks.publish(frame)
    reader = FrameRing.open("from GL")
    seen = reader.latest()
    assert seen is not None and np.array_equal(seen.pixels, card)
    reader.close()
    sinks.close()


def test_a_syphon_receiver_sees_the_texture_upright(textured, stand_in_syphon, make_stage, reports) -> None:
    frame, card, read = textured
    seen: list[np.ndarray] = []

    def publish(texture, region, size, is_flipped, target) -> None:
        rows = read(texture, *size)
        seen.append(rows if is_flipped else rows[::-1])

    stand_in_syphon.answers["SyphonOpenGLServer.publish_frame_texture"] = publish
    stand_in_syphon.answers["glGetError"] = ctypes.CDLL("libGL.so.1").glGetError
    sinks = SinkSet(make_stage(), SteppedClock(), reports)
    sinks.start(SinkSpec(kind="syphon"))
    sinks.publish(frame)
    sinks.close()
    assert reports.lines == []
    assert np.array_equal(seen[0], card)


def test_a_spout_receiver_sees_the_texture_upright(textured, stand_in_spout, make_stage, reports) -> None:
    frame, card, read = textured
    seen: list[np.ndarray] = []

    def send(texture, target, width, height, is_inverted, host_fbo) -> bool:
        rows = read(texture, width, height)
        seen.append(rows[::-1] if is_inverted else rows)
        return True

    stand_in_spout.answers["SpoutReceiver.getSenderList"] = lambda: []
    stand_in_spout.answers["SpoutSender.sendTexture"] = send
    sinks = SinkSet(make_stage(), SteppedClock(), reports)
    sinks.start(SinkSpec(kind="spout"))
    sinks.publish(frame)
    sinks.close()
    assert reports.lines == []
    assert np.array_equal(seen[0], card)
