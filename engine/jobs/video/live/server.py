"""`LiveServer`: serves the page, and paints for its clients.

page ─ JPEG ─► web thread ─ FairQueue ─► painter thread ─ BoundedQueue ─► encoder thread
     ◄─ JPEG ─ web thread ◄───────────────────────────────────────────────────────────┘
"""

import ssl
import tempfile
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from engine.errors import MultiverseError, UsageError
from engine.jobs.kit.options import check_number
from engine.jobs.video.fused import check_model
from engine.jobs.video.job import MIN_SIDE_PX, SIDE_STEP_PX, check_painting
from engine.jobs.video.live.controls import knobs_for, started
from engine.jobs.video.live.fair_queue import FairQueue
from engine.jobs.video.live.painting_threads import LivePainter, PaintingThreads
from engine.jobs.video.live.protocol import MAX_SIDE_PX, PROTOCOL
from engine.jobs.video.live.sessions import Sessions
from engine.models.sd.painting import Painting
from engine.models.sd.plan.lora_file import lora_file, lora_name
from engine.system.reporting import Report
from engine.system.small_file import open_regular
from engine.system.undoing import undo_on_error
from engine.web.serving.access import Access, is_loopback, new_token
from engine.web.serving.admission import Admission, add_headers
from engine.web.serving.lan import lan_url, own_url
from engine.web.serving.page_files import ONLY_OUR_SCRIPTS, load_page
from engine.web.serving.sockets import WebSockets
from engine.web.serving.web_thread import WebThread

MAX_BODY_BYTES = 1024  # no request has a body
OWN_FILES_PLAY = "media-src 'self' blob:"  # a chosen video file is played from a blob: URL
MAX_CLIENTS = 64
MIN_SIZES = 4  # cached painters; on CUDA each holds captured graphs
MAX_PAINTED_PX = 1024
MAX_PICTURE_BYTES = 2 << 20
# a slightly too large message gets an error line; a far too large one closes the connection
MARGIN_BYTES = 6 << 20


