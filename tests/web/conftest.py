"""The page's server with a real store and dispatcher behind it; the test is the frame loop."""

import contextlib
import functools
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import osc_schema
from engine.control import CommandTable, Dispatcher, SendingThread
from engine.control.query import QueryClients, QueryTree
from engine.params import Modulation, ParamStore
from engine.system.clock import SystemClock
from engine.values import ChannelFeatures
from engine.web.preview import PreviewTap
from engine.web.served import Served
from engine.web.server import WebServer
from tests.support.browsers import MISSING, SHELL
from tests.web.page_rig import LiveEngine, PageRig, Visit
from tests.web.socket_client import SocketClient

DESKTOP = {"width": 1280, "height": 800}
LEAVE_NOTHING = """() => {
    document.getElementById("help").close();
    const search = document.getElementById("search");
    search.value = "";
    search.dispatchEvent(new Event("input"));
}"""
"""What a failed test may have left open would fail those after it."""


@dataclass(frozen=True, slots=True)
class Status:
    fps: float = 30.0
    level_db: float = float("-inf")
    warnings: tuple[str, ...] = ("a warning",)


class FrameLoop:
    """Offers its picture whenever it is requested, on a thread, like the engine."""

    def __init__(self, tap: PreviewTap, picture: np.ndarray) -> None:
        self.tap, self.picture, self.offered = tap, picture, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.002):
            if self.tap.wants_frame(time.perf_counter()):
                self.tap.offer(self.picture)
                self.offered += 1

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


class WebRig:
    """A running server and its clients."""

    def __init__(self, report: Any, options: dict[str, Any]) -> None:
        self.store, self.modulation = ParamStore(), Modulation()
        commands = CommandTable()
        for command in osc_schema.COMMANDS:
            if command.address.endswith("/list"):  # a page asks for them at once, and shows each refusal as a notice
                commands.add(command.address, lambda args, reply: reply.done())
        self.dispatcher = Dispatcher(self.store, commands, SystemClock(), report)
        self.dispatcher.feedback.publish_features(tuple(ChannelFeatures(rms=number / 4) for number in range(4)))
        self.sending = SendingThread(self.dispatcher)
        self.hub = QueryClients(self.dispatcher, report)
        self.taps = {name: PreviewTap() for name in options.pop("pictures", ("main", "sd"))}
        self.server = WebServer(
            options.pop("host", "127.0.0.1"),
            0,
            Served(
                taps=self.taps,
                status=options.pop("status", Status),
                modulation=lambda: self.modulation,
                fade=options.pop("fade", lambda: None),
                waiting=options.pop("waiting", dict),
                preset_pictures=options.pop("preset_pictures", dict),
                shader_pictures=options.pop("shader_pictures", dict),
                tree=QueryTree(self.store, {}),
                hub=self.hub,
                host_info=lambda address, own: {"NAME": "multiverse", "OSC_IP": address},
                dispatcher=self.dispatcher,
            ),
            report=report,
            **options,
        )
        with contextlib.ExitStack() as stack:
            self.sending.start()
            stack.callback(self.sending.close)
            stack.callback(self.hub.close)
            self.server.start()
            stack.callback(self.server.close)
            self.stack = stack.pop_all()

    @property
    def tap(self) -> PreviewTap:
        return self.taps["main"]

    def play(self, picture: np.ndarray, name: str = "main") -> FrameLoop:
        """Draw this picture from now on."""
        loop = FrameLoop(self.taps[name], picture)
        self.stack.callback(loop.close)
        return loop

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, Any, bytes]:
        """(status, headers, body) of any answer."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.server.url.rstrip("/") + path, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def connect(self, path: str, **options: Any) -> SocketClient:
        client = SocketClient(self.server.address, path, **options)
        self.stack.callback(client.close)
        return client


@pytest.fixture
def serve(reports: Any) -> Iterator[Callable[..., WebRig]]:
    """`serve(picture, **options of WebServer)` is a running WebRig."""
    with contextlib.ExitStack() as stack:

        def start(picture: np.ndarray | None = None, **options: Any) -> WebRig:
            web = WebRig(reports, options)
            stack.enter_context(web.stack)
            if picture is not None:
                web.loop = web.play(picture)
            return web

        yield start


@pytest.fixture
def assert_is_card(f_card: Callable[..., np.ndarray]) -> Callable[[np.ndarray], None]:
    """`assert_is_card(pixels)`: RGB equals f_card of that size, upright, within JPEG's losses."""

    def check(pixels: np.ndarray) -> None:
        card = f_card(pixels.shape[1], pixels.shape[0])
        assert np.abs(pixels.astype(int) - card[..., :3]).mean() < 6
        for row, column in ((2, 2), (2, -3), (-3, 2), (-3, -3)):
            assert np.abs(pixels[row, column].astype(int) - card[row, column, :3]).max() < 60

    return check


@pytest.fixture(scope="module")
def rig(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, require: Callable[[object, str], None]
) -> Iterator[PageRig]:
    require(SHELL, MISSING)
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MULTIVERSE_HOME", str(folder))  # presets, cues and mappings of these tests only
        rig = PageRig(folder, getattr(request.module, "PLAYS_SOUND", False))
        yield rig
        rig.close()


@pytest.fixture(scope="module")
def long_visits(rig: PageRig) -> Iterator[dict[str, Visit]]:
    """Holds the browser windows that most tests share."""
    visits: dict[str, Visit] = {}
    yield visits
    for visit in visits.values():
        visit.close()


@pytest.fixture
def live(rig: PageRig, wait_for: Callable[..., Any]) -> LiveEngine:
    # Asking the page takes four processes 13 ms of CPU.
    rig.live.until = functools.partial(wait_for, rest_s=0.08)
    rig.live.reset()
    return rig.live


@contextlib.contextmanager
def shared(visit: Visit, size: dict[str, int]) -> Iterator[Visit]:
    """A window on the tab `play` that has received all values; it is left with nothing open and no errors."""
    if visit.page.viewport_size != size:
        visit.page.set_viewport_size(size)
    visit.page.locator("#play-tab").click()
    for is_on in ("true", "false"):  # changes arrive in their order: with these the page has received the reset
        visit.live.engine.params.set("/master/freeze", is_on == "true", by="test")
        visit.page.locator(f"#freeze[aria-pressed={is_on}]").wait_for(state="attached")
    yield visit
    visit.page.mouse.up()
    visit.page.evaluate(LEAVE_NOTHING)
    errors, visit.errors[:] = list(visit.errors), []
    assert errors == []


@pytest.fixture
def visit(rig: PageRig, live: LiveEngine, long_visits: dict[str, Visit]) -> Iterator[Visit]:
    if "desktop" not in long_visits:
        long_visits["desktop"] = rig.visit(viewport=DESKTOP).open()
    with shared(long_visits["desktop"], DESKTOP) as visit:
        yield visit


@pytest.fixture
def phone(
    request: pytest.FixtureRequest, rig: PageRig, live: LiveEngine, long_visits: dict[str, Visit]
) -> Iterator[Visit]:
    size = dict(zip(DESKTOP, getattr(request, "param", (360, 640)), strict=True))
    if "desktop" in long_visits:  # the tests on a phone are the last of their file
        long_visits.pop("desktop").close()
    if "phone" not in long_visits:
        long_visits["phone"] = rig.visit(viewport=size, has_touch=True, is_mobile=True).open()
    with shared(long_visits["phone"], size) as phone:
        yield phone
