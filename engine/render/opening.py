"""Which renderer draws: OpenGL where there is one, else Numba.

Either is imported when it is wanted: the engine with OpenGL needs no numba, the one with Numba no moderngl.
"""

from collections.abc import Callable

from engine.errors import NoGLError, RenderError
from engine.render.picture import Renderer

CHOICES = ("auto", "gl", "numba")


def open_renderer(
    choice: str,
    width: int,
    height: int,
    *,
    has_layer5: bool = True,
    has_masks: bool = True,
    tell: Callable[[str], None] = lambda line: None,
) -> Renderer:
    """A renderer of this size, "auto", "gl" or "numba"; its calls belong to the calling thread.

    `has_layer5`, `has_masks`: whether pictures for layer 5 and masks will be drawn; Numba compiles no more than that,
    and lets `tell` hear of it.
    "auto" takes Numba where OpenGL is not to be had, and says why in `.reason`. NoGLError when "gl" is not to be
    had; RenderError when a shader or size is refused.
    """
    if choice not in CHOICES:
        raise RenderError(f"renderer {choice!r}: choose auto, gl or numba")
    if choice == "numba":
        return _open_numba(width, height, "", has_layer5, has_masks, tell)
    try:
        return _open_gl(width, height)
    except RenderError as error:  # no OpenGL, or a driver that refuses a shader
        if choice == "gl":
            raise
        return _open_numba(width, height, str(error), has_layer5, has_masks, tell)


def _open_gl(width: int, height: int) -> Renderer:
    try:
        from engine.render.gl_renderer import GLRenderer
    except ImportError as error:  # not every system has a wheel
        raise NoGLError(f"no OpenGL: {error}; install moderngl, or use --renderer numba") from error
    return GLRenderer(width, height)


def _open_numba(
    width: int, height: int, reason: str, has_layer5: bool, has_masks: bool, tell: Callable[[str], None]
) -> Renderer:
    try:
        from engine.render.numba_renderer import NumbaRenderer
    except ImportError as error:  # no wheel for this Python
        raise RenderError(f"Numba: {error}") from error
    return NumbaRenderer(width, height, reason=reason, has_layer5=has_layer5, has_masks=has_masks, tell=tell)
