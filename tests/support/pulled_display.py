"""The process of a window whose only display is unplugged while a file exists, because Xvfb cannot unplug one."""

import os
from pathlib import Path
from typing import Any

import glfw

from engine.sinks import window_program


def main() -> None:
    away = Path(os.environ["TEST_DISPLAY_AWAY"])
    real_monitors, real_wait = glfw.get_monitors, glfw.wait_events_timeout
    callbacks: list[Any] = []
    was_away = False

    def get_monitors() -> Any:
        return [] if away.exists() else real_monitors()

    def wait_events_timeout(timeout_s: float) -> None:
        nonlocal was_away
        real_wait(timeout_s)
        if away.exists() != was_away:
            was_away = not was_away
            for callback in callbacks:
                callback(None, 0)

    glfw.get_monitors, glfw.wait_events_timeout = get_monitors, wait_events_timeout
    glfw.set_monitor_callback = callbacks.append
    window_program.main()
