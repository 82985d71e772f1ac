"""The process of a window whose only display is unplugged, or has another mode, while a file
exists."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import glfw

from engine.sinks import window_program


def main() -> None:
    away = Path(os.environ.get("TEST_DISPLAY_AWAY", "never"))
    other_mode = Path(os.environ.get("TEST_DISPLAY_MODE", "never"))
    real_mode = glfw.get_video_mode
    real_monitors, real_wait = glfw.get_monitors, glfw.wait_events_timeout
    callbacks: list[Any] = []
    was_away = False

    def get_monitors() -> Any:
        return [] if away.exists() else real_monitors()

    def get_video_mode(monitor: Any) -> Any:
        mode = real_mode(monitor)
        return SimpleNamespace(size=(320, 240), refresh_rate=24) if other_mode.exists() else mode

    def wait_events_timeout(timeout_s: float) -> None:
        nonlocal was_away
        real_wait(timeout_s)
        if away.exists() != was_away:
            was_away = not was_away
            for callback in callbacks:
                callback(None, 0)

    glfw.get_monitors, glfw.wait_events_timeout = get_monitors, wait_events_timeout
    glfw.get_video_mode = get_video_mode
    glfw.set_monitor_callback = callbacks.append
    window_program.main()
