"""Every WebSocket of the page's server: how many there are, how much each may send, how long it may sleep."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web

MAX_SOCKETS = 64
MAX_BYTES_PER_MESSAGE = 64 * 1024
HEARD_A_TURN = 16  # of one client, then it waits: a page sends some hundred messages a second, a flood ever so many
REST_S = 0.001  # where the frame loop gets the GIL, as between two readings of UDP
PING_S = 20.0  # between a client's last word and the question whether it is still there
STUCK_S = 10.0  # a client that takes nothing for so long is dropped: nobody should work for a sleeping phone
CLOSED_WITHIN_S = 0.2  # how long a client has to say goodbye
SEND_BUFFER_BYTES = 128 * 1024  # two pictures on their way; more is no faster, the viewer only sees older ones

Data = str | bytes
Send = Callable[[Data], Awaitable[None]]


class Farewell(Exception):
    """Raised by `speak`: the client is told why, at most 123 bytes, and goes."""


class WebSockets:
    """Event loop only."""

    def __init__(self, report: Callable[[str, str], None], *, most_bytes: int = MAX_BYTES_PER_MESSAGE) -> None:
        """`most_bytes`: of a message; a client that sends more is told so and goes."""
        self._report = report
        self._most_bytes = most_bytes
        self._open: set[web.WebSocketResponse] = set()

    @property
    def open(self) -> int:
        return len(self._open)

    async def serve(
        self, request: web.Request, *, hear: Callable[[Data], None], speak: Callable[[Send], Awaitable[None]]
    ) -> web.WebSocketResponse:
        """Talk until the client leaves, sends what is no WebSocket, or takes nothing for ten seconds.

        `hear` gets each message of the client, and never raises. `speak` gets what sends one to it: that waits until
        the client has room again; `speak` never returns, and is cancelled in the end. It may raise Farewell.
        """
        async with self._accepted(request) as answer:
            await self._talk(request, answer, hear, speak)
        return answer

    async def refuse(self, request: web.Request, reason: str) -> web.WebSocketResponse:
        """Answer a WebSocket with its end and a reason (at most 123 bytes), which a browser shows to its page."""
        async with self._accepted(request) as answer:
            await _take_leave(answer, reason)
        return answer

    @contextlib.asynccontextmanager
    async def _accepted(self, request: web.Request) -> AsyncIterator[web.WebSocketResponse]:
        if len(self._open) >= MAX_SOCKETS:
            raise web.HTTPServiceUnavailable(text=f"{MAX_SOCKETS} WebSockets are open already\n")
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        answer = web.WebSocketResponse(
            heartbeat=PING_S,
            timeout=CLOSED_WITHIN_S,
            max_msg_size=self._most_bytes + 1,  # what has this size is refused already
            # A few bytes can be megabytes once they are decompressed; and JPEGs and small packets gain nothing.
            compress=False,
            writer_limit=0,  # wait after any message that fills the buffer
            # Browsers hang up when none of what they offer is taken; aiohttp logs a line for each such client.
            protocols=[protocol.strip() for protocol in offered.split(",")] if offered else (),
        )
        self._open.add(answer)
        try:
            try:
                await answer.prepare(request)
            except ConnectionError:  # it hung up before it had its answer: no fault
                raise web.HTTPBadRequest from None
            hold_little(request)
            yield answer
        finally:
            self._open.discard(answer)

    async def _talk(
        self,
        request: web.Request,
        answer: web.WebSocketResponse,
        hear: Callable[[Data], None],
        speak: Callable[[Send], Awaitable[None]],
    ) -> None:
        speaking = asyncio.ensure_future(_spoken(answer, speak))
        speaking.add_done_callback(partial(_hang_up, request))  # which ends the listening below
        heard = 0
        try:
            async for message in answer:
                heard += 1
                if heard % HEARD_A_TURN == 0:  # what comes meanwhile waits with the client
                    await asyncio.sleep(REST_S)
                if message.type is not WSMsgType.ERROR:
                    hear(message.data)
                elif isinstance(message.data, WebSocketError):  # else it is gone: a phone that sleeps answers no ping
                    fault = f"not WebSocket as it should be: {message.data}"
                    self._report("web request", f"page: {request.remote}: {fault}")
        finally:
            speaking.cancel()
            # A client that is gone, or was taken for gone, is no error.
            with contextlib.suppress(asyncio.CancelledError, ConnectionError, TimeoutError):
                await speaking

    async def close_all(self) -> None:
        """Tell every client that the server goes; wait for none of them long."""
        closing = [asyncio.create_task(answer.close(code=WSCloseCode.GOING_AWAY)) for answer in self._open]
        if closing:
            await asyncio.wait(closing, timeout=CLOSED_WITHIN_S)


def hold_little(request: web.Request) -> None:
    """Let what a slow client does not take wait with us, where something newer may take its place, not in buffers."""
    if request.transport is None:
        return
    request.transport.set_write_buffer_limits(high=0)
    connection = request.transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


async def _send(answer: web.WebSocketResponse, data: Data) -> None:
    async with asyncio.timeout(STUCK_S):
        await (answer.send_str(data) if isinstance(data, str) else answer.send_bytes(data))


async def _spoken(answer: web.WebSocketResponse, speak: Callable[[Send], Awaitable[None]]) -> None:
    try:
        await speak(partial(_send, answer))
    except Farewell as farewell:
        await _take_leave(answer, str(farewell))


async def _take_leave(answer: web.WebSocketResponse, reason: str) -> None:
    await answer.close(code=WSCloseCode.TRY_AGAIN_LATER, message=reason.encode()[:123])


def _hang_up(request: web.Request, speaking: asyncio.Future[None]) -> None:
    if not speaking.cancelled() and request.transport is not None:
        request.transport.abort()
