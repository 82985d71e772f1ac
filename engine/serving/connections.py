"""How many connections the page's server holds at once."""

import asyncio
from collections.abc import Callable

from aiohttp import web

MOST_CONNECTIONS = 128  # WebSockets and requests: macOS gives a program 256 open files


class Door:
    """Makes the protocol of each connection that the loop accepts. Event loop only."""

    def __init__(self, answering: web.Server, report: Callable[[str, str], None]) -> None:
        self._answering = answering
        self._report = report
        self._coming = 0  # accepted, and not yet among the server's connections: a burst is accepted in one go

    def __call__(self) -> asyncio.Protocol:
        if len(self._answering.connections) + self._coming >= MOST_CONNECTIONS:
            self._report("web connections", f"page: {MOST_CONNECTIONS} connections are open; another is refused")
            return _Closed()
        self._coming += 1
        asyncio.get_running_loop().call_soon(self._arrived)
        return self._answering()

    def _arrived(self) -> None:
        self._coming -= 1


class _Closed(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
