"""As on Windows: the page survives a client's reset."""

import asyncio
import logging
import socket
import sys
from asyncio.proactor_events import BaseProactorEventLoop
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

import pytest
from aiohttp import web

from engine.web.serving.web_thread import BACKLOG, MAX_CONNECTIONS, WebThread

NETNAME_DELETED = 64  # ERROR_NETNAME_DELETED (winerror.h)
FD_SETSIZE = 512  # on Windows: CPython, Modules/selectmodule.c


def test_a_client_reset_stops_no_page(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """asyncio's loop on Windows would close the listening socket permanently."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(asyncio, "new_event_loop", lambda: BaseProactorEventLoop(ProactorWithReset()))
    monkeypatch.setattr(socket.socket, "accept", failing_once(socket.socket.accept))
    with caplog.at_level(logging.CRITICAL, "asyncio"):
        assert answer_of_a_server() == b"still here"


def test_the_page_takes_fewer_connections_than_select_takes_sockets() -> None:
    """Open connections, a burst of accepted and rejected ones, the listening socket, and the loop's own."""
    assert MAX_CONNECTIONS + BACKLOG + 2 < FD_SETSIZE


def answer_of_a_server() -> bytes:
    """The second answer, after a client that was lost."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="still here")

    def build() -> web.Application:
        app = web.Application()
        app.router.add_get("/", answer)
        return app

    server = WebThread("127.0.0.1", 0, lambda key, line: None)
    try:
        server.start(build)
        host, port = server.address
        # Not urllib: from Python 3.13 on it asks Windows for certificates, also for HTTP.
        client = HTTPConnection(host, port, timeout=10.0)
        client.request("GET", "/")
        answered = client.getresponse().read()
        client.close()
        return answered
    finally:
        server.close()


def failing_once(accept: Callable[[socket.socket], Any]) -> Callable[[socket.socket], Any]:
    """Wrap `accept` so that the first connection is reset before it is accepted."""
    failures = iter([OSError(NETNAME_DELETED, "The specified network name is no longer available")])

    def accept_next(listening: socket.socket) -> Any:
        for failure in failures:
            raise failure
        return accept(listening)

    return accept_next


class ProactorWithReset:
    """A fake of the part of `windows_events.IocpProactor` that a listening loop needs. It resets each connection."""

    def set_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def accept(self, listening: socket.socket) -> "asyncio.Future[Any]":
        future = self._loop.create_future()
        future.set_exception(OSError(NETNAME_DELETED, "The specified network name is no longer available"))
        return future

    def recv(self, connection: socket.socket, nbytes: int, flags: int = 0) -> "asyncio.Future[bytes]":
        return self._loop.create_future()

    def select(self, timeout_s: float | None) -> list[Any]:
        return []

    def _stop_serving(self, listening: socket.socket) -> None:
        pass

    def close(self) -> None:
        pass
