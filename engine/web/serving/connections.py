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
HANDSHAKE_S = 5.0  # for TLS: a distant phone takes one second; a slower client only counts towards the limit


class ConnectionLimit:
    """Creates the protocol of each accepted connection, and refuses those above the limit. Event loop only."""

    def __init__(self, answering: web.Server, report: Report) -> None:
        self._answering = answering
        self._report = report
        # Accepted, but not yet among the server's connections: a burst is accepted all at once, and TLS needs a
        # handshake
        # first. asyncio drops a failed handshake without a callback; before Python 3.11.8 the protocol then stays in a
        # reference cycle (gh-109534), which may be collected minutes later.
        self._pending: weakref.WeakSet[_Pending] = weakref.WeakSet()
        self._sockets: weakref.WeakKeyDictionary[asyncio.Transport, Any] = weakref.WeakKeyDictionary()
        """Transport -> its socket."""
        self._is_shut = False

    def __call__(self) -> asyncio.Protocol:
        if self._is_shut:
            return _Closed()
        if len(self._answering.connections) + self._count_pending() >= MAX_CONNECTIONS:
            self._report("web connections", f"page: {MAX_CONNECTIONS} connections are open; another is refused")
            return _Closed()
        pending = _Pending(self._arrive)
        self._pending.add(pending)
        return pending

    def shut(self) -> None:
        """Abort all connections, including those still being accepted, without waiting for their buffers."""
        self._is_shut = True
        for transport, connection in list(self._sockets.items()):
            transport.abort()
            with suppress(OSError):  # abort does nothing to a TLS transport that was closed twice
                connection.shutdown(socket.SHUT_RDWR)

    def _count_pending(self) -> int:
        """Number of connections still being made: asyncio gives up a handshake after `HANDSHAKE_S`."""
        since_s = time.monotonic() - HANDSHAKE_S
        return sum(pending.began_s >= since_s for pending in self._pending)

    def _arrive(self, pending: "_Pending", transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._pending.discard(pending)
        if self._is_shut:
            transport.abort()
            return
        self._sockets[transport] = transport.get_extra_info("socket")
        protocol = self._answering()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


class _Pending(asyncio.Protocol):
    """The protocol until the connection is made."""

    def __init__(self, arrive: Callable[["_Pending", asyncio.BaseTransport], None]) -> None:
        self.began_s = time.monotonic()
        self._arrive = arrive

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._arrive(self, transport)


class _Closed(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
