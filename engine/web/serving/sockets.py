"""WebSockets of a page's server, with limits on their number, message size, message rate and idle
time."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web

from engine.system.reporting import Report

MAX_SOCKETS = 64
MAX_BYTES_PER_MESSAGE = 64 * 1024
# messages from one client before a pause; a page sends a few hundred per second, a flood far more
BURST = 16
PAUSE_S = 0.001  # lets the frame loop take the GIL, as between two UDP reads
PING_S = (
    20.0  # a client that has sent nothing for this long gets a ping, and half of this to answer
)
# of a page, which may hold looks on air: it is left 2 s after its network, and plays nothing later
PAGE_PING_S = 1.3
STUCK_S = (
    10.0  # a client that reads nothing for this long is disconnected; it may be a sleeping phone
)
CLOSED_WITHIN_S = 0.2  # timeout of the closing handshake
SEND_BUFFER_BYTES = 128 * 1024  # two pictures; more would not be faster and only add latency

Data = str | bytes
Send = Callable[[Data], Awaitable[None]]


class CloseSocket(Exception):
    """Raised by `send_messages` to close the connection; the text, at most 123 bytes, is sent as
    the reason."""


class WebSockets:
    """All open WebSockets of a page's server. Event loop only."""

    def __init__(self, report: Report, *, most_bytes: int = MAX_BYTES_PER_MESSAGE) -> None:
        """`most_bytes`: maximum message size; a larger message closes the connection with that as
        the reason."""
        self._report = report
        self._most_bytes = most_bytes
        self._open: set[web.WebSocketResponse] = set()

    @property
    def open(self) -> int:
        return len(self._open)

    async def serve(
        self,
        request: web.Request,
        *,
        on_message: Callable[[Data], None],
        send_messages: Callable[[Send], Awaitable[None]],
    ) -> web.WebSocketResponse:
        """Exchange messages until the client disconnects, breaks the protocol, or reads nothing for
        ten seconds.

        `on_message` is called with each message from the client and must not raise. `send_messages`
        gets a function that sends one message and waits while the client is slow. It must not
        return; it is cancelled at the end, and may raise CloseSocket.
        """
        async with self._accepted(request) as answer:
            await self._talk(request, answer, on_message, send_messages)
        return answer

    async def refuse(self, request: web.Request, reason: str) -> web.WebSocketResponse:
        """Accept a WebSocket and close it with a reason (at most 123 bytes), which the page can
        read."""
        async with self._accepted(request) as answer:
            await _close_with(answer, reason)
        return answer

    @contextlib.asynccontextmanager
    async def _accepted(self, request: web.Request) -> AsyncIterator[web.WebSocketResponse]:
        if len(self._open) >= MAX_SOCKETS:
            raise web.HTTPServiceUnavailable(
                text=f"the limit of {MAX_SOCKETS} WebSockets is reached\n"
            )
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        answer = web.WebSocketResponse(
            heartbeat=PAGE_PING_S if "page" in request.query else PING_S,
            timeout=CLOSED_WITHIN_S,
            max_msg_size=self._most_bytes + 1,  # aiohttp refuses messages of this size
            # A few compressed bytes can expand to megabytes, and JPEGs and small packets gain
            # nothing.
            compress=False,
            writer_limit=0,  # each send waits until the buffer has drained
            # Browsers disconnect if none of their protocols is chosen, and aiohttp logs a line for
            # each such client.
            protocols=[protocol.strip() for protocol in offered.split(",")] if offered else (),
        )
        self._open.add(answer)
        try:
            try:
                await answer.prepare(request)
            except ConnectionError:  # the client disconnected before the answer: not an error
                raise web.HTTPBadRequest from None
            limit_send_buffer(request)
            yield answer
        finally:
            self._open.discard(answer)

    async def _talk(
        self,
        request: web.Request,
        answer: web.WebSocketResponse,
        on_message: Callable[[Data], None],
        send_messages: Callable[[Send], Awaitable[None]],
    ) -> None:
        sending = asyncio.ensure_future(_run_sender(answer, send_messages))
        sending.add_done_callback(partial(_abort, request))  # ends the loop below
        received = 0
        try:
            async for message in answer:
                received += 1
                if received % BURST == 0:  # meanwhile messages queue at the client
                    await asyncio.sleep(PAUSE_S)
                if message.type is not WSMsgType.ERROR:
                    on_message(message.data)
                elif isinstance(
                    message.data, WebSocketError
                ):  # else no pong came: a sleeping phone
                    fault = f"invalid WebSocket message: {message.data}"
                    self._report("web request", f"page: {request.remote}: {fault}")
        finally:
            sending.cancel()
            # A client that disconnected, or timed out, is not an error.
            with contextlib.suppress(asyncio.CancelledError, ConnectionError, TimeoutError):
                await sending

    async def close_all(self) -> None:
        """Close all connections as going away, with a short timeout."""
        closing = [
            asyncio.create_task(answer.close(code=WSCloseCode.GOING_AWAY)) for answer in self._open
        ]
        if closing:
            await asyncio.wait(closing, timeout=CLOSED_WITHIN_S)


def limit_send_buffer(request: web.Request) -> None:
    """Keep the send buffers small, so that data for a slow client is queued here, where newer data
    can replace it."""
    if request.transport is None:
        return
    request.transport.set_write_buffer_limits(high=0)
    connection = request.transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


async def _send(answer: web.WebSocketResponse, data: Data) -> None:
    # aiohttp (3.14) would send it behind a close that still waits for a slow client. Any other
    # error would abort that.
    if answer.closed:
        raise asyncio.CancelledError
    async with asyncio.timeout(STUCK_S):
        await (answer.send_str(data) if isinstance(data, str) else answer.send_bytes(data))


async def _run_sender(
    answer: web.WebSocketResponse, send_messages: Callable[[Send], Awaitable[None]]
) -> None:
    try:
        await send_messages(partial(_send, answer))
    except CloseSocket as reason:
        await _close_with(answer, str(reason))


async def _close_with(answer: web.WebSocketResponse, reason: str) -> None:
    await answer.close(code=WSCloseCode.TRY_AGAIN_LATER, message=reason.encode()[:123])


def _abort(request: web.Request, sending: asyncio.Future[None]) -> None:
    if not sending.cancelled() and request.transport is not None:
        request.transport.abort()
