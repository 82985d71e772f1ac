"""URLs of `multiverse video --web`. Runs on the web thread's event loop."""

from collections.abc import Callable

import msgspec
from aiohttp import web

from engine.jobs.video.live.sessions import Sessions
from engine.system.reporting import Report
from engine.web.serving.access import Access
from engine.web.serving.admission import Admission, add_headers
from engine.web.serving.page_files import ONLY_OUR_SCRIPTS, load_page
from engine.web.serving.sockets import WebSockets

MAX_BODY_BYTES = 1024  # no request has a body
OWN_FILES_PLAY = "media-src 'self' blob:"  # a chosen video file is played from a blob: URL


class LiveRoutes:
    def __init__(
        self,
        *,
        access: Access,
        sockets: WebSockets,
        sessions: Sessions,
        status: Callable[[], object],
        cookie: str,
        report: Report,
    ) -> None:
        """`cookie`: the name of the browser's cookie for the token."""
        self._admission = Admission(access, cookie=cookie, report=report)
        self._sockets = sockets
        self._sessions = sessions
        self._status = status
        self._page = load_page("engine.jobs.video.live")

    def build_app(self) -> web.Application:
        app = web.Application(middlewares=[self._admission.admit], client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/", self.redirect)
        app.router.add_get("/live", self.serve_page_or_socket)
        app.router.add_get("/live/socket", self._sessions.serve, allow_head=False)
        app.router.add_get("/page/{path:.*}", self.send_page_file)
        app.router.add_get("/status.json", self.send_status)
        app.on_response_prepare.append(add_headers)
        app.on_shutdown.append(self._close_sockets)
        return app

    async def redirect(self, request: web.Request) -> web.Response:
        raise web.HTTPFound(request.rel_url.with_path("/live", keep_query=True))  # keep the token

    async def serve_page_or_socket(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").casefold() == "websocket":
            return await self._sessions.serve(request)
        response = self._file("index.html")
        response.headers["Content-Security-Policy"] = f"{ONLY_OUR_SCRIPTS}; {OWN_FILES_PLAY}"
        response.headers["Permissions-Policy"] = "camera=(self), microphone=(), geolocation=()"
        self._admission.remember(request, response)
        return response

    async def send_page_file(self, request: web.Request) -> web.Response:
        return self._file(request.match_info["path"])

    async def send_status(self, request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self._status()), content_type="application/json")

    def _file(self, path: str) -> web.Response:
        file = self._page.get(path)
        if file is None:
            raise web.HTTPNotFound(text="the page has no such file\n")
        return web.Response(body=file.body, headers={"Content-Type": file.content_type})

    async def _close_sockets(self, app: web.Application) -> None:
        await self._sockets.close_all()
