"""Limits the number of open connections of a page's server."""

import asyncio
import socket
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiohttp import web

from engine.system.reporting import Report

MAX_CONNECTIONS = 128  # WebSockets and requests: macOS gives a program 256 open files
HANDSHAKE_S = 5.0  # for TLS: a distant phone takes one second; a slower client only occupies a place


class ConnectionLimit:
    """Creates the protocol of each accepted connection, and refuses those above the limit. Event loop only."""

    def __init__(self, answering: web.Server, report: Report) -> None:
        self._answering = answering
        self._report = report
        # Accepted, but not yet among the server's connections: a burst is accepted at once, and TLS needs a handshake
        # first. asyncio drops a failed handshake without a callback; before Python 3.11.8 the protocol then stays in a
        # reference cycle (gh-109534), which may be collected minutes later.
        self._coming: weakref.WeakSet[_Coming] = weakref.WeakSet()
        self._there: weakref.WeakKeyDictionary[asyncio.Transport, Any] = weakref.WeakKeyDictionary()
        """Transport -> its socket."""
        self._is_shut = False

    def __call__(self) -> asyncio.Protocol:
        if self._is_shut:
            return _Closed()
        if len(self._answering.connections) + self._count_coming() >= MAX_CONNECTIONS:
            self._report("web connections", f"page: {MAX_CONNECTIONS} connections are open; another is refused")
            return _Closed()
        coming = _Coming(self._arrive)
        self._coming.add(coming)
        return coming

    def shut(self) -> None:
        """Abort all connections, including those still being accepted. Unlike a close, it waits for no buffers."""
        self._is_shut = True
        for transport, connection in list(self._there.items()):
            transport.abort()
            with suppress(OSError):  # after two closes a TLS transport has let go of its socket: abort does nothing
                connection.shutdown(socket.SHUT_RDWR)

    def _count_coming(self) -> int:
        """Number of connections that may still arrive: asyncio gives up a handshake after `HANDSHAKE_S`."""
        since_s = time.monotonic() - HANDSHAKE_S
        return sum(coming.began_s >= since_s for coming in self._coming)

    def _arrive(self, coming: "_Coming", transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._coming.discard(coming)
        if self._is_shut:
            transport.abort()
            return
        self._there[transport] = transport.get_extra_info("socket")
        protocol = self._answering()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


class _Coming(asyncio.Protocol):
    """The protocol until the connection is made."""

    def __init__(self, arrive: Callable[["_Coming", asyncio.BaseTransport], None]) -> None:
        self.began_s = time.monotonic()
        self._arrive = arrive

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._arrive(self, transport)


class _Closed(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
