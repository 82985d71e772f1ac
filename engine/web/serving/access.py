"""Who is answered: programs of this machine, and whoever shows the token. Decides; knows no HTTP library.

OSCQuery is OSC by another way, and no OSCQuery client can send a token: programs whose OSC is heard anyhow are
answered that alone.

Four strangers are kept out. A page of another site that points its own name at this machine (DNS rebinding) sends
a Host that is not ours. A page of another site that opens a WebSocket to this machine, which browsers allow, sends
its own Origin. One that shows our pictures as its own, or loads them only to take the viewers' places, sends no
Origin, but the browser says that it comes from elsewhere (Sec-Fetch-Site; W3C Fetch Metadata). Whoever else is on the
network has no token.
"""

import hmac
import ipaddress
import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from engine.web.serving.hosts import is_our_host, is_our_origin

TOKEN_BYTES = 16  # as many as a key has: nobody guesses it, and a QR code stays small


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    status: int
    """403: not from there, whoever it is; 401: not without the token."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchMetadata:
    """What a browser says of a request in `Sec-Fetch-*`; programs send none of it."""

    site: str | None = None
    mode: str | None = None
    destination: str | None = None

    @property
    def is_of_another_site(self) -> bool:
        """Whether a page from elsewhere asks, which wants it for itself: a link that somebody follows is another
        matter."""
        is_followed = self.mode == "navigate" and self.destination == "document"
        return self.site in ("cross-site", "same-site") and not is_followed


def hears_nobody(peer: str, reached_at: str) -> bool:
    """Where no OSC comes from the network."""
    return False


class Access:
    """Any thread; nothing changes."""

    def __init__(
        self,
        token: str,
        *,
        bound_to: str,
        allowed_hosts: Collection[str],
        is_local: Callable[[str], bool],
        hears_osc: Callable[[str, str], bool] = hears_nobody,
    ) -> None:
        """`hears_osc(peer, reached_at)`: whether OSC of that address, sent to that one of this machine, is heard."""
        self._token = _as_bytes(token)
        self._bound_to = bound_to
        self._allowed_hosts = allowed_hosts
        self._is_local = is_local
        self._hears_osc = hears_osc

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
        """Why a request is not answered, or None. `peer`: its address; `tokens`: from wherever it may carry one.
        `osc_at`: this machine's address that was asked for OSCQuery, None where something else is asked."""
        if not is_our_host(host, bound_to=self._bound_to, allowed=self._allowed_hosts):
            return Refusal(status=403, reason="this host name is not served here")
        is_foreign = fetch.is_of_another_site
        if origin is not None:  # which says more: `allowed_hosts` are other sites too
            is_foreign = not is_our_origin(origin, host=host, allowed=self._allowed_hosts)
        if is_foreign:
            return Refusal(status=403, reason="pages of another site are not served here")
        if self._is_local(peer) or any(self.is_token(token) for token in tokens if token is not None):
            return None
        if osc_at is not None and self._is_direct(host, origin) and self._hears_osc(peer, osc_at):
            return None
        return Refusal(status=401, reason="this needs the token that the server shows: open /?token=TOKEN")

    def _is_direct(self, host: str | None, origin: str | None) -> bool:
        """Whether this machine was asked by its own name: by one of `allowed_hosts` comes whoever can reach a proxy."""
        is_own_origin = origin is None or is_our_origin(origin, host=host)
        return is_own_origin and is_our_host(host, bound_to=self._bound_to)

    def is_token(self, text: str) -> bool:
        """Whether it is the token; takes as long for a near miss as for nonsense."""
        return hmac.compare_digest(_as_bytes(text), self._token)


def new_token() -> str:
    """22 letters, digits, `-` and `_`: fit for a URL."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def is_loopback(peer: str) -> bool:
    """Whether the address is one that only programs of this machine have."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # as headers that are no UTF-8 were decoded
