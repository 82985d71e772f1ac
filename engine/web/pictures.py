"""Pictures for viewers: /preview as a WebSocket, /stream.mjpg and /frame.jpg over HTTP. Event loop
only.

All take `?picture=main&fps=1..60&width=1..1280`; `picture` may also name one of the run's extra
pictures. `width` is rounded up to the next of `WIDTHS_PX`, so that many viewers share an encoded
picture.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping

from aiohttp import web

from engine.web.preview import PreviewTap, Viewer
from engine.web.serving.sockets import STUCK_S, Send, WebSockets, limit_send_buffer

BOUNDARY = "multiverse-frame"
MAX_VIEWERS = 16
PICTURE_TIMEOUT_S = 2.0  # of /frame.jpg
DEFAULT_FPS = 30
MAX_FPS = 60
WIDTHS_PX = (320, 480, 640, 960, 1280)


class Screen:
    """Receives the pictures for one viewer; holds the newest one."""

    def __init__(self, tap: PreviewTap, fps: int, width_px: int) -> None:
        self._tap = tap
        self._loop = asyncio.get_running_loop()
        # holds at most one: the next is delivered after is_ready
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue()
        self._viewer: Viewer = tap.watch(fps, width_px, self._deliver)

    def _deliver(self, jpeg: bytes) -> None:
        """Called on the encoder's thread."""
        self._loop.call_soon_threadsafe(self._arrived.put_nowait, jpeg)

    async def next(self) -> bytes:
        """Wait for a picture drawn after the previous one was taken."""
        return await self._arrived.get()

    def make_room(self) -> None:
        """Allow the next picture, because the last one has been sent."""
        self._viewer.is_ready = True

    def close(self) -> None:
        self._tap.leave(self._viewer)


class PictureStreams:
    def __init__(self, taps: Mapping[str, PreviewTap], sockets: WebSockets) -> None:
        self._taps = taps
        self._sockets = sockets

    async def send_preview(self, request: web.Request) -> web.StreamResponse:
        """Send one JPEG per message. Messages from the viewer are ignored."""
        try:
            with self._watching(request) as screen:

                async def send_messages(send: Send) -> None:
                    while True:
                        await send(await screen.next())
                        screen.make_room()

                return await self._sockets.serve(
                    request, on_message=lambda data: None, send_messages=send_messages
                )
        except PictureUnavailable as refusal:
            # A browser hides HTTP errors from the page, but not the reason of a closed WebSocket.
            return await self._sockets.refuse(request, refusal.why)

    async def send_stream(self, request: web.Request) -> web.StreamResponse:
        """Send Motion JPEG until the viewer disconnects."""
        response = web.StreamResponse(
            headers={"Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}"}
        )
        with self._watching(request) as screen:
            try:
                await response.prepare(request)
                limit_send_buffer(request)
                while True:
                    jpeg = await screen.next()
                    head = (
                        f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: "
                        f"{len(jpeg)}\r\n\r\n"
                    )
                    async with asyncio.timeout(STUCK_S):
                        await response.write(head.encode() + jpeg + b"\r\n")
                    screen.make_room()
            except (ConnectionError, TimeoutError):
                if request.transport is not None:
                    request.transport.abort()
        return response

    async def send_frame(self, request: web.Request) -> web.Response:
        """Send one picture, drawn after the request."""
        with self._watching(request) as screen:
            try:
                async with asyncio.timeout(PICTURE_TIMEOUT_S):
                    jpeg = await screen.next()
            except TimeoutError:
                raise PictureUnavailable("no picture is being drawn") from None
        return web.Response(body=jpeg, content_type="image/jpeg")

    @contextlib.contextmanager
    def _watching(self, request: web.Request) -> Iterator[Screen]:
        picture = request.query.get("picture", "main")
        tap = self._taps.get(picture)
        if tap is None:
            names = " and ".join(", ".join(self._taps).rsplit(", ", 1))
            raise PictureUnavailable(
                f"picture: {picture[:20]!r} does not exist; available: {names}"
            )
        fps = _whole_number(request, "fps", DEFAULT_FPS, MAX_FPS)
        width_px = _whole_number(request, "width", WIDTHS_PX[-1], WIDTHS_PX[-1])
        if sum(tap.viewers for tap in self._taps.values()) >= MAX_VIEWERS:
            raise PictureUnavailable(f"the limit of {MAX_VIEWERS} viewers is reached")
        screen = Screen(tap, fps, next(width for width in WIDTHS_PX if width >= width_px))
        try:
            yield screen
        finally:
            screen.close()


class PictureUnavailable(web.HTTPServiceUnavailable):
    """HTTP error 503: no picture can be sent to this viewer."""

    def __init__(self, why: str) -> None:
        super().__init__(text=f"{why}\n")
        self.why = why


def _whole_number(request: web.Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not (
        text.isascii()
        and text.isdecimal()
        and len(text) <= len(str(most))
        and 1 <= int(text) <= most
    ):
        raise PictureUnavailable(f"{name}: {text[:20]!r} is not a whole number from 1 to {most}")
    return int(text)
