"""As on Windows: the page outlives a client that resets, and the machine stays awake and exact while a picture runs."""

import asyncio
import logging
import socket
import sys
from asyncio.proactor_events import BaseProactorEventLoop
from collections.abc import Callable
from typing import Any
from urllib.request import urlopen

import pytest
from aiohttp import web

from engine.serving.connections import MOST_CONNECTIONS
from engine.serving.listening import BACKLOG
from engine.serving.web_thread import WebThread

NETNAME_DELETED = 64  # ERROR_NETNAME_DELETED (winerror.h)
FD_SETSIZE = 512  # on Windows: CPython, Modules/selectmodule.c


def test_the_page_answers_after_a_client_that_reset_while_it_was_accepted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The loop that asyncio gives on Windows closes the listening socket then, for good."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(asyncio, "new_event_loop", lambda: BaseProactorEventLoop(ProactorWithReset()))
    monkeypatch.setattr(socket.socket, "accept", failing_once(socket.socket.accept))
    with caplog.at_level(logging.CRITICAL, "asyncio"):
        assert asked_of_a_server() == b"still here"


def test_the_page_takes_fewer_connections_than_select_takes_sockets() -> None:
    """Those that are open, a burst that was accepted and is refused, the listening socket, the loop's own."""
    assert MOST_CONNECTIONS + BACKLOG + 2 < FD_SETSIZE


def asked_of_a_server() -> bytes:
    """The second answer: a client came before that was lost."""

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
        with urlopen(f"http://{host}:{port}/", timeout=10.0) as answered:
            return bytes(answered.read())
    finally:
        server.close()


def failing_once(accept: Callable[[socket.socket], Any]) -> Callable[[socket.socket], Any]:
    """`accept`, whose first connection is gone before it is taken."""
    failures = iter([OSError(NETNAME_DELETED, "The specified network name is no longer available")])

    def accept_next(listening: socket.socket) -> Any:
        for failure in failures:
            raise failure
        return accept(listening)

    return accept_next


class ProactorWithReset:
    """As much of `windows_events.IocpProactor` as a listening loop needs. Each connection is reset in the accept."""

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
