"""Opens a headless OpenGL 3.3 core context on all three systems, or explains in one line what to
install.

Linux: EGL, on the best device or the chosen one (egl_devices.py). macOS: CGL. Windows: WGL. The
context is current on the thread that opened it, and must be used only there.
"""

import ctypes
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import moderngl

from engine.errors import NoGLError, RenderError
from engine.render.egl_devices import (
    EGL_LIBRARY,
    EglDevice,
    by_preference,
    find_device,
    gpu_choice,
    list_egl_devices,
)
from engine.system import win32
from engine.system.translate_errors import translate_errors

REQUIRED_VERSION = 330
MAX_MESSAGES_PER_PICTURE = (
    32  # the rest wait for the next picture, so that many messages delay no picture
)
# glvnd's two; the second comes without X11's libraries
GL_LIBRARIES = ("libGL.so.1", "libOpenGL.so.0")
_CORE_PROFILE_BIT = 1
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "SwiftShader", "Microsoft Basic Render")
_REFUSED = {
    "Apple Software Renderer": "macOS offers only its software renderer: no GPU is reachable from "
    "this session "
    "(log in at the screen, not over ssh), or use --renderer numba (docs/tutorials/mac.md, "
    "Graphics)",
    "GDI Generic": "Windows offers only its OpenGL 1.1 emulation: install the graphics card's own "
    "driver "
    "(remote desktop hides it), or use --renderer numba (docs/tutorials/windows.md, Graphics)",
}
_SYSTEM_CHOOSES = {
    "win32": "Windows chooses the card for each program (docs/tutorials/windows.md, Graphics); "
    "leave --gpu out",
    "darwin": "macOS chooses the GPU itself, and most Macs have one; leave --gpu out",
}
_DEBIAN_PACKAGES = "apt-get install libegl1 libgl1 libgl1-mesa-dri"

