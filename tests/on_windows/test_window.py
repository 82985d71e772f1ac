"""The window on Windows' own desktop; tests/sinks/test_window.py sees all of it on a screen of
X."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import ImageGrab

from engine.sinks.displays import read_displays
from engine.system.win32 import display_path

pytestmark = pytest.mark.only_on("win32", reason="a Windows desktop")
ESCAPE, F = (0x1B, 0x01), (0x46, 0x21)  # virtual key, scan code (winuser.h)
ENGINE = """
import time, numpy as np; from pathlib import Path; from engine.sinks.sink import OutputFormat
from engine.sinks.window import WindowSink
sink = WindowSink(""); sink.adjust({"/window/fullscreen": True})
sink.start(OutputFormat(width=80, height=50, fps=30, sample_rate_hz=0, audio_channels=0, is_offline=False,
    record_folder=Path(".")), may_wait=True)
while True: sink._ring.write(np.full((50, 80, 4), 200, np.uint8), index=0, time_s=0.0); time.sleep(0.02)
"""


def seen() -> tuple[int, int]:
    """The red of the pixels in the middle of the screen and in the middle of its left edge."""
    screen = ImageGrab.grab()
    return tuple(screen.getpixel((x, screen.height // 2))[0] for x in (screen.width // 2, 0))


def press(key: int, scan_code: int) -> None:
    user32: Any = vars(ctypes)["windll"].user32
    # WM_KEYDOWN
    user32.PostMessageW(user32.FindWindowW("GLFW30", "Multiverse"), 0x100, key, scan_code << 16 | 1)


def test_a_window_fills_the_screen_obeys_its_keys_and_stays_black_after_a_kill(
    wait_for: Any, tmp_path: Path
) -> None:
    engine = subprocess.Popen(
        [sys.executable, "-c", ENGINE], env=os.environ | {"MULTIVERSE_HOME": str(tmp_path)}
    )
    family: list[psutil.Process] = []
    try:
        wait_for(lambda: seen() == (200, 200), "a full screen")
        family = psutil.Process(engine.pid).children(recursive=True)
        press(*F)
        wait_for(lambda: seen()[0] == 200 != seen()[1], "a window in its middle")
        press(*F)
        wait_for(lambda: seen() == (200, 200), "a full screen again")
        engine.kill()
        wait_for(lambda: seen() == (0, 0), "black")
        press(*ESCAPE)
        wait_for(
            lambda: not any(process.is_running() for process in family), "the end of the window"
        )
    finally:
        for process in (engine, *filter(psutil.Process.is_running, family)):
            process.kill()
        engine.wait()


def test_a_display_has_a_path_of_its_own_beside_its_name() -> None:
    (display, *_) = read_displays()
    assert display.path.startswith("\\\\?\\DISPLAY#") and display.identity == display.path
    assert display_path(r"\\.\DISPLAY1", r"\\.\DISPLAY1\Monitor9") == ""
