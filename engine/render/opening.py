"""Opens a renderer: OpenGL on a GPU; Numba where OpenGL would run on the CPU or is missing.

Each is imported on demand: on a GPU the engine does not need numba, without OpenGL it does not need moderngl.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.errors import NoGLError, RenderError
from engine.render.isf.dates import DateAt, date_live
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

    `is_live`: where Numba must compile, begin before trails, layer 5 and effects are compiled. `on_progress` gets the
    progress. `date_at` is the date that shaders get. "auto" is OpenGL on a GPU; on a software rasteriser Numba, with
    OpenGL for shaders; without OpenGL Numba alone. `.reason` says why it is not OpenGL.
    NoGLError if "gl" is not available; RenderError if a shader or size is rejected.
    """
    if choice not in CHOICES:
        raise RenderError(f"renderer {choice!r}: choose auto, gl or numba")
    if choice == "numba":
        return _open_numba(width, height, "", is_live, on_progress)
    if choice == "gl":
        return _open_gl(width, height, date_at)
    try:
        shaders = _open_shaders(date_at)
        if not shaders.is_software:
            shaders.close()
            return _open_gl(width, height, date_at)
    except RenderError as error:  # no OpenGL, or a driver that rejects a shader
        return _open_numba(width, height, str(error), is_live, on_progress)
    try:
        return _open_numba(width, height, SOFTWARE, is_live, on_progress, shaders)
    except RenderError as error:  # no Numba for this Python, or no memory
        shaders.close()
        gl = _open_gl(width, height, date_at)
        gl.reason = f"OpenGL runs on the CPU here; Numba would be faster, but: {error}"
        return gl


def _open_shaders(date_at: DateAt) -> "GLShaders":
    try:
        from engine.render.gl_shaders import GLShaders
    except ImportError as error:  # not every system has a wheel
        raise NoGLError(f"no OpenGL: {error}; install moderngl, or use --renderer numba") from error
    return GLShaders(date_at=date_at)


def _open_gl(width: int, height: int, date_at: DateAt) -> "GLRenderer":
    try:
        from engine.render.gl_renderer import GLRenderer
    except ImportError as error:  # not every system has a wheel
        raise NoGLError(f"no OpenGL: {error}; install moderngl, or use --renderer numba") from error
    return GLRenderer(width, height, date_at=date_at)


def _open_numba(
    width: int,
    height: int,
    reason: str,
    is_live: bool,
    on_progress: Callable[[str], None],
    shaders: "GLShaders | None" = None,
) -> "NumbaRenderer":
    try:
        from engine.render.numba_renderer import NumbaRenderer
    except ImportError as error:  # no wheel for this Python
        raise RenderError(f"Numba: {error}") from error
    return NumbaRenderer(
        width,
        height,
        reason=reason,
        is_live=is_live,
        on_progress=on_progress,
        shaders=shaders,
    )