# glcontext and moderngl raise a bare Exception; these parts of its text identify the cause.
_CAUSES = (
    (("not loaded",), f"the OpenGL libraries are missing; on Debian or Ubuntu: {_DEBIAN_PACKAGES}"),
    (
        (
            "eglInitialize",
            "eglQueryDevices",
            "eglGetPlatformDisplay",
            "eglGetDisplay",
            "device index",
        ),
        "EGL finds no driver; install the GPU's, or Mesa's software one, on Debian or Ubuntu: "
        + _DEBIAN_PACKAGES,
    ),
    (
        ("eglChooseConfig", "eglCreateContext", "eglBindAPI", "OpenGL version", "create context"),
        "the driver has no OpenGL 3.3 core profile; update it",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedDevice:
    """A device, and whether a context opens on it."""

    device: EglDevice
    name: str
    """Its GL_RENDERER, or what its driver names it."""
    error: str
    """Why no context opens; "" if one does."""


def open_context() -> moderngl.Context:
    """Open a standalone core context, current on this thread. NoGLError names the cause and the
    fix.

    On Linux: on the chosen device, or on the best that opens, with whatever the CPU draws as the
    last."""
    choice = gpu_choice()
    if not sys.platform.startswith("linux"):
        if choice:
            raise NoGLError(f"gpu {choice!r}: {_SYSTEM_CHOOSES[sys.platform]}")
        return _open()
    devices = list_egl_devices()
    if choice:
        return _open(_find_named(choice, devices).index)
    # none: glcontext explains why
    waiting = [*by_preference(devices)] or [EglDevice(index=0, is_software=True)]
    errors = []
    for device in waiting:
        try:
            context = _open(device.index)
        except NoGLError as error:
            errors.append(error)
            continue
        if device.is_software or not is_software(context.info["GL_RENDERER"]):
            return context
        context.release()
        # the driver claimed a card: retry after the others
        waiting.append(replace(device, is_software=True))
    raise errors[0]


def name_devices(devices: Iterable[EglDevice] | None = None) -> tuple[NamedDevice, ...]:
    """Open a context on each of these devices, by default all of EGL's; none on systems that choose
    the GPU."""
    named = []
    for device in list_egl_devices() if devices is None else devices:
        try:
            context = _open(device.index)
        except NoGLError as error:
            named.append(
                NamedDevice(device=device, name=device.name or "unnamed", error=str(error))
            )
        else:
            named.append(NamedDevice(device=device, name=context.info["GL_RENDERER"], error=""))
            context.release()
    return tuple(named)


def _find_named(choice: str, devices: tuple[EglDevice, ...]) -> EglDevice:
    """The chosen device. With an older driver only a context knows a name."""
    if not any(str(device.index) == choice for device in devices):
        names = {
            each.device: each.name
            for each in name_devices(device for device in devices if not device.name)
        }
        devices = tuple(replace(device, name=names.get(device, device.name)) for device in devices)
    return find_device(choice, devices)


def _open(device_index: int = 0) -> moderngl.Context:
    options: dict[str, Any] = {"standalone": True, "require": REQUIRED_VERSION}
    # glcontext raises nothing more precise than Exception.
    with translate_errors({Exception: lambda error: explain(str(error))}, as_=NoGLError):
        if sys.platform.startswith("linux"):
            # The module itself, because the function around it lets environment variables win.
            egl: Any = import_module("glcontext.egl")
            options["context"] = egl.create_context(
                libgl=_gl_library(),
                libegl=EGL_LIBRARY,
                glversion=REQUIRED_VERSION,
                device_index=device_index,
            )
        context = moderngl.create_context(**options)
    reason = refusal(
        context.info["GL_RENDERER"],
        context.version_code,
        context.info.get("GL_CONTEXT_PROFILE_MASK", 0),
    )
    if reason is not None:
        context.release()
        raise NoGLError(reason)
    return context


def _gl_library() -> str:
    """The first OpenGL library that is installed; if there is none, the first, so that the error
    names it."""
    return next(filter(can_load, GL_LIBRARIES), GL_LIBRARIES[0])


def can_load(library: str) -> bool:
    """True if the system finds this library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


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
    # macOS only has core profiles from 3.2 on (Apple, "OpenGL Profiles": legacy, 3.2 core, 4.1
    # core).
    is_core = bool(profile_mask & _CORE_PROFILE_BIT) or sys.platform == "darwin"
    if version_code < REQUIRED_VERSION or not is_core:
        return (
            f"no OpenGL: {renderer} offers a legacy profile ({version_code}), 3.3 core is "
            "needed; update its driver"
        )
    return None


def is_software(renderer: str) -> bool:
    """True if GL_RENDERER names a rasteriser that runs on the CPU."""
    return any(name in renderer for name in _SOFTWARE)


def load_message_pump() -> Callable[[], None]:
    """A function that pumps the messages of the context's window, on the thread that opened it; a
    no-op elsewhere.

    On Windows glcontext opens a hidden window of size zero (meth_create_context in its wgl.cpp). A
    window whose thread processes no messages for five seconds counts as hung. Logging off waits for
    it, and so does every program that broadcasts to all windows (SendMessage to HWND_BROADCAST
    reaches hidden ones too)."""
    return (
        win32.load_message_pump(MAX_MESSAGES_PER_PICTURE)
        if sys.platform == "win32"
        else lambda: None
    )


def driver_errors() -> AbstractContextManager[None]:
    """Turn every error of moderngl, its context and the driver into RenderError."""
    # moderngl.Error, glcontext's bare Exception, a lost context's AttributeError, OSError
    return translate_errors({Exception: "OpenGL"}, as_=RenderError)


def load_finish() -> Callable[[], None]:
    """`glFinish` through ctypes, which waits for the GPU without the GIL; moderngl would hold
    it."""
    if sys.platform == "darwin":
        library = ctypes.CDLL("/System/Library/Frameworks/OpenGL.framework/OpenGL")
    elif sys.platform == "win32":
        library = ctypes.WinDLL("opengl32")
    else:
        library = ctypes.CDLL(_gl_library())
    finish = library.glFinish
    finish.argtypes = ()
    finish.restype = None
    return finish
