"""`LiveServer`: the page, its clients, and the model that paints for them.

page ── JPEG ──► web thread ─ FairQueue ─► painter thread ─ BoundedQueue ─► encoder thread ── JPEG ──► web thread ► page
"""

import ssl
import tempfile
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ModelError, MultiverseError, UsageError
from engine.jobs.kit.option_range import check_number
from engine.jobs.video.job import MIN_SIDE_PX, SIDE_STEP_PX, check_painting
from engine.jobs.video.live.controls import knobs_for, started
from engine.jobs.video.live.fair_queue import FairQueue
from engine.jobs.video.live.live_painter import LivePainter
from engine.jobs.video.live.painting_threads import PaintingThreads
from engine.jobs.video.live.protocol import MAX_SIDE_PX, PROTOCOL
from engine.models.sd.painting import Painting
from engine.models.sd.plan.lora_file import lora_file, lora_name
from engine.models.sd.spec import ModelSpec
from engine.system.reporting import Report
from engine.system.small_file import open_regular
from engine.web.serving.access import Access, is_loopback, new_token
from engine.web.serving.lan import lan_url, own_url
from engine.web.serving.web_thread import WebThread

if TYPE_CHECKING:
    from aiohttp import web

MAX_CLIENTS = 64
MIN_SIZES = 4  # cached painters; on CUDA each holds captured graphs
MAX_PAINTED_PX = 1024
MAX_PICTURE_BYTES = 2 << 20
MARGIN_BYTES = 6 << 20  # a slightly too large message gets an error line; a far too large one closes the connection


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLimits:
    """Limits on what clients may request."""

    most_clients: int = 4
    """Maximum number of clients; further ones are refused as busy."""
    longest_side_px: int = MAX_PAINTED_PX
    """Longest side of painted pictures."""
    most_bytes: int = MAX_PICTURE_BYTES
    """Maximum size of a received picture."""
    idle_s: float = 30.0
    """A client that has sent nothing for this long is displaced by a new one when all places are taken."""

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
        tell: Report = lambda key, line: None,
    ) -> None:
        """Run the checks that take milliseconds: UsageError, ModelError.

        `painting` and `side_px` (longest side): the initial settings of every client. `certificate` and `key`: PEM
        files; with them the page is served over HTTPS, which browsers on other machines require for the camera.
        `token`: required from clients that are not `is_local` (given their address); None makes a new one.
        `report(key, line)` is called for refusals and errors, `tell(key, line)` when clients connect and disconnect;
        both on any thread.
        """
        self.limits = limits or LiveLimits()
        self.limits.check()
        check_number("size", side_px, MIN_SIDE_PX, self.limits.longest_side_px)
        if side_px % SIDE_STEP_PX:
            raise UsageError(f"size: {side_px} is not a multiple of {SIDE_STEP_PX}")
        check_painting(painting)
        _check_model(painting.spec)
        self.address = (host, port)
        """Listening address; after `start` with the real port."""
        self.token = token or new_token()
        self._start = started(painting, side_px)
        self._knobs = knobs_for(
            self._start,
            longest_side_px=self.limits.longest_side_px,
            lora_names=tuple(lora_name(lora_file(name)) for name, _ in painting.spec.loras),
        )
        self._place = (device, dtype, threads)
        self._tls = _tls(certificate, key)
        self._allowed_hosts = allowed_hosts
        self._is_local = is_local
        self._report = report
        self._tell = tell
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
        """URL for browsers on other machines, with the token; None if they cannot reach it.

        MultiverseError if there is no network.
        """
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
        """Bind the port, load the model, serve: seconds. MultiverseError, in one line, if one of them fails."""
        self._web = WebThread(*self.address, self._report)
        self.address = self._web.address
        try:
            side_px = self._start.side_px
            self._threads.start(self._start.painting, (side_px, side_px))
            self._folder = tempfile.TemporaryDirectory(prefix="multiverse-live-", ignore_cleanup_errors=True)
            self._web.start(self._build_app, self._tls)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Disconnect all clients, free the port and the device. Idempotent; safe without `start`."""
        self._threads.close()
        if self._web is not None:
            self._web.close()
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def _scheme(self) -> str:
        return "http" if self._tls is None else "https"

    def _open_painter(self) -> LivePainter:
        device, dtype, threads = self._place
        sizes = max(MIN_SIZES, self.limits.most_clients)
        return LivePainter(self._start.painting, device=device, dtype=dtype, threads=threads, most_sizes=sizes)

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

    def _build_app(self) -> "web.Application":
        from engine.jobs.video.live.routes import LiveRoutes
        from engine.jobs.video.live.sessions import Sessions
        from engine.web.serving.sockets import WebSockets

        assert self._folder is not None
        host, port = self.address
        sockets = WebSockets(self._report, most_bytes=self.limits.most_bytes + MARGIN_BYTES)
        sessions = Sessions(
            self._queue,
            sockets,
            knobs=self._knobs,
            start=self._start,
            about={
                "protocol": PROTOCOL,
                "model": Path(self._start.painting.spec.model).name,
                "device": self._threads.painter.device,
                "controls": [knob.control for knob in self._knobs],
                "limits": {"side_px": self.limits.longest_side_px, "bytes": self.limits.most_bytes},
            },
            most_bytes=self.limits.most_bytes,
            folder=Path(self._folder.name),
            log_line=self._tell,
        )
        return LiveRoutes(
            access=Access(self.token, bound_to=host, allowed_hosts=self._allowed_hosts, is_local=self._is_local),
            sockets=sockets,
            sessions=sessions,
            status=self._status,
            cookie=f"multiverse_live_{port}",  # a browser sends cookies to all ports of a host
            report=self._report,
        ).build_app()


def serve_live(server: LiveServer, stop: threading.Event) -> None:
    """Wait for `stop`, then close the server. MultiverseError, in one line, if the device or the web server fails."""
    try:
        while not stop.wait(0.1):
            if server.fault:
                raise MultiverseError(server.fault)
    finally:
        server.close()


def _check_model(spec: ModelSpec) -> None:
    """Raise ModelError for missing files. Reads only file headers."""
    from engine.models.sd.check import check

    missing = () if spec.random_shape else check(spec).missing
    if missing:
        raise ModelError(missing[0])


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """The TLS context, or None without a certificate. UsageError unless both files can be used."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "certificate" if certificate is None else "key"
        raise UsageError(f"HTTPS needs a certificate and its key, as PEM files; the {missing} is missing")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        for file in (certificate, key):
            open_regular(file).close()
        context.load_cert_chain(certificate, key)
    except OSError as error:  # also ssl.SSLError
        reason = error.strerror or str(error)
        raise UsageError(f"certificate {certificate} with key {key}: cannot be used ({reason})") from None
    return context
