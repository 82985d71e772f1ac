"""A real X server in memory (Xvfb), with the pixels of its screen and its keyboard."""

import ctypes
import os
import shutil
import subprocess
from importlib.util import find_spec

import av
import numpy as np

SCREEN = (640, 480)
ESCAPE = 0xFF1B  # keysym


class Screen:
    """An X server without a monitor, its picture and its keyboard."""

    def __init__(self) -> None:
        reading, writing = os.pipe()
        self._server = subprocess.Popen(
            [
                "Xvfb",
                "-displayfd",
                str(writing),
                "-screen",
                "0",
                f"{SCREEN[0]}x{SCREEN[1]}x24",
                "-nolisten",
                "tcp",
            ],
            pass_fds=[writing],
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        with os.fdopen(reading) as pipe:
            self.display = f":{pipe.readline().strip()}"
        self._x = ctypes.CDLL("libX11.so.6")
        self._test = ctypes.CDLL("libXtst.so.6")
        self._x.XOpenDisplay.restype = ctypes.c_void_p
        self._connection = ctypes.c_void_p(self._x.XOpenDisplay(self.display.encode()))

    def look(self) -> np.ndarray:
        """The screen's pixels, (480, 640, 3) uint8."""
        options = {"video_size": f"{SCREEN[0]}x{SCREEN[1]}", "draw_mouse": "0"}
        with av.open(self.display, format="x11grab", options=options) as grabber:
            return next(grabber.decode(video=0)).to_ndarray(format="rgb24")

    def paint_desktop(self, level: int) -> None:
        """Make what is behind all windows grey; it is black at first."""
        self._x.XDefaultRootWindow.restype = ctypes.c_ulong
        root = ctypes.c_ulong(self._x.XDefaultRootWindow(self._connection))
        self._x.XSetWindowBackground(self._connection, root, ctypes.c_ulong(level * 0x10101))
        self._x.XClearWindow(self._connection, root)
        self._x.XSync(self._connection, 0)

    def press(self, keysym: int) -> None:
        """Press a key, which goes to the window under the pointer; the pointer is moved to the
        middle."""
        code = self._x.XKeysymToKeycode(self._connection, ctypes.c_ulong(keysym))
        self._test.XTestFakeMotionEvent(self._connection, 0, SCREEN[0] // 2, SCREEN[1] // 2, 0)
        for is_down in (1, 0):
            self._test.XTestFakeKeyEvent(self._connection, code, is_down, 0)
        self._x.XSync(self._connection, 0)

    def close(self) -> None:
        self._x.XCloseDisplay(self._connection)
        self._server.terminate()
        self._server.wait()


def has_screen() -> bool:
    """True if a `Screen` can be started here."""
    programs = shutil.which("Xvfb") and find_spec("glfw")
    return bool(programs) and _is_library("libX11.so.6") and _is_library("libXtst.so.6")


def _is_library(name: str) -> bool:
    try:
        return bool(ctypes.CDLL(name))
    except OSError:
        return False
