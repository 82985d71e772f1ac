"""The page's server: a thread with an event loop of its own, and a thread that encodes.

frame loop ─ offer ─► PreviewTap ─► encoder thread ─ one JPEG a picture ─► event loop ─► every viewer
"""

import asyncio
import errno
import logging
import socket
import sys
import threading
from collections.abc import Callable, Collection

from engine.errors import MultiverseError
from engine.web.broadcast import Broadcast
from engine.web.preview import PreviewTap

log = logging.getLogger(__name__)

BACKLOG = 64


class WebServer:
    """Serves from `start` to `close`. `status` is called on the web thread and returns what msgspec encodes.

    The page reads of it: `fps`, `width`, `height`, `renderer`, `audio.level` (four linear peaks), `sinks`
    (each `kind` and `state`), `warnings` (lines, oldest first).
    """

    def __init__(
        self,
        host: str,
        port: int,
        tap: PreviewTap,
        status: Callable[[], object],
        report: Callable[[str, str], None],
        *,
        allowed_hosts: Collection[str] = (),
    ) -> None:
        self._tap = tap
        self._status = status
        self._report = report
        self._allowed_hosts = allowed_hosts
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._socket: socket.socket | None = None
        self.address = (host, port)
        """Where it listens; after `start` with the real port."""
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self) -> None:
        """Take the port now (MultiverseError when that fails); the rest happens on the web thread."""
        self._socket = _listen(*self.address)
        self.address = self._socket.getsockname()[:2]
        self._loop = asyncio.new_event_loop()
        self._thread.start()

    def close(self) -> None:
        """Drop every viewer and free the port. Safe to call twice, and without `start`."""
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        assert self._loop is not None and self._socket is not None
        try:
            self._loop.run_until_complete(self._serve(self._loop, self._socket))
        except Exception as error:
            # Top of the thread: without the page the show goes on.
            log.exception("the page's server ended")
            self._report("web", f"the page's server ended: {error}")
        finally:
            self._socket.close()
            self._loop.close()

    async def _serve(self, loop: asyncio.AbstractEventLoop, listening: socket.socket) -> None:
        # Imported here, on the web thread: aiohttp takes 0.2 s, and the first picture does not wait for it.
        from aiohttp import web

        from engine.web.request_errors import reporting_logger
        from engine.web.routes import Routes

        broadcast = Broadcast()
        app = Routes(self._tap, broadcast, self._status, self._report).build_app(
            bound_to=self.address[0], allowed_hosts=self._allowed_hosts
        )
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=reporting_logger(self._report),
            handler_cancellation=True,
            shutdown_timeout=0.2,
        )
        await runner.setup()
        await web.SockSite(runner, listening, backlog=BACKLOG).start()
        encoder = threading.Thread(target=self._encode, args=(loop, broadcast), name="preview", daemon=True)
        encoder.start()
        await self._stopping.wait()
        self._tap.end()
        await asyncio.to_thread(encoder.join)
        await runner.cleanup()

    def _encode(self, loop: asyncio.AbstractEventLoop, broadcast: Broadcast) -> None:
        from engine.web.jpeg import encode_preview

        has_failed = False
        while (rgba := self._tap.read_offered()) is not None:
            try:
                loop.call_soon_threadsafe(broadcast.publish, encode_preview(rgba))
            except Exception as error:
                # Top of the thread's loop: a picture the page cannot show must not end the page.
                if not has_failed:
                    log.exception("a picture cannot be encoded for the page")
                has_failed = True
                self._report("web", f"a picture cannot be encoded for the page: {error}")
            self._tap.finish_offered()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; MultiverseError names `--web`."""
    option = f"--web {host}:{port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise MultiverseError(f"{option}: no such host here ({error.strerror or error})") from None
    listening = socket.socket(family, kind, protocol)
    try:
        # On Windows it would let two servers share the port; elsewhere it lets a restart have it at once.
        if sys.platform != "win32":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise MultiverseError(
                f"{option}: the port is taken or not allowed ({error.strerror}); "
                "give another one with --web HOST:PORT, or --web off"
            ) from None
        raise MultiverseError(f"{option}: cannot listen there ({error.strerror or error})") from None
    return listening
