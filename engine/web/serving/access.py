"""Access control: programs on this machine are admitted, others need the token. Pure; uses no HTTP library.

OSCQuery is a form of OSC, and its clients cannot send a token. So programs whose OSC is accepted may use OSCQuery, but
nothing else, without a token.

Four attacks are blocked. A page of another site whose host name resolves to this machine (DNS rebinding) sends a
foreign Host. A page of another site that opens a WebSocket to this machine, which browsers allow, sends its own
Origin. A page that embeds our pictures, or loads them just to use up the viewer limit, sends no Origin, but the
browser marks the request as cross-site (Sec-Fetch-Site; W3C Fetch Metadata). Other machines on the network lack the
token.
"""

import hmac
import ipaddress
import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from engine.web.serving.hosts import is_our_host, is_our_origin

TOKEN_BYTES = 16  # too long to guess, short enough for a small QR code


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    status: int
    """403: refused even with the token; 401: the token is missing."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchMetadata:
    """The `Sec-Fetch-*` headers of a request. Only browsers send them."""

    site: str | None = None
    mode: str | None = None
    destination: str | None = None

    @property
    def is_of_another_site(self) -> bool:
        """True if a page of another site loads this. Following a link from such a page is allowed."""
        is_followed = self.mode == "navigate" and self.destination == "document"
        return self.site in ("cross-site", "same-site") and not is_followed


def accepts_none(peer: str, reached_at: str) -> bool:
    """`accepts_osc` for servers without OSC."""
    return False


class Access:
    """The rules. Immutable, so thread-safe."""

    def __init__(
        self,
        token: str,
        *,
        bound_to: str,
        allowed_hosts: Collection[str],
        is_local: Callable[[str], bool],
        accepts_osc: Callable[[str, str], bool] = accepts_none,
    ) -> None:
        """`accepts_osc(peer, reached_at)`: True if OSC from `peer` to that address of this machine is accepted."""
        self._token = _as_bytes(token)
        self._bound_to = bound_to
        self._allowed_hosts = allowed_hosts
        self._is_local = is_local
        self._hears_osc = accepts_osc

    def refusal(
        self,
        *,
        peer: str,
        host: str | None,
        origin: str | None,
        tokens: Iterable[str | None],
        fetch: FetchMetadata,
        osc_at: str | None = None,
    ) -> Refusal | None:
        """The reason to refuse a request, or None. `peer`: the client's address. `tokens`: from URL, header and cookie.

        `osc_at`: the address of this machine that an OSCQuery request was sent to; None for other requests.
        """
        if not is_our_host(host, bound_to=self._bound_to, allowed=self._allowed_hosts):
            return Refusal(status=403, reason="this host name is not served here")
        is_foreign = fetch.is_of_another_site
        if origin is not None:  # more specific: it may be one of `allowed_hosts`, which browsers mark as cross-site
            is_foreign = not is_our_origin(origin, host=host, allowed=self._allowed_hosts)
        if is_foreign:
            return Refusal(status=403, reason="pages of another site are not served here")
        if self._is_local(peer) or any(self.is_token(token) for token in tokens if token is not None):
            return None
        if osc_at is not None and self._is_direct(host, origin) and self._hears_osc(peer, osc_at):
            return None
        return Refusal(status=401, reason="this needs the token that the server shows: open /?token=TOKEN")

    def _is_direct(self, host: str | None, origin: str | None) -> bool:
        """True if the request names this machine itself, not one of `allowed_hosts`, which may be a proxy."""
        is_own_origin = origin is None or is_our_origin(origin, host=host)
        return is_own_origin and is_our_host(host, bound_to=self._bound_to)

    def is_token(self, text: str) -> bool:
        """True if `text` is the token. Compares in constant time."""
        return hmac.compare_digest(_as_bytes(text), self._token)


def new_token() -> str:
    """A random token of 22 letters, digits, `-` and `_`, safe in a URL."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def is_loopback(peer: str) -> bool:
    """True if only programs on this machine can have this address."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # headers that are not UTF-8 were decoded this way
