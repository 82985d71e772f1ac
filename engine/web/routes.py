"""The URLs of the engine's page. Event loop only."""

import zlib
from dataclasses import dataclass

import numpy as np
from aiohttp import web

from engine.system.reporting import Report
from engine.web.live import LiveFeed, as_json
from engine.web.osc_query import OscQuery, attribute_of
from engine.web.pictures import PictureStreams
from engine.web.preview import encode_preview
from engine.web.served import Served
from engine.web.serving.access import Access
from engine.web.serving.admission import Admission, add_headers
from engine.web.serving.page_files import ONLY_OUR_SCRIPTS, PageFile, load_page
from engine.web.serving.sockets import WebSockets

MAX_BODY_BYTES = 1024  # no request here has a body


@dataclass(kw_only=True)
class Routes:
    served: Served
    access: Access
    sockets: WebSockets
    pictures: PictureStreams
    live: LiveFeed
    osc_query: OscQuery
    cookie: str
    """Name of the browser's cookie for the token."""
    report: Report

    def __post_init__(self) -> None:
        self._admission = Admission(self.access, self.cookie, self.report, self._is_osc)
        self._page = load_page("engine.web")

    def build_app(self) -> web.Application:
        app = web.Application(middlewares=[self._admission.admit], client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/page/{path:.*}", self.send_page_file)
        app.router.add_get("/frame.jpg", self.pictures.send_frame)
        app.router.add_get("/stream.mjpg", self.pictures.send_stream, allow_head=False)
        app.router.add_get("/status.json", self.send_status)
        app.router.add_get("/presets/pictures.json", self.send_preset_pictures)
        app.router.add_get("/presets/{name}.jpg", self.send_preset_picture)
        app.router.add_get("/shaders/pictures.json", self.send_shader_pictures)
        app.router.add_get("/shaders/picture.jpg", self.send_shader_picture)
        app.router.add_get("/preview", self.pictures.send_preview, allow_head=False)
        app.router.add_get("/live", self.live.serve, allow_head=False)
        app.router.add_get("/{path:.*}", self.send_page_or_node)
        app.on_response_prepare.append(add_headers)
        app.on_shutdown.append(self._close_sockets)
        return app

    async def send_page_or_node(self, request: web.Request) -> web.StreamResponse:
        """Send the page to a browser, and an OSCQuery node to any other program."""
        if _is_websocket(request):
            return await self.osc_query.serve_socket(request)
        if not _is_for_page(request):
            return await self.osc_query.send_node(request)
        response = _response_of(self._page["index.html"])
        response.headers["Content-Security-Policy"] = ONLY_OUR_SCRIPTS
        self._admission.remember(request, response)
        return response

    def _is_osc(self, request: web.Request) -> bool:
        """True if OSCQuery answers the request: a node as JSON, or OSC over a WebSocket."""
        is_either = request.match_info.handler == self.send_page_or_node
        return is_either and (_is_websocket(request) or not _is_for_page(request))

    async def send_page_file(self, request: web.Request) -> web.Response:
        file = self._page.get(request.match_info["path"])
        if file is None:
            raise web.HTTPNotFound(text="the page has no such file\n")
        return _response_of(file)

    async def send_status(self, request: web.Request) -> web.Response:
        return web.Response(text=as_json(self.served.status()), content_type="application/json")

    async def send_preset_pictures(self, request: web.Request) -> web.Response:
        """Send the version of each picture, by the name of its preset."""
        versions = {
            name: picture.version for name, picture in self.served.preset_pictures().items()
        }
        return web.Response(text=as_json(versions), content_type="application/json")

    async def send_preset_picture(self, request: web.Request) -> web.Response:
        picture = self.served.preset_pictures().get(request.match_info["name"])
        if picture is None:
            raise web.HTTPNotFound(text="no preset of that name has a picture\n")
        return web.Response(body=picture.jpeg, content_type="image/jpeg")

    async def send_shader_pictures(self, request: web.Request) -> web.Response:
        """Send the names of the shaders that have a picture, each with a version."""
        versions = {
            name: str(zlib.crc32(rgb.data)) for name, rgb in self.served.shader_pictures().items()
        }
        return web.Response(text=as_json(versions), content_type="application/json")

    async def send_shader_picture(self, request: web.Request) -> web.Response:
        """Send the thumbnail of `?name=NAME`, which may contain a slash."""
        rgb = self.served.shader_pictures().get(request.query.get("name", ""))
        if rgb is None:
            raise web.HTTPNotFound(text="no shader of that name has been tested\n")
        rgba = np.dstack((rgb, np.full(rgb.shape[:2], 255, np.uint8)))
        return web.Response(body=encode_preview(rgba), content_type="image/jpeg")

    async def _close_sockets(self, app: web.Application) -> None:
        await self.sockets.close_all()


def _is_websocket(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").casefold() == "websocket"


def _is_for_page(request: web.Request) -> bool:
    is_browser = "text/html" in request.headers.get("Accept", "")
    return request.path == "/" and is_browser and attribute_of(request) is None


def _response_of(file: PageFile) -> web.Response:
    return web.Response(body=file.body, headers={"Content-Type": file.content_type})
