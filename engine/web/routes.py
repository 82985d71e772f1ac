"""What the page's server answers, and to whom. Runs on the web thread's event loop."""

import importlib.resources
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from engine.web.access import Access, FetchMetadata
from engine.web.live import LiveFeed
from engine.web.osc_query import OscQuery, attribute_of
from engine.web.page_files import ONLY_OUR_SCRIPTS, PageFile, load_page
from engine.web.pictures import Pictures
from engine.web.sockets import WebSockets

MOST_BODY_BYTES = 1024  # nothing that is answered has a body
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Routes:
    def __init__(
        self,
        *,
        access: Access,
        sockets: WebSockets,
        pictures: Pictures,
        live: LiveFeed,
        osc_query: OscQuery,
        status: Callable[[], object],
        cookie: str,
        report: Callable[[str, str], None],
    ) -> None:
        """`cookie`: the name under which a browser keeps the token."""
        self._access = access
        self._sockets = sockets
        self._pictures = pictures
        self._live = live
        self._osc_query = osc_query
        self._status = status
        self._cookie = cookie
        self._report = report
        self._page = load_page(importlib.resources.files("engine.web") / "page")

    def build_app(self) -> web.Application:
        app = web.Application(middlewares=[self._admit], client_max_size=MOST_BODY_BYTES)
        app.router.add_get("/page/{path:.*}", self.send_page_file)
        app.router.add_get("/frame.jpg", self._pictures.send_frame)
        app.router.add_get("/stream.mjpg", self._pictures.send_stream, allow_head=False)
        app.router.add_get("/status.json", self.send_status)
        app.router.add_get("/preview", self._pictures.send_preview, allow_head=False)
        app.router.add_get("/live", self._live.serve, allow_head=False)
        app.router.add_get("/{path:.*}", self.send_page_or_node)
        app.on_response_prepare.append(_add_headers)
        app.on_shutdown.append(self._close_sockets)
        return app

    async def send_page_or_node(self, request: web.Request) -> web.StreamResponse:
        """The page for a browser, OSCQuery for every other program."""
        if request.headers.get("Upgrade", "").casefold() == "websocket":
            return await self._osc_query.talk(request)
        accepted = request.headers.get("Accept", "")
        if request.path != "/" or "text/html" not in accepted or attribute_of(request) is not None:
            return await self._osc_query.send_node(request)
        response = _response_of(self._page["index.html"])
        response.headers["Content-Security-Policy"] = ONLY_OUR_SCRIPTS
        token = request.query.get("token")
        if token is not None and self._access.is_token(token):  # what the page loads and opens has no token in its URL
            response.set_cookie(self._cookie, token, httponly=True, samesite="Strict")
        return response

    async def send_page_file(self, request: web.Request) -> web.Response:
        file = self._page.get(request.match_info["path"])
        if file is None:
            raise web.HTTPNotFound(text="the page has no such file\n")
        return _response_of(file)

    async def send_status(self, request: web.Request) -> web.Response:
        # msgspec writes infinities (a silent level in dB) as null, which JSON can carry.
        return web.Response(body=msgspec.json.encode(self._status()), content_type="application/json")

    @web.middleware
    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        peer = request.remote or ""
        refusal = self._access.refusal(
            peer=peer,
            host=request.headers.get("Host"),
            origin=request.headers.get("Origin"),
            tokens=(request.query.get("token"), _bearer(request), request.cookies.get(self._cookie)),
            fetch=FetchMetadata(
                site=request.headers.get("Sec-Fetch-Site"),
                mode=request.headers.get("Sec-Fetch-Mode"),
                destination=request.headers.get("Sec-Fetch-Dest"),
            ),
        )
        if refusal is None:
            return await handler(request)
        self._report("web refused", f"page: {peer} refused: {refusal.reason}")
        if refusal.status == 401:
            raise web.HTTPUnauthorized(text=f"{refusal.reason}\n", headers={"WWW-Authenticate": "Bearer"})
        raise web.HTTPForbidden(text=f"{refusal.reason}\n")

    async def _close_sockets(self, app: web.Application) -> None:
        await self._sockets.close_all()


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def _response_of(file: PageFile) -> web.Response:
    return web.Response(body=file.body, headers={"Content-Type": file.content_type})


def _bearer(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.casefold() == "bearer" else None
