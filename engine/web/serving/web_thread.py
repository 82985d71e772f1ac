"""Runs a page's server on a thread with its own event loop."""

import asyncio
import logging
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report
from engine.web.serving.listening import BACKLOG, listen

if TYPE_CHECKING:
    from aiohttp import web

    from engine.web.serving.connections import ConnectionLimit

log = logging.getLogger(__name__)

IDLE_S = 20.0  # keep-alive: an idle connection is closed
CLOSED_WITHIN_S = 5.0
ENDED = "the page's server stopped"


class WebThread:
    """Serves from `start` to `close`; the port is bound by the constructor."""

    def __init__(self, host: str, port: int, report: Report) -> None:
        """Bind the port; raises MultiverseError if that fails."""
        self._socket = listen(host, port)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        """Listening address, with the real port."""
        self.fault = ""
        """Why the server stopped unexpectedly, in one line; empty otherwise."""
        self._report = report
        self._loop = _new_loop()
        self._stopping = asyncio.Event()
        self._thread = GuardedThread("web", self._run, Guard(log, report, "web", ENDED), self._set_fault)

    def start(self, build: Callable[[], "web.Application"], tls: ssl.SSLContext | None = None) -> None:
        """Serve the application that `build` returns; it is called on the web thread."""
        self._build, self._tls = build, tls
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

        from engine.web.serving.connections import HANDSHAKE_S, ConnectionLimit
        from engine.web.serving.request_errors import reporting_logger

        runner = web.AppRunner(
            self._build(),
            access_log=None,
            logger=reporting_logger(self._report),
            handler_cancellation=True,
            keepalive_timeout=IDLE_S,
            shutdown_timeout=0.2,
        )
        await runner.setup()
        assert runner.server is not None
        limit = ConnectionLimit(runner.server, self._report)
        within_s = HANDSHAKE_S if self._tls is not None else None
        server = await self._loop.create_server(
            limit, sock=self._socket, backlog=BACKLOG, ssl=self._tls, ssl_handshake_timeout=within_s
        )
        await self._stopping.wait()
        await self._stop_accepting()
        server.close()
        await runner.cleanup()
        await _abort_all(limit)

    async def _stop_accepting(self) -> None:
        """Stop accepting, and let accepted sockets get their transports: asyncio would leak them if closed before."""
        self._loop.remove_reader(self._socket.fileno())
        await _run_loop(2)


def _new_loop() -> asyncio.AbstractEventLoop:
    """Create an event loop whose listening socket no client can close.

    With asyncio's default on Windows, the Proactor, one can: a client that resets its connection while it is being
    accepted causes an OSError (WinError 64), and `BaseProactorEventLoop._start_serving` then closes the listening
    socket (CPython issue 93821). `BaseSelectorEventLoop` only reports such a failure. On Windows it has no subprocesses
    and no pipes, which are not needed here, and is limited to 512 sockets (FD_SETSIZE in CPython's selectmodule.c).
    """
    return asyncio.SelectorEventLoop() if sys.platform == "win32" else asyncio.new_event_loop()


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
    """Let the event loop run this many times."""
    for _ in range(times):
        await asyncio.sleep(0)
