"""A real engine on its own thread, and a real Chromium that shows its page."""

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import osc_schema
from engine import open_engine
from engine.app import Engine
from engine.config import build_config
from engine.osc.encode import encode_message
from osc_schema.modulation import ROUTES
from tests.support.browsers import SHELL, canvas_mean
from tests.support.slow_sound import slow_sound

STARTED_WITHIN_S = 120.0
FPS = 6.0
STILL = {"/tempo/source": "manual", "/cue/go_pause_s": 0.0} | {
    f"/mod/{n}/target": "" for n in ROUTES
}
"""The beat would write /tempo/bpm now and then, and the first look's routes would move ghosts all
the time. Tests press GO twice at once."""


class LiveEngine:
    """The engine: 160 x 90, demo sound, OSC and the page on free ports of 127.0.0.1.

    Only 6 pictures per second, and a sound that is held unless the file says `PLAYS_SOUND = True`:
    analysing the sound and showing levels and pictures would take 0.6 cores for as long as a test
    takes, mostly waiting on a busy machine.
    """

    engine: Engine
    until: Callable[..., Any]
    """The fixture `wait_for` of the present test."""

    def __init__(self, folder: Path, plays_sound: bool) -> None:
        self.brightness = 0.0
        """Mean of the newest picture's red, green and blue, 0..255."""
        self._folder = folder
        self._plays_sound = plays_sound
        self.shaders = folder / "shaders"
        self.models = folder / "models"
        """Folder of shaders; empty until a test writes into it."""
        self.music = folder / "music"
        """Folder of sound files, alike."""
        self._web = "127.0.0.1:0"
        self._error: BaseException | None = None
        self.start()
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def start(self) -> None:
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live")
        self._thread.start()
        if not self._is_up.wait(STARTED_WITHIN_S) or self._error:
            raise RuntimeError("the engine did not start") from self._error

    def _run(self) -> None:
        config = build_config(
            {
                "width": 160,
                "height": 90,
                "fps": FPS,
                "audio": "demo",
                "renderer": "numba",
                "params": STILL,
                "sinks": ("null",),
                "osc": {"listen": "127.0.0.1:0"},
                "web": self._web,
                "recordings": str(self._folder / "recordings"),
                "shaders": [str(self.shaders)],
                "sd": {"folders": [str(self.models)]},
                "music": [str(self.music)],
            }
        )
        try:
            with open_engine(config, sound=None if self._plays_sound else slow_sound()) as engine:
                self.engine = engine
                self._is_up.set()
                for frame in engine.frames():
                    self.brightness = float(frame.read_rgba()[..., :3].mean())
        except BaseException as error:
            self._error = error
            self._is_up.set()

    def stop(self) -> None:
        """End the engine; `start` brings it back at the same address."""
        self._web = str(self.engine.page_url).removeprefix("http://").rstrip("/")
        self.engine.stop()
        self._thread.join()

    def close(self) -> None:
        self.stop()
        self._udp.close()

    def reset(self) -> None:
        """Reset every value to that of the start."""
        params = [
            param
            for param in osc_schema.PARAMS
            if param.type != "trigger" and param.area not in ("engine", "sink")
        ]
        values = {param.address: param.default for param in params} | STILL
        self.engine.params.set_many(list(values.items()), by="test")

    def get(self, address: str) -> Any:
        return self.engine.params.get(address)

    def becomes(self, address: str, value: object) -> None:
        """Wait until the engine has this value."""
        self.until(
            lambda: self.get(address) == value,
            f"{address} to be {value} in the engine",
            rest_s=0.005,
        )

    def send(self, address: str, *args: object) -> None:
        """Send over UDP, like any controller."""
        assert self.engine.osc_address is not None
        self._udp.sendto(encode_message(address, *args), self.engine.osc_address)


class PageRig:
    """Engine and browser, started when the first test needs them."""

    def __init__(self, folder: Path, plays_sound: bool = False) -> None:
        self._folder = folder
        self._plays_sound = plays_sound
        self._stack = contextlib.ExitStack()
        self._live: LiveEngine | None = None
        self._browser: Any = None

    @property
    def live(self) -> LiveEngine:
        if self._live is None:
            self._live = LiveEngine(self._folder, self._plays_sound)
            self._stack.callback(self._live.close)
        return self._live

    def visit(self, **context: Any) -> "Visit":
        """A new browser window with its own cookies and size, with the page open and connected."""
        if self._browser is None:
            from playwright.sync_api import sync_playwright

            playwright = self._stack.enter_context(sync_playwright())
            self._browser = playwright.chromium.launch(executable_path=SHELL, args=["--no-sandbox"])
            self._stack.callback(self._browser.close)
        page = self._browser.new_context(**context).new_page()
        # A first visit begins with the perform view: to lay out both tabs takes longer.
        page.add_init_script("localStorage['multiverse.tab'] ??= '\"play\"'")
        page.set_default_timeout(120_000)
        return Visit(page, self.live)

    def close(self) -> None:
        self._stack.close()


class Visit:
    """One browser window, and the errors in it."""

    def __init__(self, page: Any, live: LiveEngine) -> None:
        self.page, self.live = page, live
        self.errors: list[str] = []
        self.until = lambda *args: live.until(*args)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _hear(self, message: Any) -> None:
        # its preset was deleted meanwhile
        is_picture = "404" in message.text and "/presets/" in message.location["url"]
        if message.type == "error" and not is_picture:
            self.errors.append(message.text)

    def open(self, path: str = "") -> "Visit":
        self.page.goto(f"{self.live.engine.page_url}{path}")
        self.page.wait_for_selector("body[data-state=connected]")
        return self

    def control(self, address: str) -> Any:
        """The control's row, scrolled into view."""
        row = self.page.locator(f'.control[data-address="{address}"]')
        self.page.locator("details", has=row).evaluate("element => element.open = true")
        row.scroll_into_view_if_needed()
        return row

    def slider(self, address: str) -> Any:
        return self.control(address).locator("[role=slider]")

    def fader_value(self, address: str) -> float:
        """The fader's text."""
        return float(self.slider(address).get_attribute("aria-valuenow"))

    def shows(self, address: str, value: object) -> None:
        """Wait until the fader's text is this number."""
        self.until(
            lambda: self.fader_value(address) == value, f"{address} to be {value} on the page"
        )

    def grab(self, address: str) -> Callable[[float], None]:
        """Press the mouse on the fader's handle; the returned function moves it by a fraction of
        the fader's length."""
        box = self.slider(address).bounding_box()
        handle = self.control(address).locator(".handle").bounding_box()
        x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
        mouse = self.page.mouse
        mouse.move(x, y)
        mouse.down()
        return lambda part: mouse.move(x + part * box["width"], y, steps=4)

    def picture_mean(self) -> float:
        """Mean of the canvas, 0..255."""
        return float(canvas_mean(self.page, "picture").mean())

    def close(self) -> None:
        self.page.context.close()
