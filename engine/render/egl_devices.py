"""The devices that EGL can draw with on Linux, and which one a context is opened on.

EGL gives every driver's devices in one list: NVIDIA's, one for each card that Mesa drives, and
Mesa's software. The choice is the first of the best kind, or the one that the environment variable
MULTIVERSE_GPU names. Every process of ours that opens a context reads it, so that the engine, the
trials of shaders and jobs use the same device.
"""

import ctypes
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from engine.errors import NoGLError

GPU_VARIABLE: Final = "MULTIVERSE_GPU"
EGL_LIBRARY: Final = "libEGL.so.1"
# EGL 1.5, EGL_EXT_device_drm, EGL_EXT_device_drm_render_node, EGL_EXT_device_query_name (Khronos'
# EGL registry)
_EXTENSIONS = 0x3055
_VENDOR = 0x3053
_RENDERER = 0x335F
_DRM_FILE = 0x3233
_RENDER_FILE = 0x3377

_QueryDevices = ctypes.CFUNCTYPE(
    ctypes.c_uint, ctypes.c_int, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_int)
)
_QueryDeviceString = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int)


@dataclass(frozen=True, slots=True, kw_only=True)
class EglDevice:
    index: int
    """Position in EGL's list; `--gpu` and glcontext's `device_index` take it."""
    name: str = ""
    """As its driver names it without a context; older drivers do not."""
    file: str = ""
    """Its device file, such as `/dev/dri/renderD128`."""
    is_cuda: bool = False
    """NVIDIA's own driver draws."""
    is_software: bool = False
    """The CPU draws."""

    @property
    def label(self) -> str:
        name = self.name or ("software" if self.is_software else "unnamed")
        return " ".join(part for part in (str(self.index), name, self.file) if part)


@contextmanager
def chosen_gpu(gpu: str | None) -> Iterator[None]:
    """Select the device of all contexts opened in this block, child processes included; None
    changes nothing."""
    before = os.environ.get(GPU_VARIABLE)
    if gpu is not None:
        os.environ[GPU_VARIABLE] = gpu
    try:
        yield
    finally:
        if gpu is not None:
            os.environ.pop(GPU_VARIABLE)
            os.environ.update({} if before is None else {GPU_VARIABLE: before})


def gpu_choice() -> str:
    """Return the chosen index or name; "" for the best device."""
    return os.environ.get(GPU_VARIABLE, "")


def list_egl_devices(egl: Any = None) -> tuple[EglDevice, ...]:
    """List all devices in EGL's order; empty without EGL or its extension
    EGL_EXT_device_enumeration.

    `egl`: the loaded library, for a test. It may load drivers: not in a process that forks."""
    if egl is None:
        try:
            egl = ctypes.CDLL(EGL_LIBRARY)
        except OSError:
            return ()
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    egl.eglGetProcAddress.argtypes = (ctypes.c_char_p,)
    found = [
        egl.eglGetProcAddress(name) for name in (b"eglQueryDevicesEXT", b"eglQueryDeviceStringEXT")
    ]
    if not all(found):
        return ()
    query_devices = _QueryDevices(found[0])
    query_string = _QueryDeviceString(found[1])
    count = ctypes.c_int(0)
    if not query_devices(0, None, count):
        return ()
    handles = (ctypes.c_void_p * count.value)()
    if not query_devices(count.value, handles, count):
        return ()

    def described(index: int, handle: int | None) -> EglDevice:
        extensions = (query_string(handle, _EXTENSIONS) or b"").decode().split()

        def text(
            extension: str, name: int
        ) -> str:  # a name without its extension would set an error in EGL
            return (
                (query_string(handle, name) or b"").decode("utf-8", "replace")
                if extension in extensions
                else ""
            )

        vendor, renderer = (
            text("EGL_EXT_device_query_name", name) for name in (_VENDOR, _RENDERER)
        )
        return EglDevice(
            index=index,
            name=renderer if vendor in renderer else f"{vendor} {renderer}".strip(),
            file=text("EGL_EXT_device_drm_render_node", _RENDER_FILE)
            or text("EGL_EXT_device_drm", _DRM_FILE),
            is_cuda="EGL_NV_device_cuda" in extensions,
            is_software="EGL_MESA_device_software" in extensions,
        )

    return tuple(described(index, handle) for index, handle in enumerate(handles[: count.value]))


def by_preference(devices: Sequence[EglDevice]) -> tuple[EglDevice, ...]:
    """Sort devices: NVIDIA's own driver first, software last; EGL's order within a kind."""
    return tuple(sorted(devices, key=lambda device: (device.is_software, not device.is_cuda)))


def find_device(choice: str, devices: Sequence[EglDevice]) -> EglDevice:
    """Find the device with this index, or the only one with this text in its name or file, ignoring
    case.

    A number is a part only as a whole: 9 is not in `RTX 4090`. NoGLError, listing the devices, if
    none or several fit.
    """
    part = re.compile(rf"(?<!\d){re.escape(choice)}(?!\d)", re.IGNORECASE)
    found = [device for device in devices if str(device.index) == choice] or [
        device for device in devices if part.search(f"{device.name} {device.file}")
    ]
    if len(found) == 1:
        return found[0]
    there = "; ".join(device.label for device in devices) or "none"
    if found:
        raise NoGLError(f"gpu {choice!r}: several match; give the index of one ({there})")
    raise NoGLError(f"gpu {choice!r}: EGL has no such device (available: {there})")
