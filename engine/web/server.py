"""The page's server: one thread with an event loop, and an encoder thread for each picture.

frame loop ─ offer ─► PreviewTap ─► encoder thread ─ one JPEG per picture and width ─► event loop ─► viewers
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import TYPE_CHECKING

from engine.control import Dispatcher
from engine.params.preset_shelf import PresetPicture
from engine.system.reporting import Report
from engine.values import ChannelFeatures
from engine.web.encoder import EncoderThread
from engine.web.preview import PreviewTap
from engine.web.serving.access import Access, accepts_none, is_loopback, new_token
from engine.web.serving.web_thread import WebThread

if TYPE_CHECKING:
    import numpy as np
    from aiohttp import web

    from engine.control.query import QueryHub, QueryTree


class WebServer:
    """Has its port from `bind`, serves the page from `start` to `close`."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        taps: Mapping[str, PreviewTap],
        status: Callable[[], object],
        preset_pictures: Callable[[], Mapping[str, PresetPicture]],
        features: Callable[[], tuple[ChannelFeatures, ...]],
        query: "QueryTree",
        hub: "QueryHub",
        host_info: Callable[[str, tuple[str, int]], Mapping[str, object]],
        dispatcher: Dispatcher,
        report: Report,
        token: str | None = None,
        allowed_hosts: Collection[str] = (),
        is_local: Callable[[str], bool] = is_loopback,
        accepts_osc: Callable[[str, str], bool] = accepts_none,
        shader_pictures: "Callable[[], Mapping[str, np.ndarray]]" = dict,
    ) -> None:
        """`taps`: the available pictures by name: `main` and the run's extra pictures.

        `status` (encoded with msgspec), `preset_pictures`, `features` and `host_info` are called on the web thread and
        must not block. `host_info(reached_at, own_address)` gets the address of this machine that the client connected
        to, and the server's listening address. `token`: required from clients whose address is not `is_local`; None
        creates one. `accepts_osc(peer, reached_at)`: True if that client may use OSCQuery without the token.
        `shader_pictures`: thumbnails, (height, width, 3) uint8, by the shader's name; called on the web thread, too.
        """
        self.address = (host, port)
        """Listening address; after `start` with the real port."""
        self.token = token or new_token()
        self._taps = taps
        self._status = status
        self._preset_pictures = preset_pictures
        self._shader_pictures = shader_pictures
        self._features = features
        self._query = query
        self._hub = hub
        self._host_info = host_info
        self._dispatcher = dispatcher
        self._report = report
        self._allowed_hosts = allowed_hosts
        self._is_local = is_local
        self._hears_osc = accepts_osc
        self._web: WebThread | None = None

    @property
    def url(self) -> str:
        """URL of the page."""
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

        host, port = self.address
        sockets = WebSockets(self._report)
        app = Routes(
            access=Access(
                self.token,
                bound_to=host,
                allowed_hosts=self._allowed_hosts,
                is_local=self._is_local,
                accepts_osc=self._hears_osc,
            ),
            sockets=sockets,
            pictures=PictureStreams(self._taps, sockets),
            live=LiveFeed(
                self._features,
                lambda: self._dispatcher.feedback.beat,
                self._status,
                OscMonitor(self._dispatcher),
                sockets,
                self._report,
            ),
            osc_query=OscQuery(self._query, self._hub, lambda at: self._host_info(at, self.address), sockets),
            status=self._status,
            preset_pictures=self._preset_pictures,
            shader_pictures=self._shader_pictures,
            cookie=f"multiverse_{port}",  # browsers send a host's cookies to all its ports: two engines need two names
            report=self._report,
        ).build_app()
        app.cleanup_ctx.append(self._encoding)
        return app

    async def _encoding(self, app: "web.Application") -> AsyncIterator[None]:
        """Run the encoder threads while the server runs."""
        encoders = [EncoderThread(picture, tap, self._report) for picture, tap in self._taps.items()]
        for encoder in encoders:
            encoder.start()
        yield
        for encoder in encoders:
            await asyncio.to_thread(encoder.close)
