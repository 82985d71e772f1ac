"""Which renderer draws: OpenGL where there is one, else Numba."""

from engine.errors import NoGLError, RenderError
from engine.render.picture import Renderer

CHOICES = ("auto", "gl", "numba")


def open_renderer(choice: str, width: int, height: int) -> Renderer:
    """A renderer of this size, "auto", "gl" or "numba"; its calls belong to the calling thread.

    "auto" takes Numba where there is no usable OpenGL, and says why in `.reason`. NoGLError when "gl" is not
    to be had; RenderError when a shader or size is refused.
    """
    if choice not in CHOICES:
        raise RenderError(f"renderer {choice!r}: choose auto, gl or numba")
    reason = ""
    if choice != "numba":
        # Imported when wanted: the engine with Numba needs no moderngl, the one with OpenGL no numba.
        from engine.render.gl_renderer import GLRenderer

        try:
            return GLRenderer(width, height)
        except NoGLError as error:
            if choice == "gl":
                raise
            reason = str(error)
    try:
        from engine.render.numba_renderer import NumbaRenderer
    except (
        ImportError,
        RuntimeError,
    ) as error:  # no wheel for this Python; no folder for the compiled kernels
        raise RenderError(f"Numba: {error} (its cache needs a writable folder: set NUMBA_CACHE_DIR)") from error

    return NumbaRenderer(width, height, reason=reason)
