"""A window, or a whole display, that shows a picture in its shape on black, with vsync.

Main thread only: macOS allows windows nowhere else. While its display is away the window is hidden,
so that it covers no other one, and it is back on it when the display returns.
"""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import glfw
import moderngl
import numpy as np

from engine.errors import NoGLError
from engine.render.context import explain, is_software
from engine.render.shader_source import compile_program
from engine.sinks.displays import (
    find_again,
    find_display,
    identities,
    list_displays,
    shows_as,
    start_glfw,
    text_of,
)
from engine.sinks.window_card import draw_card
from engine.sinks.window_shape import Shape

FIRST_SIZE = (1280, 720)
MAX_DISPLAY_FRACTION = 0.9  # leaves room for the window's frame
QUIT = "qQ"
FULL_SCREEN = "fF"
MODE_CHECK_S = 1.0  # GLFW tells of displays that come and go, not of one that changes its mode


class PictureWindow:
    def __init__(
        self,
        title: str,
        *,
        display: str,
        is_full_screen: bool,
        closes_by_key: bool,
        on_key: Callable[[], object] = bool,
    ) -> None:
        """Open on that display (see `find_display`), black. RenderError without a screen, OpenGL or
        that display.

        `closes_by_key`: Escape and Q close it; else Escape leaves full screen. `on_key`: a key
        changed full screen."""
        self.closes_by_key = closes_by_key
        self._on_changed = on_key
        start_glfw()
        try:
            self.display = find_display(display, list_displays())
            """Where it is, or was."""
            self._window = self._open(title)
            glfw.make_context_current(self._window)
            glfw.swap_interval(1)
            options: dict[str, Any] = (
                {"libgl": "libGL.so.1"} if sys.platform.startswith("linux") else {}
            )
            try:
                self._context = moderngl.create_context(require=330, **options)
            except Exception as error:  # moderngl raises plain Exception
                raise NoGLError(explain(str(error))) from error
            self._program: Any = compile_program(self._context, "view")
        except glfw.GLFWError as error:
            self.close()
            raise NoGLError(text_of(error)) from None
        except BaseException:
            self.close()
            raise
        self._triangle = self._context.vertex_array(self._program, [])
        self._picture: moderngl.Texture | None = None
        self._card: moderngl.Texture | None = None
        self._shape = Shape()
        self._is_card = False
        self._wants_full_screen = is_full_screen
        self._have_displays_changed = False
        self._others = identities(list_displays()) - {self.display.identity}
        """The displays beside its own, when that was last there."""
        self._next_mode_check_s = 0.0
        self.has_display = True
        """False while its display is away."""
        self._is_stale = True
        """True if the screen needs to be redrawn."""
        glfw.set_char_callback(self._window, self._on_character)
        glfw.set_key_callback(self._window, self._on_key)
        glfw.set_framebuffer_size_callback(self._window, self._on_damage)
        glfw.set_window_refresh_callback(self._window, self._on_damage)
        glfw.set_monitor_callback(self._on_monitor)
        self._settle()

    @property
    def is_closing(self) -> bool:
        """True once somebody closed the window."""
        return bool(glfw.window_should_close(self._window))

    @property
    def is_full_screen(self) -> bool:
        return self._wants_full_screen

    @is_full_screen.setter
    def is_full_screen(self, value: bool) -> None:
        if value != self._wants_full_screen:
            self._wants_full_screen = value
            self._settle()

    @property
    def pacing(self) -> str:
        """The reason for the rate of its pictures, as a text for people."""
        renderer = self._context.info["GL_RENDERER"]
        if is_software(renderer):
            return f"without vsync ({renderer.partition(' (')[0]} draws, no GPU)"
        return "paced by the display"

    def set_title(self, title: str) -> None:
        glfw.set_window_title(self._window, title)

    def set_shape(self, shape: Shape, *, is_card: bool) -> None:
        """Show the picture in this shape from the next `step` on, or the test card instead of
        it."""
        if (shape, is_card) != (self._shape, self._is_card):
            self._shape = shape
            self._is_card = is_card
            self._is_stale = True

    def show(self, pixels: np.ndarray | None) -> None:
        """Show `pixels`, (height, width, 4) uint8, from the next `step` on; None shows black. The
        pixels are copied."""
        self._is_stale = True
        self._picture = self._upload(self._picture, pixels)

    def step(self, wait_s: float) -> None:
        """Draw a new picture and wait for vsync; without one, wait `wait_s` or until user input."""
        if self._have_displays_changed or self._has_another_mode():
            self._find_display_again()
        if self._is_stale and self.has_display:
            self._draw()
            glfw.swap_buffers(self._window)
            glfw.poll_events()
        else:
            glfw.wait_events_timeout(wait_s)

    def close(self) -> None:
        with suppress(glfw.GLFWError):
            glfw.terminate()  # also destroys the window and its context

    def _open(self, title: str) -> Any:
        glfw.window_hint(glfw.CONTEXT_VERSION_MAJOR, 3)
        glfw.window_hint(glfw.CONTEXT_VERSION_MINOR, 3)
        glfw.window_hint(glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE)
        glfw.window_hint(glfw.OPENGL_FORWARD_COMPAT, True)  # macOS requires it for a core profile
        # stays visible when the user clicks on the other display
        glfw.window_hint(glfw.AUTO_ICONIFY, False)
        glfw.window_hint(glfw.VISIBLE, False)
        _, _, width, height = self._window_area()
        return glfw.create_window(width, height, title, None, None)

    def _window_area(self) -> tuple[int, int, int, int]:
        """(left, top, width, height) of the window in the middle of its display."""
        left, top, width, height = glfw.get_monitor_workarea(self.display.monitor)
        scale = min(
            1.0,
            MAX_DISPLAY_FRACTION * width / FIRST_SIZE[0],
            MAX_DISPLAY_FRACTION * height / FIRST_SIZE[1],
        )
        size = round(FIRST_SIZE[0] * scale), round(FIRST_SIZE[1] * scale)
        return left + (width - size[0]) // 2, top + (height - size[1]) // 2, *size

    def _settle(self) -> None:
        """Put the window where it belongs, on its display, and show it there."""
        monitor: Any
        if self._wants_full_screen:  # the display's video mode is kept
            monitor = self.display.monitor
            area = (0, 0, *self.display.size)
            rate_hz = self.display.rate_hz
        else:
            monitor = None
            area = self._window_area()
            rate_hz = glfw.DONT_CARE
        glfw.set_window_monitor(self._window, monitor, *area, rate_hz)
        cursor = glfw.CURSOR_HIDDEN if self._wants_full_screen else glfw.CURSOR_NORMAL
        glfw.set_input_mode(self._window, glfw.CURSOR, cursor)
        glfw.show_window(self._window)
        self._is_stale = True

    def _find_display_again(self) -> None:
        self._have_displays_changed = False
        displays = list_displays()
        found = find_again(self.display, displays, self._others)
        self.has_display = found is not None
        if found is not None:
            self.display = found
            self._others = identities(displays) - {found.identity}
            self._card = self._upload(self._card, None)  # it may have another size now
            self._settle()
        else:
            if glfw.get_window_monitor(self._window):  # GLFW does not hide a full screen
                no_monitor: Any = None
                glfw.set_window_monitor(self._window, no_monitor, 0, 0, *FIRST_SIZE, glfw.DONT_CARE)
            glfw.hide_window(self._window)

    def _has_another_mode(self) -> bool:
        """True if its display has another size, rate or place than when the window was put
        there."""
        now_s = time.monotonic()
        if not self.has_display or now_s < self._next_mode_check_s:
            return False
        self._next_mode_check_s = now_s + MODE_CHECK_S
        return not shows_as(self.display)

    def _draw(self) -> None:
        self._is_stale = False
        size = glfw.get_framebuffer_size(self._window)
        screen = self._context.screen
        screen.use()
        screen.viewport = (0, 0, *size)
        screen.clear(0.0, 0.0, 0.0, 1.0)
        if self._is_card:
            card_size = self._shape.canvas(size)
            if self._card is None or self._card.size != card_size:
                self._card = self._upload(self._card, draw_card(card_size, self.display.name))
        texture = self._card if self._is_card else self._picture
        if texture is not None and min(size) > 0:
            matrix = self._shape.to_picture(texture.size, size)
            self._program["u_to_picture"].write(matrix.T.astype("f4").tobytes())
            self._program["u_height_px"].value = size[1]
            texture.use(0)
            self._triangle.render(moderngl.TRIANGLES, vertices=3)

    def _upload(
        self, texture: moderngl.Texture | None, pixels: np.ndarray | None
    ) -> moderngl.Texture | None:
        """A texture with these pixels, the same one if it fits; None without pixels."""
        if texture is not None and (pixels is None or texture.size != pixels.shape[1::-1]):
            texture.release()
            texture = None
        if pixels is None:
            return None
        if texture is None:
            texture = self._context.texture(pixels.shape[1::-1], pixels.shape[2], alignment=1)
            texture.filter = moderngl.LINEAR, moderngl.LINEAR
            # Otherwise each edge would bleed into the opposite one.
            texture.repeat_x = False
            texture.repeat_y = False
        texture.write(pixels, alignment=1)
        return texture

    def _on_character(self, window: Any, code: int) -> None:
        if chr(code) in QUIT and self.closes_by_key:
            glfw.set_window_should_close(window, True)
        elif chr(code) in FULL_SCREEN:
            self.is_full_screen = not self.is_full_screen
            self._on_changed()

    def _on_key(self, window: Any, key: int, scancode: int, action: int, modifiers: int) -> None:
        if key != glfw.KEY_ESCAPE or action != glfw.PRESS:
            return
        if self.closes_by_key:
            glfw.set_window_should_close(window, True)
        elif self.is_full_screen:
            self.is_full_screen = False
            self._on_changed()

    def _on_damage(self, window: Any, *size: int) -> None:
        self._is_stale = True

    def _on_monitor(self, monitor: Any, event: int) -> None:
        self._have_displays_changed = True
