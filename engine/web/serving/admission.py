"""Admits or refuses each request, and adds headers that keep answers private."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from engine.system.reporting import Report
from engine.web.serving.access import Access, FetchMetadata

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

THROUGH_A_PROXY = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Admission:
    """The middleware that checks requests. Event loop only."""

    access: Access
    cookie: str
    """Name of the browser's cookie for the token."""
    report: Report
    is_osc: Callable[[web.Request], bool] = lambda request: False
    """True for OSCQuery requests."""

    @web.middleware
    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        peer = request.remote or ""
        refusal = self.access.refusal(
            peer=peer,
            host=_named_host(request),
            origin=request.headers.get("Origin"),
            tokens=(request.query.get("token"), _bearer(request), request.cookies.get(self.cookie)),
            fetch=FetchMetadata(
                site=request.headers.get("Sec-Fetch-Site"),
                mode=request.headers.get("Sec-Fetch-Mode"),
                destination=request.headers.get("Sec-Fetch-Dest"),
            ),
            osc_at=reached_at(request)
            if peer and self.is_osc(request) and not _is_forwarded(request)
            else None,
        )
        if refusal is None:
            return await handler(request)
        self.report("web refused", f"page: {peer} refused: {refusal.reason}")
        if refusal.status == 401:
            raise web.HTTPUnauthorized(
                text=f"{refusal.reason}\n", headers={"WWW-Authenticate": "Bearer"}
            )
        raise web.HTTPForbidden(text=f"{refusal.reason}\n")

    def remember(self, request: web.Request, response: web.StreamResponse) -> None:
        """Store the URL's token in a cookie, because later requests of the page do not have it in
        their URL."""
        token = request.query.get("token")
        if token is not None and self.access.is_token(token):
            response.set_cookie(
                self.cookie, token, httponly=True, samesite="Strict", secure=request.secure
            )


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def reached_at(request: web.Request) -> str:
    """The address of this machine that the client connected to."""
    own = request.transport.get_extra_info("sockname") if request.transport else None
    return str(own[0]) if own else "127.0.0.1"


def _is_forwarded(request: web.Request) -> bool:
    """True if a proxy forwarded the request; the client's address is then the proxy's."""
    return any(name in request.headers for name in THROUGH_A_PROXY)


def _named_host(request: web.Request) -> str | None:
    """The host that the request names: its Host header. None, which is refused, if the request
    target is an absolute URL (RFC 9112, 3.2.2) of another host: aiohttp would serve its path,
    whatever the Host header says."""
    host = request.headers.get("Host")
    target = request.raw_path
    if target.startswith("/"):
        return host
    authority = re.split(r"[/?#]", target.partition("://")[2], maxsplit=1)[0]
    return host if host is not None and authority.casefold() == host.casefold() else None


def _bearer(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.casefold() == "bearer" else None
