"""OSCQuery over HTTP and WebSocket. Transport only: engine/control/query creates the answers. Event
loop only."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aiohttp import web

from engine.web.serving.admission import reached_at
from engine.web.serving.sockets import Data, Send, WebSockets

if TYPE_CHECKING:
    from engine.control.query import QueryClients, QueryTree


class Alarm:
    """An event that any thread can set and one task waits for."""

    def __init__(self) -> None:
        """Create it on the event loop."""
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()
        self._is_ringing = False

    def ring(self) -> None:
        """Wake the waiting task. Any thread; repeated calls before the task wakes cost almost
        nothing."""
        if not self._is_ringing:
            self._is_ringing = True
            with contextlib.suppress(RuntimeError):  # the loop and its task have ended
                self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self) -> None:
        """Wait for `ring`. The caller must check for new data afterwards, so that none is
        missed."""
        await self._rung.wait()
        self._rung.clear()
        self._is_ringing = False


@dataclass(frozen=True, slots=True)
class OscQuery:
    _tree: "QueryTree"
    _hub: "QueryClients"
    _host_info: Callable[[str], Mapping[str, object]]
    """`host_info(address)`: HOST_INFO for a client that connected to that address of this
    machine."""
    _sockets: WebSockets

    async def send_node(self, request: web.Request) -> web.Response:
        answer = self._tree.answer(
            request.path, attribute_of(request), self._host_info(reached_at(request))
        )
        return web.Response(body=answer.body, status=answer.status, content_type="application/json")

    async def serve_socket(self, request: web.Request) -> web.StreamResponse:
        """Exchange commands such as LISTEN as JSON text and OSC packets as binary messages."""
        alarm = Alarm()
        peer = self._hub.connect(_name_of(request), alarm.ring)

        def on_message(data: Data) -> None:
            if isinstance(data, str):
                peer.receive_text(data)
            else:
                peer.receive_binary(data)

        async def send_messages(send: Send) -> None:
            while True:
                await alarm.wait()
                for data in peer.take():
                    await send(data)

        try:
            return await self._sockets.serve(
                request, on_message=on_message, send_messages=send_messages
            )
        finally:
            peer.close()


def attribute_of(request: web.Request) -> str | None:
    """The attribute after `?`, without `=` and its value (libossia sends `HOST_INFO=1`), and
    without the token."""
    keys = (unquote(key.partition("=")[0]) for key in request.rel_url.raw_query_string.split("&"))
    return "&".join(key for key in keys if key not in ("", "token")) or None


def _name_of(request: web.Request) -> str:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return "ws {}:{}".format(*peer[:2]) if peer else "ws"
