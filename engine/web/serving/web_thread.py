"""A page's server on a thread with an event loop of its own."""

import asyncio
import logging
import ssl
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.web.serving.listening import BACKLOG, listen

if TYPE_CHECKING:
    from aiohttp import web

    from engine.web.serving.connections import Door

log = logging.getLogger(__name__)

IDLE_S = 20.0  # a connection that asks nothing is closed
CLOSED_WITHIN_S = 5.0


class WebThread:
    """Serves from `start` to `close`; the port is taken from the start on."""

    def __init__(self, host: str, port: int, report: Callable[[str, str], None]) -> None:
        """Takes the port; MultiverseError when that fails."""
        self._socket = listen(host, port)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        """Where it listens, with the real port."""
        self.fault = ""
        """Why it serves no more, in one line, where it was not closed."""
        self._report = report
        self._loop = _new_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self, build: Callable[[], "web.Application"], tls: ssl.SSLContext | None = None) -> None:
        """Serve what `build` gives, which is called on the web thread."""
        self._build, self._tls = build, tls
        self._thread.start()

    def close(self) -> None:
        """Drop every client and free the port. Safe to call twice, and without `start`."""
        if self._thread.ident is None:
            self._socket.close()
            self._loop.close()
        elif self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(timeout=CLOSED_WITHIN_S)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:
            # Top of the thread: whoever looks hears of it in the report.
            log.exception("the page's server ended")
            self.fault = f"the page's server ended: {error}"
            self._report("web", self.fault)
        finally:
            self._socket.close()
            self._loop.close()

    async def _serve(self) -> None:
        # Imported here, on the web thread: aiohttp takes 0.2 s.
        from aiohttp import web

        from engine.web.serving.connections import HANDSHAKE_S, Door
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
        door = Door(runner.server, self._report)
        within_s = HANDSHAKE_S if self._tls is not None else None
        server = await self._loop.create_server(
            door, sock=self._socket, backlog=BACKLOG, ssl=self._tls, ssl_handshake_timeout=within_s
        )
        await self._stopping.wait()
        await self._accept_no_more()
        server.close()
        await runner.cleanup()
        await _end(door)

    async def _accept_no_more(self) -> None:
        """Whoever was accepted gets its transport first: asyncio makes none for a server that is closed, and leaves the
        socket open."""
        self._loop.remove_reader(self._socket.fileno())
        await _turns(2)


def _new_loop() -> asyncio.AbstractEventLoop:
    """A loop that goes on listening whatever a client does.

    asyncio's own choice on Windows, the Proactor, does not: a client that resets its connection while it is accepted
    gives OSError (WinError 64), and `BaseProactorEventLoop._start_serving` then closes the listening socket (CPython
    issue 93821). `BaseSelectorEventLoop` only reports such a failure. It has no subprocesses and no pipes on Windows,
    which the page does not need, and `select` takes 512 sockets there (FD_SETSIZE in CPython's selectmodule.c).
    """
    return asyncio.SelectorEventLoop() if sys.platform == "win32" else asyncio.new_event_loop()


async def _end(door: "Door") -> None:
    """Nothing is left that a loop would have to wait for, or that nobody would close."""
    door.shut()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:  # over TLS they may still be shaking hands
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    door.shut()
    await _turns(4)  # in which they hear of it, and close their sockets


async def _turns(count: int) -> None:
    """Of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)