class LiveRoutes:
    """HTTP routes of the server. On the web thread's event loop."""

    def __init__(
        self,
        admission: Admission,
        sockets: WebSockets,
        sessions: Sessions,
        status: Callable[[], object],
    ) -> None:
        self._admission = admission
        self._sockets = sockets
        self._sessions = sessions
        self._status = status
        self._page = load_page("engine.jobs.video.live")

    def build_app(self) -> web.Application:
        app = web.Application(middlewares=[self._admission.admit], client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/", self.redirect)
        app.router.add_get("/live", self.serve_page_or_socket)
        app.router.add_get("/live/socket", self._sessions.serve, allow_head=False)
        app.router.add_get("/page/{path:.*}", self.send_page_file)
        app.router.add_get("/status.json", self.send_status)
        app.on_response_prepare.append(add_headers)
        app.on_shutdown.append(self._close_sockets)
        return app

    async def redirect(self, request: web.Request) -> web.Response:
        raise web.HTTPFound(request.rel_url.with_path("/live", keep_query=True))  # keep the token

    async def serve_page_or_socket(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").casefold() == "websocket":
            return await self._sessions.serve(request)
        response = self._file("index.html")
        response.headers["Content-Security-Policy"] = f"{ONLY_OUR_SCRIPTS}; {OWN_FILES_PLAY}"
        response.headers["Permissions-Policy"] = "camera=(self), microphone=(), geolocation=()"
        self._admission.remember(request, response)
        return response

    async def send_page_file(self, request: web.Request) -> web.Response:
        return self._file(request.match_info["path"])

    async def send_status(self, request: web.Request) -> web.Response:
        return web.Response(
            body=msgspec.json.encode(self._status()), content_type="application/json"
        )

    def _file(self, path: str) -> web.Response:
        file = self._page.get(path)
        if file is None:
            raise web.HTTPNotFound(text="the page has no such file\n")
        return web.Response(body=file.body, headers={"Content-Type": file.content_type})

    async def _close_sockets(self, app: web.Application) -> None:
        await self._sockets.close_all()


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLimits:
    """Limits on what clients may request."""

    most_clients: int = 4
    """Maximum number of clients; further ones are refused as busy."""
    longest_side_px: int = MAX_PAINTED_PX
    most_bytes: int = MAX_PICTURE_BYTES
    """Maximum size of a received picture."""
    idle_s: float = 30.0
    """A client that has sent nothing for this long is displaced by a new one when all places are
    taken."""

    def check(self) -> None:
        check_number("clients", self.most_clients, 1, MAX_CLIENTS)
        check_number("longest side", self.longest_side_px, MIN_SIDE_PX, MAX_SIDE_PX)


class LiveServer:
    """Serves the page and paints, from `start` to `close`."""

    def __init__(
        self,
        painting: Painting,
        *,
        host: str,
        port: int,
        side_px: int = 512,
        limits: LiveLimits | None = None,
        device: str = "auto",
        dtype: str = "auto",
        threads: int | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        token: str | None = None,
        allowed_hosts: Collection[str] = (),
        is_local: Callable[[str], bool] = is_loopback,
        report: Report = lambda key, line: None,
        log_line: Report = lambda key, line: None,
    ) -> None:
        """Run the checks that take milliseconds: UsageError, ModelError.

        `painting` and `side_px` (longest side): the initial settings of every client. `certificate`
        and `key`: PEM files; with them the page is served over HTTPS, which browsers on other
        machines require for the camera. `token`: required from clients that are not `is_local`
        (given their address); None makes a new one. On any thread `report(key, line)` is called for
        refusals and errors, `log_line` likewise for (dis)connects."""
        self.limits = limits or LiveLimits()
        self.limits.check()
        check_number("size", side_px, MIN_SIDE_PX, self.limits.longest_side_px)
        if side_px % SIDE_STEP_PX:
            raise UsageError(f"size: {side_px} is not a multiple of {SIDE_STEP_PX}")
        check_painting(painting)
        check_model(painting.spec)
        self.address = (host, port)
        """Listening address; after `start` with the real port."""
        self.token = token or new_token()
        self._start = started(painting, side_px)
        self._knobs = knobs_for(
            self._start,
            longest_side_px=self.limits.longest_side_px,
            lora_names=tuple(lora_name(lora_file(name)) for name, _ in painting.spec.loras),
        )
        self._device_options = (device, dtype, threads)
        self._tls = _tls(certificate, key)
        self._allowed_hosts = allowed_hosts
        self._is_local = is_local
        self._report = report
        self._log_line = log_line
        self._queue = FairQueue(most_clients=self.limits.most_clients, idle_s=self.limits.idle_s)
        self._threads = PaintingThreads(self._queue, self._open_painter, report)
        self._web: WebThread | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def url(self) -> str:
        """URL of the page for a browser on this machine."""
        return own_url(*self.address, self.token, scheme=self._scheme)

    @property
    def lan_url(self) -> str | None:
        """URL with token for other machines; None if they cannot reach it. MultiverseError if there
        is no network."""
        return lan_url(*self.address, self.token, scheme=self._scheme)

    @property
    def fault(self) -> str:
        """Reason why painting or serving has stopped, in one line; empty while it works."""
        return self._threads.fault or (self._web.fault if self._web is not None else "")

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user about the model, one line each."""
        return self._threads.painter.notes

    def start(self) -> None:
        """Bind the port, load the model, serve: seconds. MultiverseError, in one line, if one of
        them fails."""
        self._web = WebThread(*self.address, self._report)
        self.address = self._web.address
        with undo_on_error(self.close):
            side_px = self._start.side_px
            self._threads.start(self._start.painting, (side_px, side_px))
            self._folder = tempfile.TemporaryDirectory(
                prefix="multiverse-live-", ignore_cleanup_errors=True
            )
            self._web.start(self._build_app, self._tls)

    def close(self) -> None:
        """Disconnect all clients, free the port and the device. Idempotent; safe without
        `start`."""
        self._threads.close()
        if self._web is not None:
            self._web.close()
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def _scheme(self) -> str:
        return "http" if self._tls is None else "https"

    def _open_painter(self) -> LivePainter:
        device, dtype, threads = self._device_options
        sizes = max(MIN_SIZES, self.limits.most_clients)
        return LivePainter(
            self._start.painting, device=device, dtype=dtype, threads=threads, most_sizes=sizes
        )

    def _status(self) -> dict[str, object]:
        painter = self._threads.painter
        return {
            "model": self._start.painting.spec.model,
            "device": painter.device,
            "dtype": painter.dtype,
            "clients": self._queue.clients,
            "most_clients": self.limits.most_clients,
            "fault": self.fault,
        }

    def _build_app(self) -> web.Application:
        assert self._folder is not None
        host, port = self.address
        sockets = WebSockets(self._report, most_bytes=self.limits.most_bytes + MARGIN_BYTES)
        most_bytes = self.limits.most_bytes
        knobs = self._knobs
        start = self._start
        model = self._status()["model"]
        about = {
            "protocol": PROTOCOL,
            "model": Path(str(model)).name,
            "device": self._threads.painter.device,
            "controls": [knob.control for knob in knobs],
            "limits": {"side_px": self.limits.longest_side_px, "bytes": most_bytes},
        }
        more: dict[str, Any] = {
            "most_bytes": most_bytes,
            "folder": Path(self._folder.name),
            "log_line": self._log_line,
        }
        sessions = Sessions(self._queue, sockets, knobs=knobs, start=start, about=about, **more)
        access = Access(
            self.token, bound_to=host, allowed_hosts=self._allowed_hosts, is_local=self._is_local
        )
        # a browser sends cookies to all ports of a host
        admission = Admission(access, cookie=f"multiverse_live_{port}", report=self._report)
        return LiveRoutes(admission, sockets, sessions, self._status).build_app()


def serve_live(server: LiveServer, stop: threading.Event) -> None:
    """Wait for `stop`, then close the server. MultiverseError, in one line, if the device or the
    web server fails."""
    try:
        while not stop.wait(0.1):
            if server.fault:
                raise MultiverseError(server.fault)
    finally:
        server.close()


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """The TLS context, or None without a certificate. UsageError unless both files can be used."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "certificate" if certificate is None else "key"
        raise UsageError(
            f"HTTPS needs a certificate and its key, as PEM files; the {missing} is missing"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        for file in (certificate, key):
            open_regular(file).close()
        context.load_cert_chain(certificate, key)
    except OSError as error:  # also ssl.SSLError
        reason = error.strerror or str(error)
        raise UsageError(
            f"certificate {certificate} with key {key}: cannot be used ({reason})"
        ) from None
    return context
