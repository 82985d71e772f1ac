"""A page's server whose clients come, leave and stay as they like, also while it closes."""

import asyncio
import errno
import gc
import logging
import os
import socket
import ssl
import struct
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from engine.web.serving.web_thread import BACKLOG, MAX_CONNECTIONS, WebThread

ROUNDS = 2
CLIENTS = 3


@pytest.mark.parametrize("is_tls", [False, True])
def test_clients_that_connect_during_the_close_are_disconnected(
    is_tls: bool, certificate: tuple[Path, Path]
) -> None:
    """Some of them are accepted but not yet known to the server, or in the TLS handshake."""
    tls = None
    if is_tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*certificate)
    for _ in range(ROUNDS):
        server = WebThread("127.0.0.1", 0, lambda key, line: None)
        is_any_there, is_over = threading.Event(), threading.Event()
        whom = server.address, is_any_there, is_over
        clients = [threading.Thread(target=connect_repeatedly, args=whom) for _ in range(CLIENTS)]
        server.start(web.Application, tls)
        for client in clients:
            client.start()
        is_any_there.wait(120.0)
        with warnings.catch_warnings(record=True) as left:
            warnings.simplefilter("always")
            server.close()
            is_over.set()
            for client in clients:
                client.join()
            gc.collect()
        assert [str(each.message) for each in left] == []


RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""SO_LINGER that makes `close` reset the connection: on, 0 s."""


def test_clients_that_reset_their_connection_stop_no_page(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Before they are accepted, and while they are: asyncio's default loop on Windows then stops to
    listen."""
    lines: list[str] = []
    server = WebThread("127.0.0.1", 0, lambda key, line: lines.append(line))
    monkeypatch.setattr(socket.socket, "accept", failing_twice(socket.socket.accept))
    for _ in range(BACKLOG // 2):
        with socket.create_connection(server.address, timeout=120.0) as leaving:
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    server.start(hanging_up_twice)
    with socket.create_connection(server.address, timeout=120.0) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(1000).endswith(b"and goodbye")
    server.close()
    assert lines == [] and not caplog.records


def test_the_page_takes_fewer_connections_than_select_takes_sockets_on_windows() -> None:
    """Open connections, a burst of accepted and rejected ones, the listening socket, and the loop's
    own."""
    assert MAX_CONNECTIONS + BACKLOG + 2 < 512  # CPython, Modules/selectmodule.c


def failing_twice(accept: Callable[[socket.socket], Any]) -> Callable[[socket.socket], Any]:
    """`accept`, whose first two connections are reset meanwhile."""
    failures = iter(
        [OSError(number, "reset by the client") for number in (errno.ECONNRESET, errno.ENOTCONN)]
    )

    def accept_next(listening: socket.socket) -> Any:
        for failure in failures:
            raise failure
        return accept(listening)

    return accept_next


@pytest.mark.parametrize("says", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_a_client_with_an_unfinished_tls_close_delays_nothing(
    says: bytes, certificate: tuple[Path, Path]
) -> None:
    """Like a browser whose page is suspended."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    server = WebThread("127.0.0.1", 0, lambda key, line: None)
    server.start(hanging_up_twice, tls)
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    with (
        socket.create_connection(server.address, timeout=120.0) as plain,
        trusting.wrap_socket(plain, server_hostname="localhost") as silent,
        warnings.catch_warnings(record=True) as left,
    ):
        warnings.simplefilter("always")
        if says:
            silent.sendall(says)
            assert silent.recv(1000)
        server.close()
        gc.collect()
    assert [str(each.message) for each in left] == []


def hanging_up_twice() -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        asyncio.get_running_loop().call_later(0.0, request.transport.close)
        asyncio.get_running_loop().call_later(0.0, request.transport.close)
        return web.Response(text="and goodbye")

    app = web.Application()
    app.router.add_get("/", answer)
    return app


def connect_repeatedly(
    address: tuple[str, int], is_any_there: threading.Event, is_over: threading.Event
) -> None:
    """Open one connection after another, send nothing, keep them open."""
    connections = []
    while not is_over.is_set():
        with suppress(OSError):
            connections.append(socket.create_connection(address, timeout=0.1))
            is_any_there.set()
    for each in connections:
        each.close()


@pytest.mark.only_on("linux", "darwin", reason="no limit of open files to set")
def test_without_file_descriptors_a_page_waits_and_says_so_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """asyncio would log a traceback, up to a hundred times per second."""
    import resource

    lines: list[str] = []
    is_reported = threading.Event()

    def report(key: str, line: str) -> None:
        lines.append(line)
        is_reported.set()

    server = WebThread("127.0.0.1", 0, report)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    server.start(hanging_up_twice)
    with socket.create_connection(server.address, timeout=120.0) as first, socket.socket() as late:
        first.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert first.recv(1000)  # all that a page needs has been imported
        unused = os.dup(late.fileno())
        os.close(unused)
        late.settimeout(120.0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (unused, limits[1]))
        try:
            late.connect(server.address)
            assert is_reported.wait(120.0)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        late.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert late.recv(1000).endswith(b"and goodbye")
        server.close()
    assert set(lines) == {"page: no connection can be accepted (Too many open files)"}
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
