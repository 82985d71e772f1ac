"""A window, or a whole display, that shows one picture at its aspect ratio on black, with vsync.

Main thread only: macOS allows windows nowhere else.
"""

import sys
from contextlib import suppress
from typing import Any

import glfw
import moderngl
import numpy as np

from engine.errors import NoGLError, RenderError, UsageError
from engine.render.context import explain
from engine.render.shader_source import compile_program

FIRST_SIZE = (1280, 720)
MAX_SHARE_OF_DISPLAY = 0.9  # leaves room for the window's frame
QUIT, FULL_SCREEN = "qQ", "fF"


class PictureWindow:
    def __init__(self, title: str, *, display: int | None, is_full_screen: bool) -> None:
        """Open on that display; None lets the system choose.

        Raises RenderError without a screen or OpenGL, UsageError if the display does not exist.
        """
        # Wayland refuses some calls, such as placing a window; that is not an error.
        _start({glfw.FEATURE_UNAVAILABLE: "ignore", glfw.FEATURE_UNIMPLEMENTED: "ignore", None: "raise"})
        try:
            self._monitor = _monitor(display)
            self._window = self._open(title, display is not None)
            glfw.make_context_current(self._window)
            glfw.swap_interval(1)
            options: dict[str, Any] = {"libgl": "libGL.so.1"} if sys.platform.startswith("linux") else {}
            try:
                self._context = moderngl.create_context(require=330, **options)
            except Exception as error:  # moderngl raises plain Exception
                raise NoGLError(explain(str(error))) from error
            self._program: Any = compile_program(self._context, "view")
        except glfw.GLFWError as error:
            self.close()
            raise NoGLError(f"view: {_text(error)}") from None
        except BaseException:
            self.close()
            raise
        self._triangle = self._context.vertex_array(self._program, [])
        self._texture: moderngl.Texture | None = None
        self._place = (*glfw.get_window_pos(self._window), *glfw.get_window_size(self._window))
        self._is_stale = True
        """True if the screen needs to be redrawn."""
        glfw.set_char_callback(self._window, self._on_character)
        glfw.set_key_callback(self._window, self._on_key)
        glfw.set_framebuffer_size_callback(self._window, self._on_damage)
        glfw.set_window_refresh_callback(self._window, self._on_damage)
        glfw.show_window(self._window)
        if is_full_screen:
            self.toggle_full_screen()

    @property
    def is_closing(self) -> bool:
        return bool(glfw.window_should_close(self._window))

    @property
    def is_full_screen(self) -> bool:
        return bool(glfw.get_window_monitor(self._window))

    def set_title(self, title: str) -> None:
        glfw.set_window_title(self._window, title)

    def show(self, pixels: np.ndarray | None) -> None:
        """Show `pixels`, (height, width, 4) uint8, from the next `step` on; None shows black. The pixels are copied."""
        self._is_stale = True
        if pixels is None:
            self._release_texture()
            return
        height, width, channels = pixels.shape
        if self._texture is None or (self._texture.width, self._texture.height) != (width, height):
            self._release_texture()
            self._texture = self._context.texture((width, height), channels, alignment=1)
            self._texture.filter = moderngl.LINEAR, moderngl.LINEAR
            # Otherwise each edge would bleed into the opposite one.
            self._texture.repeat_x = self._texture.repeat_y = False
        self._texture.write(pixels, alignment=1)

    def step(self, wait_s: float) -> None:
        """Draw a new picture and wait for vsync; without one, wait `wait_s` or until user input."""
        if self._is_stale:
            self._draw()
            glfw.swap_buffers(self._window)
            glfw.poll_events()
        else:
            glfw.wait_events_timeout(wait_s)

    def toggle_full_screen(self) -> None:
        if self.is_full_screen:
            no_monitor: Any = None
            glfw.set_window_monitor(self._window, no_monitor, *self._place, glfw.DONT_CARE)
            glfw.set_input_mode(self._window, glfw.CURSOR, glfw.CURSOR_NORMAL)
        else:
            self._place = (*glfw.get_window_pos(self._window), *glfw.get_window_size(self._window))
            mode = glfw.get_video_mode(self._monitor)  # keep the display's video mode
            glfw.set_window_monitor(self._window, self._monitor, 0, 0, *mode.size, mode.refresh_rate)
            glfw.set_input_mode(self._window, glfw.CURSOR, glfw.CURSOR_HIDDEN)
        self._is_stale = True

    def close(self) -> None:
        with suppress(glfw.GLFWError):
            glfw.terminate()  # also destroys the window and its context

    def _open(self, title: str, is_placed: bool) -> Any:
        glfw.window_hint(glfw.CONTEXT_VERSION_MAJOR, 3)
        glfw.window_hint(glfw.CONTEXT_VERSION_MINOR, 3)
        glfw.window_hint(glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE)
        glfw.window_hint(glfw.OPENGL_FORWARD_COMPAT, True)  # macOS requires it for a core profile
        glfw.window_hint(glfw.AUTO_ICONIFY, False)  # stays visible when the user clicks on the other display
        glfw.window_hint(glfw.VISIBLE, False)
        left, top, width, height = glfw.get_monitor_workarea(self._monitor)
        share = min(1.0, MAX_SHARE_OF_DISPLAY * width / FIRST_SIZE[0], MAX_SHARE_OF_DISPLAY * height / FIRST_SIZE[1])
        size = round(FIRST_SIZE[0] * share), round(FIRST_SIZE[1] * share)
        window = glfw.create_window(*size, title, None, None)
        if is_placed:
            glfw.set_window_pos(window, left + (width - size[0]) // 2, top + (height - size[1]) // 2)
        return window

    def _draw(self) -> None:
        self._is_stale = False
        width, height = glfw.get_framebuffer_size(self._window)
        screen = self._context.screen
        screen.use()
        screen.viewport = (0, 0, width, height)
        screen.clear(0.0, 0.0, 0.0, 1.0)
        if self._texture is not None:
            viewport = fitted(self._texture.size, (width, height))
            screen.viewport = viewport
            self._program["u_viewport_px"].value = viewport
            self._texture.use(0)
            self._triangle.render(moderngl.TRIANGLES, vertices=3)

    def _release_texture(self) -> None:
        if self._texture is not None:
            self._texture.release()
            self._texture = None

    def _on_character(self, window: Any, code: int) -> None:
        if chr(code) in QUIT:
            glfw.set_window_should_close(window, True)
        elif chr(code) in FULL_SCREEN:
            self.toggle_full_screen()

    def _on_key(self, window: Any, key: int, scancode: int, action: int, modifiers: int) -> None:
        if key == glfw.KEY_ESCAPE and action == glfw.PRESS:
            glfw.set_window_should_close(window, True)

    def _on_damage(self, window: Any, *size: int) -> None:
        self._is_stale = True


def fitted(picture: tuple[int, int], window: tuple[int, int]) -> tuple[int, int, int, int]:
    """(left, bottom, width, height) of the largest centred area with the picture's aspect ratio in the window."""
    scale = min(window[0] / picture[0], window[1] / picture[1])
    width, height = max(1, round(picture[0] * scale)), max(1, round(picture[1] * scale))
    return (window[0] - width) // 2, (window[1] - height) // 2, width, height


def list_displays() -> list[str]:
    """A description of each display, by number. Raises RenderError without a screen."""
    _start({None: "raise"})
    lines = []
    for monitor in glfw.get_monitors():
        (width, height), (left, top) = glfw.get_video_mode(monitor).size, glfw.get_monitor_pos(monitor)
        name: Any = glfw.get_monitor_name(monitor)  # bytes
        lines.append(f"{name.decode(errors='replace')}, {width}x{height} at {left},{top}")
    glfw.terminate()
    return lines


def _start(on_errors: Any) -> None:
    """Initialise GLFW; `on_errors`: how to handle each kind of error. Raises RenderError without a screen."""
    glfw.ERROR_REPORTING = on_errors
    try:
        glfw.init()
    except glfw.GLFWError as error:
        raise RenderError(f"view: no screen to open a window on ({_text(error)})") from None


def _monitor(display: int | None) -> Any:
    monitors = glfw.get_monitors()
    if not monitors:
        raise RenderError("view: no display is connected")
    if display is not None and not 0 <= display < len(monitors):
        raise UsageError(f"--display: {display} is not one of 0..{len(monitors) - 1} (`multiverse view --list`)")
    return monitors[display or 0]


def _text(error: Any) -> str:
    """The text of a GLFW error, which has the form `(65550) b'...'`."""
    return str(error).partition("b'")[2].rstrip("'") or str(error)
