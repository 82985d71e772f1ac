"""The page's server with a real store and dispatcher behind it; the test is the frame loop."""

import contextlib
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import numpy as np

import osc_schema
from engine.control import CommandTable, Dispatcher, SendingThread
from engine.control.query import QueryClients, QueryTree
from engine.params import Modulation, ParamStore
from engine.system.clock import SystemClock
from engine.values import ChannelFeatures
from engine.web.preview import PreviewTap
from engine.web.served import Served
from engine.web.server import WebServer
from tests.web.socket_client import SocketClient


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
        self.store, self.commands, self.modulation = ParamStore(), CommandTable(), Modulation()
        for command in osc_schema.COMMANDS:
            # a page asks for them at once, and shows each refusal as a notice
            if command.address.endswith("/list"):
                self.commands.add(command.address, lambda reply, *args: reply.done())
        self.dispatcher = Dispatcher(self.store, self.commands, SystemClock(), report)
        self.dispatcher.feedback.publish_features(
            tuple(ChannelFeatures(rms=number / 4) for number in range(4))
        )
        self.sending = SendingThread(self.dispatcher)
        self.hub = QueryClients(self.dispatcher)
        self.tree = QueryTree(self.store, self.dispatcher.feedback.last_published)
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
                tree=self.tree,
                hub=self.hub,
                host_info=options.pop(
                    "host_info", lambda address, own: {"NAME": "multiverse", "OSC_IP": address}
                ),
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
        request = urllib.request.Request(
            self.server.url.rstrip("/") + path, headers=headers, method=method
        )
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
