"""How many connections the page's server holds at once."""

import asyncio
import socket
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiohttp import web

MAX_CONNECTIONS = 128  # WebSockets and requests: macOS gives a program 256 open files
HANDSHAKE_S = 5.0  # over TLS: a phone far away takes one, and who takes longer holds a place for nothing


class Door:
    """Makes the protocol of each connection that the loop accepts. Event loop only."""

    def __init__(self, answering: web.Server, report: Callable[[str, str], None]) -> None:
        self._answering = answering
        self._report = report
        # Accepted, and not yet among the server's connections: a burst is accepted in one go, and over TLS each has to
        # shake hands first. Who is lost over that is told to nobody, only dropped; before Python 3.11.8 in a cycle of
        # references (gh-109534), which may be collected minutes later.
        self._coming: weakref.WeakSet[_Coming] = weakref.WeakSet()
        self._there: weakref.WeakKeyDictionary[asyncio.Transport, Any] = weakref.WeakKeyDictionary()
        """With its socket."""
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
        """Hang up on everybody, and on whoever was accepted and comes now. A close waits for buffers to be taken, and
        over TLS for the client's own; this does not."""
        self._is_shut = True
        for transport, connection in list(self._there.items()):
            transport.abort()
            with suppress(OSError):  # over TLS it lets go of its socket where it was closed twice, and aborts nothing
                connection.shutdown(socket.SHUT_RDWR)

    def _count_coming(self) -> int:
        """Number of those that may still arrive: asyncio gives up a handshake after `HANDSHAKE_S`."""
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
    """Until the connection is made."""

    def __init__(self, arrive: Callable[["_Coming", asyncio.BaseTransport], None]) -> None:
        self.began_s = time.monotonic()
        self._arrive = arrive

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._arrive(self, transport)


class _Closed(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
