"""Opens a renderer: OpenGL on a GPU; Numba where OpenGL would run on the CPU or is missing.

Each is imported on demand: on a GPU the engine does not need numba, without OpenGL it does not need
moderngl.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.errors import NoGLError, RenderError
from engine.render.egl_devices import gpu_choice
from engine.render.isf.clocks import DateAt, date_live
from engine.render.picture import Renderer

if TYPE_CHECKING:
    from engine.render.gl_renderer import GLRenderer
    from engine.render.gl_shaders import GLShaders
    from engine.render.numba_renderer import NumbaRenderer

CHOICES = ("auto", "gl", "numba")
SOFTWARE = "OpenGL runs on the CPU here, where Numba is faster; shaders use OpenGL"


def open_renderer(
    choice: str,
    width: int,
    height: int,
    *,
    is_live: bool = False,
    on_progress: Callable[[str], None] = lambda line: None,
    date_at: DateAt = date_live,
) -> Renderer:
    """Open a renderer of this size, "auto", "gl" or "numba". Use it on the calling thread only.

    is_live: Where Numba must compile, start before trails, layer 5 and effects are compiled.
    on_progress: Gets the progress. date_at: Source of the shaders' DATE. "auto" is OpenGL on a GPU,
    else "numba". Numba uses OpenGL for shaders; without it each shader fails. `.reason` explains
    why it is not OpenGL. NoGLError if "gl" or the chosen GPU is not available; RenderError if a
    shader or size is rejected."""
    if choice not in CHOICES:
        raise RenderError(f"renderer {choice!r}: choose auto, gl or numba")
    if choice == "gl":
        return _open_gl(width, height, date_at)
    is_requested = choice == "numba"
    shaders = None
    why_no_shaders = ""
    try:
        shaders = _open_shaders(date_at)
        if not (shaders.is_software or is_requested):
            shaders.close()
            return _open_gl(width, height, date_at)
    except RenderError as error:  # no OpenGL, or a driver that rejects a shader
        if gpu_choice():
            raise
        shaders = None
        why_no_shaders = str(error)
    try:
        return _numba_class()(
            width,
            height,
            reason="" if is_requested else why_no_shaders or SOFTWARE,
            is_live=is_live,
            on_progress=on_progress,
            shaders=shaders,
            why_no_shaders=why_no_shaders,
        )
    except RenderError as error:  # no Numba for this Python, or no memory
        if shaders is None:
            raise
        shaders.close()
        if is_requested:
            raise
        gl = _open_gl(width, height, date_at)
        gl.reason = f"OpenGL runs on the CPU here; Numba would be faster, but: {error}"
        return gl


def _open_shaders(date_at: DateAt) -> "GLShaders":
    try:
        from engine.render.gl_shaders import GLShaders
    except ImportError as error:  # not every system has a wheel
        raise NoGLError(f"no OpenGL: {error}; install moderngl") from error
    return GLShaders(date_at=date_at)


def _open_gl(width: int, height: int, date_at: DateAt) -> "GLRenderer":
    try:
        from engine.render.gl_renderer import GLRenderer
    except ImportError as error:  # not every system has a wheel
        raise NoGLError(f"no OpenGL: {error}; install moderngl, or use --renderer numba") from error
    return GLRenderer(width, height, date_at=date_at)


def _numba_class() -> "type[NumbaRenderer]":
    try:
        from engine.render.numba_renderer import NumbaRenderer
    except ImportError as error:  # no wheel for this Python
        raise RenderError(f"Numba: {error}") from error
    return NumbaRenderer


def describe_unused_card() -> str:
    """Describe in one line a graphics card that OpenGL does not use, why, and how to fix it; "" if
    there is none.

    For Linux, and for a renderer that draws in software. As of `find_unused_card`."""
    try:
        from engine.render.unused_card import find_unused_card
    except ImportError:  # without moderngl, which the renderer's reason names
        return ""
    unused = find_unused_card()
    return "" if unused is None else str(unused)
