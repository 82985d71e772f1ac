"""What the server of `multiverse video --web` answers, and to whom. Runs on the web thread's event loop."""

from collections.abc import Callable

import msgspec
from aiohttp import web

from engine.jobs.video.live.visits import Visits
from engine.web.serving.access import Access
from engine.web.serving.admission import Admission, add_headers
from engine.web.serving.page_files import ONLY_OUR_SCRIPTS, load_page
from engine.web.serving.sockets import WebSockets

MAX_BODY_BYTES = 1024  # nothing that is answered has a body
OWN_FILES_PLAY = "media-src 'self' blob:"  # a video that was chosen plays from a blob: of the page's own


class Routes:
    def __init__(
        self,
        *,
        access: Access,
        sockets: WebSockets,
        visits: Visits,
        status: Callable[[], object],
        cookie: str,
        report: Callable[[str, str], None],
    ) -> None:
        """`cookie`: the name under which a browser keeps the token."""
        self._admission = Admission(access, cookie=cookie, report=report)
        self._sockets = sockets
        self._visits = visits
        self._status = status
        self._page = load_page("engine.jobs.video.live")

    def build_app(self) -> web.Application:
        app = web.Application(middlewares=[self._admission.admit], client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/", self.send_there)
        app.router.add_get("/live", self.send_page_or_talk)
        app.router.add_get("/live/socket", self._visits.serve, allow_head=False)
        app.router.add_get("/page/{path:.*}", self.send_page_file)
        app.router.add_get("/status.json", self.send_status)
        app.on_response_prepare.append(add_headers)
        app.on_shutdown.append(self._close_sockets)
        return app

    async def send_there(self, request: web.Request) -> web.Response:
        raise web.HTTPFound(request.rel_url.with_path("/live", keep_query=True))  # with its token

    async def send_page_or_talk(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").casefold() == "websocket":
            return await self._visits.serve(request)
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
