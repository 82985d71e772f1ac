"""Every WebSocket of the page's server: how many there are, how much each may send, how long it may sleep."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from aiohttp import WSCloseCode, WSMsgType, web

MOST_SOCKETS = 64
MOST_BYTES_A_MESSAGE = 64 * 1024
PING_S = 20.0  # between a client's last word and the question whether it is still there
STUCK_S = 10.0  # a client that takes nothing for so long is dropped: nobody should work for a sleeping phone
CLOSED_WITHIN_S = 0.2  # how long a client has to say goodbye
WAITING_BYTES = 64 * 1024  # on the way to one client, in our memory, and again so much in the system's

Data = str | bytes
Send = Callable[[Data], Awaitable[None]]


class WebSockets:
    """Event loop only."""

    def __init__(self, report: Callable[[str, str], None]) -> None:
        self._report = report
        self._open: set[web.WebSocketResponse] = set()

    @property
    def open(self) -> int:
        return len(self._open)

    async def serve(
        self, request: web.Request, *, hear: Callable[[Data], None], speak: Callable[[Send], Awaitable[None]]
    ) -> web.WebSocketResponse:
        """Talk until the client leaves, sends what is no WebSocket, or takes nothing for ten seconds.

        `hear` gets each message of the client, and never raises. `speak` gets what sends one to it: that waits until
        the client has room again; `speak` never returns, and is cancelled in the end.
        """
        async with self._accepted(request) as socket:
            await self._talk(request, socket, hear, speak)
        return socket

    async def refuse(self, request: web.Request, reason: str) -> web.WebSocketResponse:
        """Answer a WebSocket with its end and a reason (at most 123 bytes), which a browser shows to its page."""
        async with self._accepted(request) as socket:
            await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=reason.encode()[:123])
        return socket

    @contextlib.asynccontextmanager
    async def _accepted(self, request: web.Request) -> AsyncIterator[web.WebSocketResponse]:
        if len(self._open) >= MOST_SOCKETS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_SOCKETS} WebSockets are open already\n")
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        socket = web.WebSocketResponse(
            heartbeat=PING_S,
            timeout=CLOSED_WITHIN_S,
            max_msg_size=MOST_BYTES_A_MESSAGE,
            # A few bytes can be megabytes once they are decompressed; and JPEGs and small packets gain nothing.
            compress=False,
            writer_limit=0,  # wait after any message that fills the buffer
            # Browsers hang up when none of what they offer is taken; aiohttp logs a line for each such client.
            protocols=[protocol.strip() for protocol in offered.split(",")] if offered else (),
        )
        self._open.add(socket)
        try:
            await socket.prepare(request)
            yield socket
        finally:
            self._open.discard(socket)

    async def _talk(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        hear: Callable[[Data], None],
        speak: Callable[[Send], Awaitable[None]],
    ) -> None:
        speaking = asyncio.ensure_future(speak(partial(_send, socket)))
        speaking.add_done_callback(partial(_hang_up, request))  # which ends the listening below
        try:
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    fault = f"not WebSocket as it should be: {message.data}"
                    self._report("web request", f"page: {request.remote}: {fault}")
                else:
                    hear(message.data)
        finally:
            speaking.cancel()
            # A client that is gone, or was taken for gone, is no error.
            with contextlib.suppress(asyncio.CancelledError, ConnectionError, TimeoutError):
                await speaking

    async def close_all(self) -> None:
        """Tell every client that the server goes; wait for none of them long."""
        closing = [asyncio.create_task(socket.close(code=WSCloseCode.GOING_AWAY)) for socket in self._open]
        if closing:
            await asyncio.wait(closing, timeout=CLOSED_WITHIN_S)


async def _send(socket: web.WebSocketResponse, data: Data) -> None:
    async with asyncio.timeout(STUCK_S):
        await (socket.send_str(data) if isinstance(data, str) else socket.send_bytes(data))


def _hang_up(request: web.Request, speaking: asyncio.Future[None]) -> None:
    if not speaking.cancelled() and request.transport is not None:
        request.transport.abort()
