"""WebSocket sessions of clients: they receive messages, and send queued ones. Event loop only."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from engine.jobs.video.live import protocol
from engine.jobs.video.live.controls import Knob, LiveSettings, changed, values_of, with_picture
from engine.jobs.video.live.fair_queue import Client, FairQueue
from engine.jobs.video.live.protocol import REFERENCE, Frame, ProtocolError, as_text, check_jpeg
from engine.system.reporting import Report
from engine.system.token_bucket import TokenBucket
from engine.web.serving.sockets import MAX_SOCKETS, CloseSocket, Data, Send, WebSockets

STATE_S = 0.5
MAX_LINES = 16  # queued for a client; beyond this the oldest are dropped
MAX_PICTURES = 2  # queued for a client with a slow connection
MAX_REFERENCE_PX = 1024  # the IP-Adapter scales pictures to about 224
REFERENCE_INTERVAL_S = 0.5  # between reference pictures: decoding one blocks the event loop
QUIET_S = 1.1  # slightly longer than the log's rate limit for lines of one kind
IDLE = "idle for a while, and another client needed the place; the next picture reconnects"


class Sessions:
    """All sessions of the server."""

    def __init__(
        self,
        queue: FairQueue,
        sockets: WebSockets,
        *,
        knobs: tuple[Knob, ...],
        start: LiveSettings,
        about: dict[str, Any],
        most_bytes: int,
        folder: Path,
        log_line: Report,
    ) -> None:
        """`about`: the greeting of every client, besides the controls. `folder`: for reference
        pictures from clients. `log_line(key, line)` is called when clients connect and
        disconnect."""
        self._queue = queue
        self._sockets = sockets
        self._knobs = knobs
        self._start = start
        self._about = about
        self._most_bytes = most_bytes
        self._folder = folder
        self._log_line = log_line
        self._sessions: dict[Client, Session] = {}
        self._count = 0
        self._quiet: asyncio.TimerHandle | None = None

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        if not web.WebSocketResponse().can_prepare(request):
            raise web.HTTPBadRequest(text="this is a WebSocket; the page is at /live\n")
        if self._sockets.open >= MAX_SOCKETS:  # checked before an idle client is displaced
            raise web.HTTPServiceUnavailable(text=f"{MAX_SOCKETS} WebSockets are open already\n")
        self._count += 1
        session = Session(
            self._queue, self._knobs, self._start, self._most_bytes, self._folder / str(self._count)
        )
        leaver = self._queue.join(session.client, time.perf_counter())
        if leaver is None:
            most = self._queue.most_clients
            served = "1 client is" if most == 1 else f"{most} clients are"
            return await self._sockets.refuse(request, f"busy: {served} served; try again later")
        if leaver is not session.client:
            self._sessions[leaver].end(IDLE)
        self._log_change("connected", request)
        self._sessions[session.client] = session
        session.send_value("hello", self._about | {"settings": session.values()})
        try:
            return await self._sockets.serve(
                request, on_message=session.receive, send_messages=session.send_queued
            )
        finally:
            self._queue.leave(session.client)
            del self._sessions[session.client]
            session.close()
            self._log_change("disconnected", request)

    def _log_change(self, what: str, request: web.Request) -> None:
        """Log the change at once. After further changes within `QUIET_S`, log only the number of
        clients, once."""
        self._log_line(f"live {what}", f"page: {request.remote} {what}; {self._clients()}")
        has_more = self._quiet is not None
        if self._quiet is not None:
            self._quiet.cancel()
        self._quiet = asyncio.get_running_loop().call_later(QUIET_S, self._end_quiet, has_more)

    def _end_quiet(self, has_more: bool) -> None:
        self._quiet = None
        if has_more:
            self._log_line("live clients", f"page: {self._clients()}")

    def _clients(self) -> str:
        return f"{self._queue.clients} of {self._queue.most_clients} clients"


class Session:
    def __init__(
        self,
        queue: FairQueue,
        knobs: tuple[Knob, ...],
        start: LiveSettings,
        most_bytes: int,
        files: Path,
    ) -> None:
        """`files`: path prefix of the files that it writes."""
        self.client = Client(
            settings=start,
            deliver=lambda task, data: self._call_on_loop(self._queue_picture, data),
            lose=lambda task, reason: self._call_on_loop(self._send_lost, task.frame.index, reason),
            note=lambda line: self._call_on_loop(self.send_line, "note", line),
        )
        self._queue = queue
        self._knobs = knobs
        self._most_bytes = most_bytes
        self._files = files
        self._loop = asyncio.get_running_loop()
        self._texts: dict[str, str] = {}  # the newest message of each kind
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._pictures: deque[bytes] = deque(maxlen=MAX_PICTURES)
        self._unsent = 0
        self._ended = ""
        self._has_something = asyncio.Event()
        self._references = TokenBucket(1, 1 / REFERENCE_INTERVAL_S)
        self._written: deque[Path] = deque()

    # -- incoming -------------------------------------------------------------------------------

    def receive(self, data: Data) -> None:
        try:
            if isinstance(data, str):
                self._change(protocol.settings_in(data))
            else:
                self._take_picture(protocol.unpack(data, most_bytes=self._most_bytes))
        except ProtocolError as error:
            self.send_line("error", str(error))

    def _change(self, values: dict[str, Any]) -> None:
        settings, wrong = changed(self.client.settings, self._knobs, values)
        for line in wrong:
            self.send_line("error", line)
        self._apply(settings)

    def _take_picture(self, frame: Frame) -> None:
        if frame.kind == REFERENCE:
            self._take_reference(frame)
            return
        try:
            check_jpeg(frame)
        except ProtocolError as error:
            self._send_lost(frame.index, str(error))
        else:
            self._queue.offer(self.client, frame, time.perf_counter())

    def _take_reference(self, frame: Frame) -> None:
        """Use a picture for the IP-Adapter."""
        if not any(knob.control.name == "ip_image" for knob in self._knobs):
            raise ProtocolError("reference picture: the model has no IP-Adapter")
        if max(frame.width, frame.height) > MAX_REFERENCE_PX:
            raise ProtocolError(f"reference picture: its sides are at most {MAX_REFERENCE_PX} px")
        check_jpeg(frame)
        if not self._references.take(self._loop.time()):
            early = f"the last one came less than {REFERENCE_INTERVAL_S:g} s ago"
            raise ProtocolError(f"reference picture: {early}; choose it again")
        protocol.decode(frame)
        file = Path(f"{self._files}-{self.client.number + 1}.jpg")
        self._written.append(file)
        try:
            file.write_bytes(frame.jpeg)
        except OSError as error:
            raise ProtocolError(
                f"reference picture: the server cannot store it ({error.strerror})"
            ) from None
        self._apply(with_picture(self.client.settings, str(file)))
        while len(self._written) > 2:  # the painter may still use the previous one
            _remove(self._written.popleft())

    def _apply(self, settings: LiveSettings) -> None:
        self._queue.change(self.client, settings)
        self.send_value("settings", self.values())

    def values(self) -> dict[str, Any]:
        return {
            "number": self.client.number,
            "values": values_of(self.client.settings, self._knobs),
        }

    # -- outgoing -------------------------------------------------------------------------------

    def send_value(self, kind: str, value: object) -> None:
        """Queue a message; it replaces one of the same kind that is still queued."""
        self._texts[kind] = as_text(kind, value)
        self._has_something.set()

    def send_line(self, kind: str, value: object) -> None:
        """Queue a message after all others."""
        self._lines.append(as_text(kind, value))
        self._has_something.set()

    def end(self, reason: str) -> None:
        """Send the reason and close the connection."""
        self._ended = reason
        self._has_something.set()

    async def send_queued(self, send: Send) -> None:
        """Send queued messages until `end`, then raise CloseSocket."""
        state_due_s = 0.0
        while not self._ended:
            if not (self._texts or self._lines or self._pictures):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, state_due_s - self._loop.time())):
                        await self._has_something.wait()
            self._has_something.clear()
            texts = [*self._texts.values(), *self._lines]
            self._texts.clear()
            self._lines.clear()
            for text in texts:
                await send(text)
            # one per round, so that texts get through even if pictures arrive faster than they are
            # sent
            if self._pictures:
                await send(self._pictures.popleft())
            if self._loop.time() >= state_due_s:
                state_due_s = self._loop.time() + STATE_S
                await send(as_text("state", self._queue.state(self.client, unsent=self._unsent)))
        raise CloseSocket(self._ended)

    def close(self) -> None:
        for file in self._written:
            _remove(file)

    # -- from other threads ---------------------------------------------------------------------

    def _call_on_loop(self, call: Callable[..., None], *values: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, so no client is left
            self._loop.call_soon_threadsafe(call, *values)

    def _queue_picture(self, data: bytes) -> None:
        self._unsent += len(self._pictures) == MAX_PICTURES
        self._pictures.append(data)
        self._has_something.set()

    def _send_lost(self, index: int, reason: str) -> None:
        self.send_line("lost", {"index": index, "reason": reason})


def _remove(file: Path) -> None:
    # on Windows, while the painter reads it; then it is deleted with the folder
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)
