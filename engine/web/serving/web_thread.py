"""Runs a page's server on a thread with its own event loop: listening socket, limit on connections,
errors."""

import asyncio
import errno
import logging
import socket
import ssl
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from engine.control import tcp
from engine.control.outgoing.sender import addresses_of, display_address
from engine.errors import MultiverseError, PortTakenError
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.refused_port import EXHAUSTED, refusal_reason
from engine.system.reporting import Report
from engine.system.translate_errors import refused
from engine.web.serving.compat_asyncio import tcp_transport

if TYPE_CHECKING:
    from aiohttp import web

log = logging.getLogger(__name__)

BACKLOG = 64
MAX_CONNECTIONS = 128  # WebSockets and requests: macOS gives a program 256 open files
HANDSHAKE_S = (
    5.0  # for TLS: a distant phone takes one second; a slower client only counts towards the limit
)
IDLE_S = 20.0  # keep-alive: an idle connection is closed
CLOSED_WITHIN_S = 5.0
# `accept` on Windows, if the client has disconnected before
DISCONNECTED = {errno.ECONNRESET, errno.ENOTCONN}
ENDED = "the page's server stopped"


class WebThread:
    """Serves a page from `start` to `close`, on a thread with its own event loop; the constructor
    binds the port."""

    def __init__(self, host: str, port: int, report: Report) -> None:
        """Bind the port; raises MultiverseError if that fails."""
        self._socket = listen(host, port)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        """Listening address, with the real port."""
        self.fault = ""
        """Why the server stopped unexpectedly, in one line; empty otherwise."""
        self._report = report
        # Not Windows' default, the Proactor: it closes a listening socket whose client resets
        # (CPython issue 93821).
        self._loop = asyncio.SelectorEventLoop()
        self._stopping = asyncio.Event()
        self._thread = GuardedThread(
            "web", self._run, Guard(log, report, "web", ENDED), self._set_fault
        )

    def start(
        self, build: Callable[[], "web.Application"], tls: ssl.SSLContext | None = None
    ) -> None:
        """Serve the application that `build` returns; it is called on the web thread."""
        self._build = build
        self._tls = tls
        self._thread.start()

    def close(self) -> None:
        """Disconnect all clients and free the port. Idempotent; safe without `start`."""
        if not self._thread.is_started:
            self._socket.close()
            self._loop.close()
        elif self._thread.is_alive:
            with suppress(RuntimeError):  # the loop has just ended
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(CLOSED_WITHIN_S)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._socket.close()
            self._loop.close()

    def _set_fault(self, error: Exception) -> None:
        self.fault = f"{ENDED}: {error}"

    async def _serve(self) -> None:
        # Imported here, on the web thread: importing aiohttp takes 0.2 s.
        from aiohttp import web

        logger = logging.Logger("engine.web.http", logging.WARNING)
        logger.addHandler(_Reporting(self._report))
        runner = web.AppRunner(
            self._build(),
            access_log=None,
            logger=logger,
            handler_cancellation=True,
            keepalive_timeout=IDLE_S,
            shutdown_timeout=0.2,
        )
        await runner.setup()
        assert runner.server is not None
        limit = ConnectionLimit(runner.server, self._report)
        self._loop.set_exception_handler(self._on_loop_error)
        within_s = HANDSHAKE_S if self._tls is not None else None
        server = await self._loop.create_server(
            limit, sock=self._socket, backlog=BACKLOG, ssl=self._tls, ssl_handshake_timeout=within_s
        )
        await self._stopping.wait()
        # Stop accepting, and let accepted sockets get their transports: asyncio would leak them if
        # closed before.
        self._loop.remove_reader(self._socket.fileno())
        await _run_loop(2)
        server.close()
        await runner.cleanup()
        await _abort_all(limit)

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Report in one line that nothing can be accepted: asyncio logs up to a hundred tracebacks
        per second."""
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in EXHAUSTED:
            self._report("web", f"page: no connection can be accepted ({error.strerror})")
        elif not isinstance(error, OSError) or error.errno not in DISCONNECTED:
            loop.default_exception_handler(context)


async def _abort_all(limit: "ConnectionLimit") -> None:
    """Abort all connections and tasks, so that the loop can be closed and no socket leaks."""
    limit.shut()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:  # TLS handshakes may still be running
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    limit.shut()
    await _run_loop(4)  # lets the aborted transports close their sockets


async def _run_loop(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket. Raises MultiverseError, whose text names `--web`."""
    option = f"--web {display_address(host, port)}"
    with refused(f"{option}: no such host here", MultiverseError):
        family, _, _, _, address = addresses_of(host, port, socket.SOCK_STREAM)[0]
    try:
        return tcp.listen(family, address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(("--web", display_address(host, port))) from None
        raise MultiverseError(
            f"{option}: {refusal_reason(error)}; choose another with --web HOST:PORT"
        ) from None


class ConnectionLimit:
    """Creates the protocol of each accepted connection, and refuses those above the limit. Event
    loop only."""

    def __init__(self, answering: "web.Server", report: Report) -> None:
        self._answering = answering
        self._report = report
        # Accepted, but not yet among the server's connections: a burst is accepted all at once, and
        # TLS needs a handshake first. asyncio drops a failed handshake without a callback; before
        # Python 3.11.8 the protocol then stays in a reference cycle (gh-109534), which may be
        # collected minutes later.
        self._pending: weakref.WeakSet[_Pending] = weakref.WeakSet()
        self._transports: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()
        self._is_shut = False

    def __call__(self) -> asyncio.Protocol:
        if self._is_shut:
            return _Closed()
        if len(self._answering.connections) + self._count_pending() >= MAX_CONNECTIONS:
            self._report(
                "web connections",
                f"page: {MAX_CONNECTIONS} connections are open; another is refused",
            )
            return _Closed()
        pending = _Pending(self._arrive)
        self._pending.add(pending)
        return pending

    def shut(self) -> None:
        """Abort all connections, including those still being accepted, without waiting for their
        buffers."""
        self._is_shut = True
        for transport in list(self._transports):
            transport.abort()

    def _count_pending(self) -> int:
        """Number of connections still being made: asyncio gives up a handshake after
        `HANDSHAKE_S`."""
        since_s = time.monotonic() - HANDSHAKE_S
        return sum(pending.began_s >= since_s for pending in self._pending)

    def _arrive(self, pending: "_Pending", transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._pending.discard(pending)
        if self._is_shut:
            transport.abort()
            return
        self._transports.add(tcp_transport(transport))
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


class _Reporting(logging.Handler):
    """Passes each error to `report` in one line: aiohttp logs a traceback for each, and anybody can
    send garbage."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report
        self._has_failed = False

    def emit(self, record: logging.LogRecord) -> None:
        from engine.web.serving.compat_aiohttp import HttpProcessingError

        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            self._report("web request", f"page: {record.getMessage()}: invalid HTTP")
            return
        if not self._has_failed:  # a bug in our code: log its traceback, once
            self._has_failed = True
            log.error("%s", record.getMessage(), exc_info=record.exc_info)
        self._report("web", f"page: {record.getMessage()}: {error!r}")
