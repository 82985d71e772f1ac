"""OSCQuery over HTTP and WebSocket: the transport. What is said is engine/query's. Event loop only."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aiohttp import web

from engine.web.alarm import Alarm
from engine.web.serving.admission import reached_at
from engine.web.serving.sockets import Data, Send, WebSockets

if TYPE_CHECKING:
    from engine.control.query import QueryHub, QueryTree


class OscQuery:
    def __init__(
        self, tree: "QueryTree", hub: "QueryHub", host_info: Callable[[str], Mapping[str, object]], sockets: WebSockets
    ) -> None:
        """`host_info(address)`: HOST_INFO for a client that reached this machine at that address."""
        self._tree = tree
        self._hub = hub
        self._host_info = host_info
        self._sockets = sockets

    async def send_node(self, request: web.Request) -> web.Response:
        """A node, or one attribute of it."""
        answer = self._tree.answer(request.path, attribute_of(request), self._host_info(reached_at(request)))
        return web.Response(body=answer.body, status=answer.status, content_type="application/json")

    async def talk(self, request: web.Request) -> web.StreamResponse:
        """LISTEN and the like as JSON text, OSC packets as binary messages, both ways."""
        alarm = Alarm()
        peer = self._hub.connect(_name_of(request), alarm.ring)

        def hear(data: Data) -> None:
            if isinstance(data, str):
                peer.receive_text(data)
            else:
                peer.receive_binary(data)

        async def speak(send: Send) -> None:
            while True:
                await alarm.wait()
                for data in peer.take():
                    await send(data)

        try:
            return await self._sockets.serve(request, hear=hear, speak=speak)
        finally:
            peer.close()


def attribute_of(request: web.Request) -> str | None:
    """The word behind the `?`, whatever follows its `=` (`VALUE=`, libossia's `HOST_INFO=1`), but for the token."""
    words = (unquote(word.partition("=")[0]) for word in request.rel_url.raw_query_string.split("&"))
    return "&".join(word for word in words if word not in ("", "token")) or None


def _name_of(request: web.Request) -> str:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return "ws {}:{}".format(*peer[:2]) if peer else "ws"
