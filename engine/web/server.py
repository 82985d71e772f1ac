"""The page's server: one thread with an event loop, and an encoder thread for each picture.

frame loop ─ offer ─► PreviewTap ─► encoder thread
                                      └─ one JPEG per picture and width ─► event loop ─► viewers
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from typing import TYPE_CHECKING

from engine.system.reporting import Report
from engine.web.preview import EncoderThread
from engine.web.served import Served
from engine.web.serving.access import Access, accepts_none, is_loopback, new_token
from engine.web.serving.web_thread import WebThread

if TYPE_CHECKING:
    from aiohttp import web


class WebServer:
    """The page's HTTP server: `bind` takes its port, and it serves from `start` to `close`."""

    def __init__(
        self,
        host: str,
        port: int,
        served: Served,
        *,
        report: Report,
        token: str | None = None,
        allowed_hosts: Collection[str] = (),
        is_local: Callable[[str], bool] = is_loopback,
        accepts_osc: Callable[[str, str], bool] = accepts_none,
    ) -> None:
        """`token`: required from clients whose address is not `is_local`; None creates one.
        `accepts_osc(peer, reached_at)`: True if that client may use OSCQuery without the token."""
        self.address = (host, port)
        """Listening address; after `start` with the real port."""
        self.token = token or new_token()
        self._served = served
        self._report = report
        self._allowed_hosts = allowed_hosts
        self._is_local = is_local
        self._accepts_osc = accepts_osc
        self._web: WebThread | None = None

    @property
    def url(self) -> str:
        host, port = self.address
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    def bind(self) -> None:
        """Take the port; MultiverseError if that fails."""
        if self._web is None:
            self._web = WebThread(*self.address, self._report)
            self.address = self._web.address

    def start(self) -> None:
        """Serve on the web thread; binds the port if `bind` was not called."""
        self.bind()
        assert self._web is not None
        self._web.start(self._build_app)

    def close(self) -> None:
        """Disconnect all clients and free the port. Idempotent; safe without `start`."""
        if self._web is not None:
            self._web.close()
            self._web = None

    def _build_app(self) -> "web.Application":
        from engine.web.live import LiveFeed
        from engine.web.monitor import OscMonitor
        from engine.web.osc_query import OscQuery
        from engine.web.pictures import PictureStreams
        from engine.web.routes import Routes
        from engine.web.serving.sockets import WebSockets

        served = self._served
        sockets = WebSockets(self._report)
        app = Routes(
            served=served,
            access=Access(
                self.token,
                bound_to=self.address[0],  # a number, also where a name was asked for
                allowed_hosts=self._allowed_hosts,
                is_local=self._is_local,
                accepts_osc=self._accepts_osc,
            ),
            sockets=sockets,
            pictures=PictureStreams(served.taps, sockets),
            live=LiveFeed(served, OscMonitor(served.dispatcher), sockets, self._report),
            osc_query=OscQuery(
                served.tree, served.hub, lambda at: served.host_info(at, self.address), sockets
            ),
            # Browsers send a host's cookies to all its ports: two engines need two names.
            cookie=f"multiverse_{self.address[1]}",
            report=self._report,
        ).build_app()
        app.cleanup_ctx.append(self._encoding)
        return app

    async def _encoding(self, app: "web.Application") -> AsyncIterator[None]:
        """Run the encoder threads while the server runs."""
        encoders = [
            EncoderThread(picture, tap, self._report) for picture, tap in self._served.taps.items()
        ]
        for encoder in encoders:
            encoder.start()
        yield
        for encoder in encoders:
            await asyncio.to_thread(encoder.close)
