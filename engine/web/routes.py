"""What the page's server answers. Runs on the web thread's event loop."""

import asyncio
import importlib.resources
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from engine.web.broadcast import Broadcast
from engine.web.hosts import is_our_host
from engine.web.preview import PreviewTap

BOUNDARY = "multiverse-frame"
MOST_STREAMS = 16
PICTURE_TIMEOUT_S = 2.0  # how long /frame.jpg waits for the frame loop
STUCK_S = 10.0  # a viewer that takes nothing for so long is dropped: nobody should draw for a sleeping phone
NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Routes:
    def __init__(
        self,
        tap: PreviewTap,
        broadcast: Broadcast,
        status: Callable[[], object],
        report: Callable[[str, str], None],
    ) -> None:
        self._tap = tap
        self._broadcast = broadcast
        self._status = status
        self._report = report
        self._streams = 0
        self._page = (importlib.resources.files("engine.web") / "page.html").read_text(encoding="utf-8")

    def build_app(self, *, bound_to: str, allowed_hosts: Collection[str]) -> web.Application:
        @web.middleware
        async def check_host(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            if not is_our_host(request.headers.get("Host"), bound_to=bound_to, allowed=allowed_hosts):
                raise web.HTTPForbidden(text="this host name is not served here\n")
            return await handler(request)

        app = web.Application(middlewares=[check_host], client_max_size=64 * 1024)
        app.router.add_get("/", self.send_page)
        app.router.add_get("/stream.mjpg", self.send_stream)
        app.router.add_get("/frame.jpg", self.send_frame)
        app.router.add_get("/status.json", self.send_status)
        return app

    async def send_page(self, request: web.Request) -> web.Response:
        return web.Response(text=self._page, content_type="text/html", headers=NO_STORE)

    async def send_status(self, request: web.Request) -> web.Response:
        # msgspec writes infinities (a silent level in dB) as null, which JSON can carry.
        return web.Response(body=msgspec.json.encode(self._status()), content_type="application/json", headers=NO_STORE)

    async def send_frame(self, request: web.Request) -> web.Response:
        async with self._watching():
            try:
                async with asyncio.timeout(PICTURE_TIMEOUT_S):
                    _, jpeg = await self._broadcast.next_after(self._broadcast.serial)
            except TimeoutError:
                raise web.HTTPServiceUnavailable(text="no picture is being drawn\n") from None
        return web.Response(body=jpeg, content_type="image/jpeg", headers=NO_STORE)

    async def send_stream(self, request: web.Request) -> web.StreamResponse:
        """Motion JPEG until the viewer leaves."""
        if self._streams >= MOST_STREAMS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_STREAMS} viewers are watching already\n")
        response = web.StreamResponse(
            headers={**NO_STORE, "Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}"}
        )
        async with self._watching():
            self._streams += 1
            try:
                await response.prepare(request)
                await self._send_pictures(response)
            except (ConnectionError, TimeoutError):
                if request.transport is not None:
                    request.transport.abort()
            finally:
                self._streams -= 1
        return response

    async def _send_pictures(self, response: web.StreamResponse) -> None:
        serial = self._broadcast.serial
        while True:
            serial, jpeg = await self._broadcast.next_after(serial)
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            async with asyncio.timeout(STUCK_S):
                await response.write(head.encode() + jpeg + b"\r\n")

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        self._tap.add_watcher()
        try:
            yield
        finally:
            self._tap.remove_watcher()
