"""Fixtures: a GL context, and shaders drawn with it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import moderngl
import numpy as np
import pytest

from engine.errors import NoGLError
from engine.render.context import load_finish, open_context
from engine.render.isf.gl_images import SoundImages, unbind
from engine.render.isf.isf_file import IsfFile
from engine.render.isf.parse import parse_isf
from engine.render.isf.program import EFFECT, OVER, Canvas, IsfProgram, ShaderTime
from tests.support.needed import require


@pytest.fixture(scope="module")
def context(request: pytest.FixtureRequest) -> Iterator[moderngl.Context]:
    """Create a standalone context; skips without OpenGL."""
    try:
        opened = open_context()
    except NoGLError:
        require(False, "OpenGL")
        raise
    yield opened
    opened.release()


@pytest.fixture
def isf() -> Callable[..., IsfFile]:
    """`isf(body, inputs=[...], passes=[...], **header)`: a parsed file; the body is main()'s, or a
    whole text."""

    def make(body: str, inputs: list[dict[str, Any]] | None = None, **header: Any) -> IsfFile:
        header = {"INPUTS": inputs or [], **header}
        text = body if "main" in body else f"void main() {{ {body} }}"
        return parse_isf(f"/*{json.dumps(header)}*/\n{text}\n", path=None)

    return make


@pytest.fixture
def show(context: moderngl.Context) -> Iterator[Callable[..., np.ndarray]]:
    """Fixture: `show(file, source=pixels, inputs={}, frames=1, ...)` returns the last frame, (h, w,
    4) uint8, row 0 at the top. A generator is drawn over black. Fails a test that leaves a GL
    error."""
    finish = load_finish()
    context.__enter__()  # type: ignore[no-untyped-call]  # moderngl gives it no annotations
    parts: list[Any] = []

    def draw(
        file: IsfFile,
        source: np.ndarray | None = None,
        inputs: dict[str, Any] | None = None,
        *,
        size_px: tuple[int, int] = (64, 48),
        frames: int = 1,
        waves: np.ndarray | None = None,
        moment: ShaderTime | None = None,
        **canvas: Any,
    ) -> np.ndarray:
        if source is not None:
            size_px = source.shape[1::-1]
        width, height = size_px
        pixels = np.zeros((height, width, 4), np.uint8) if source is None else source
        beneath = context.texture(size_px, 4, np.ascontiguousarray(pixels))
        target = context.texture(size_px, 4)
        framebuffer = context.framebuffer([target])
        program = IsfProgram(context, file)
        sound = SoundImages(context)
        sound.follow(np.zeros((4, 1024), np.float32) if waves is None else waves)
        by_name = {each.name: each for each in file.inputs}
        parts.extend((framebuffer, target, beneath, program, sound))
        options = {"finish": OVER if file.is_generator else EFFECT} | canvas

        def texture(name: str) -> moderngl.Texture:
            return beneath if by_name[name].type == "image" else sound.texture(by_name[name])

        for frame in range(frames):
            program.draw(
                Canvas(framebuffer=framebuffer, size_px=size_px, beneath=beneath, **options),
                inputs or {},
                texture,
                moment or ShaderTime(time_s=frame / 30, frame=frame),
            )
            finish()
        return np.frombuffer(framebuffer.read(components=4), np.uint8).reshape(height, width, 4)

    yield draw
    error = context.error
    unbind(context)
    for part in parts:
        part.release()
    assert error == "GL_NO_ERROR", error
