"""Opens a headless OpenGL 3.3 core context on all three systems, or tells in one line what to install.

Linux: EGL (a GPU's driver, or Mesa's llvmpipe). macOS: CGL. Windows: WGL. The context is current on the thread that
opened it, and must be used only there.
"""

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import moderngl

from engine.errors import NoGLError
from engine.system import win32
from engine.system.translate_errors import translate_errors

REQUIRED_VERSION = 330
MAX_MESSAGES_PER_PICTURE = 32  # the rest wait for the next picture, so that a flood of messages delays none
_CORE_PROFILE_BIT = 1
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "SwiftShader", "Microsoft Basic Render")
_REFUSED = {
    "Apple Software Renderer": "macOS offers only its software renderer: no GPU is reachable from this session "
    "(log in at the screen, not over ssh), or use --renderer numba (docs/mac.md, Graphics)",
    "GDI Generic": "Windows offers only its OpenGL 1.1 emulation: install the graphics card's own driver "
    "(remote desktop hides it), or use --renderer numba (docs/windows.md, Graphics)",
}
_DEBIAN_PACKAGES = "apt-get install libegl1 libgl1 libgl1-mesa-dri"

# glcontext and moderngl raise a bare Exception; these parts of its text identify the cause.
_CAUSES = (
    (("not loaded",), f"the OpenGL libraries are missing; on Debian or Ubuntu: {_DEBIAN_PACKAGES}"),
    (
        ("eglInitialize", "eglQueryDevices", "eglGetPlatformDisplay", "eglGetDisplay", "device index"),
        "EGL finds no driver; install the GPU's, or Mesa's software one, on Debian or Ubuntu: " + _DEBIAN_PACKAGES,
    ),
    (
        ("eglChooseConfig", "eglCreateContext", "eglBindAPI", "OpenGL version", "create context"),
        "the driver has no OpenGL 3.3 core profile; update it",
    ),
)


def open_context() -> moderngl.Context:
    """Open a standalone core context, current on this thread. NoGLError tells the cause and the remedy."""
    options: dict[str, Any] = {"standalone": True, "require": REQUIRED_VERSION}
    if sys.platform.startswith("linux"):
        # Named explicitly, or glcontext runs a compiler or ldconfig to find them.
        options |= {"backend": "egl", "libgl": "libGL.so.1", "libegl": "libEGL.so.1"}
    # glcontext raises nothing more precise than Exception.
    with translate_errors({Exception: lambda error: explain(str(error))}, as_=NoGLError):
        context = moderngl.create_context(**options)
    reason = refusal(context.info["GL_RENDERER"], context.version_code, context.info.get("GL_CONTEXT_PROFILE_MASK", 0))
    if reason is not None:
        context.release()
        raise NoGLError(reason)
    return context


def explain(message: str) -> str:
    """One line that explains the text of an exception from opening a context."""
    for pieces, advice in _CAUSES:
        if any(piece in message for piece in pieces):
            return f"no OpenGL: {advice} ({message})"
    return f"no OpenGL: {message}"


def refusal(renderer: str, version_code: int, profile_mask: int) -> str | None:
    """Why an opened context cannot be used, or None."""
    for name, advice in _REFUSED.items():
        if name in renderer:
            return f"no OpenGL: {advice}"
    # macOS only has core profiles from 3.2 on (Apple, "OpenGL Profiles": legacy, 3.2 core, 4.1 core).
    is_core = bool(profile_mask & _CORE_PROFILE_BIT) or sys.platform == "darwin"
    if version_code < REQUIRED_VERSION or not is_core:
        return f"no OpenGL: {renderer} offers a legacy profile ({version_code}), 3.3 core is needed; update its driver"
    return None


def is_software(renderer: str) -> bool:
    """True if GL_RENDERER names a rasteriser that runs on the CPU."""
    return any(name in renderer for name in _SOFTWARE)


def load_message_pump() -> Callable[[], None]:
    """A function that pumps the messages of the context's window, on the thread that opened it; a no-op elsewhere.

    On Windows glcontext opens a hidden window of size zero (meth_create_context in its wgl.cpp). A window whose thread
    processes no messages for five seconds counts as hung. Logging off waits for it, and so does every program that
    broadcasts to all windows (SendMessage to HWND_BROADCAST reaches hidden ones too).
    """
    return win32.load_message_pump(MAX_MESSAGES_PER_PICTURE) if sys.platform == "win32" else _nothing


def _nothing() -> None:
    pass


def load_finish() -> Callable[[], None]:
    """`glFinish` through ctypes, which waits for the GPU without the GIL; moderngl would hold it."""
    if sys.platform == "darwin":
        library = ctypes.CDLL("/System/Library/Frameworks/OpenGL.framework/OpenGL")
    elif sys.platform == "win32":
        library = ctypes.WinDLL("opengl32")
    else:
        library = ctypes.CDLL("libGL.so.1")
    finish = library.glFinish
    finish.argtypes = ()
    finish.restype = None
    return finish
