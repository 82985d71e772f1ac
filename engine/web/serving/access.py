"""Access control: programs on this machine are admitted, others need the token. Pure; uses no HTTP
library.

OSCQuery is a form of OSC, and its clients cannot send a token. So programs whose OSC is accepted
may use OSCQuery, but nothing else, without a token.

Four attacks are blocked. A page of another site whose host name resolves to this machine (DNS
rebinding) sends that name as Host, so only names that nobody else can own are accepted. A page of
another site that opens a WebSocket to this machine, which browsers allow, sends its own Origin. A
page that embeds our pictures, or loads them just to use up the viewer limit, sends no Origin, but
the browser marks the request as cross-site (Sec-Fetch-Site; W3C Fetch Metadata). Other machines on
the network lack the token.
"""

import hmac
import ipaddress
import re
import secrets
import socket
import zlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

TOKEN_BYTES = 16  # too long to guess, short enough for a small QR code
MAX_LABEL_CHARACTERS = 63  # between two dots of a host name (RFC 1035, 2.3.4)

_HOST = re.compile(r"(?:\[(?P<bracketed>[0-9A-Fa-f:.]+)\]|(?P<plain>[^:/?#@\[\]\s]+))(?::[0-9]*)?")


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
        """True if a page of another site loads this. Following a link from such a page is
        allowed."""
        is_followed = self.mode == "navigate" and self.destination == "document"
        return self.site in ("cross-site", "same-site") and not is_followed


def accepts_none(peer: str, reached_at: str) -> bool:
    """Refuse every peer: `accepts_osc` for servers without OSC."""
    return False


@dataclass(frozen=True, slots=True)
class Access:
    """The rules by which requests are admitted: token, Host and Origin. Immutable, so
    thread-safe."""

    token: str = field(repr=False)
    bound_to: str
    allowed_hosts: Collection[str]
    is_local: Callable[[str], bool]
    accepts_osc: Callable[[str, str], bool] = accepts_none
    """`accepts_osc(peer, reached_at)`: True if OSC from `peer` to that address of this machine is
    accepted."""

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
        """The reason to refuse a request, or None. `peer`: the client's address. `tokens`: from
        URL, header and cookie. `osc_at`: the address of this machine that an OSCQuery request was
        sent to; None for other requests."""
        if not is_our_host(host, bound_to=self.bound_to, allowed=self.allowed_hosts):
            return Refusal(status=403, reason="this host name is not served here")
        is_foreign = fetch.is_of_another_site
        # more specific: it may be one of `allowed_hosts`, which browsers mark as cross-site
        if origin is not None:
            is_foreign = not is_our_origin(origin, host=host, allowed=self.allowed_hosts)
        if is_foreign:
            return Refusal(status=403, reason="pages of another site are not served here")
        if self.is_local(peer) or any(
            self.is_token(token) for token in tokens if token is not None
        ):
            return None
        if osc_at is not None and self._is_direct(host, origin) and self.accepts_osc(peer, osc_at):
            return None
        return Refusal(
            status=401, reason="this needs the token that the server shows: open /?token=TOKEN"
        )

    def _is_direct(self, host: str | None, origin: str | None) -> bool:
        """True if the request names this machine itself, not one of `allowed_hosts`, which may be a
        proxy."""
        return (origin is None or is_our_origin(origin, host=host)) and is_our_host(
            host, bound_to=self.bound_to
        )

    def is_token(self, text: str) -> bool:
        """True if `text` is the token. Compares in constant time."""
        return hmac.compare_digest(_as_bytes(text), _as_bytes(self.token))


def new_token() -> str:
    """A random token of 22 letters, digits, `-` and `_`, safe in a URL."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def is_loopback(peer: str) -> bool:
    """True if only programs on this machine can have this address."""
    address = _address(peer)
    if address is None:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def is_our_host(header: str | None, *, bound_to: str, allowed: Collection[str] = ()) -> bool:
    """True if this Host header is accepted.

    `localhost`, loopback addresses and `allowed` always are. If `bound_to` is not a loopback
    address, so are all addresses, this machine's own name, plain or with `.local`, and the name
    that mDNS announces."""
    # a final dot is optional (RFC 1034, 3.1)
    name = _name_in(header or "").casefold().removesuffix(".")
    if name in ("localhost", *(extra.casefold() for extra in allowed)):
        return True
    address = _address(name)
    if address is not None and address.is_loopback:
        return True
    bound = _address(bound_to)
    if bound is None or bound.is_loopback:
        return False
    own_name = socket.gethostname().casefold().removesuffix(".local")
    return address is not None or name in (own_name, f"{own_name}.local", announced_host())


def announced_host() -> str:
    """The host name that mDNS announces: `multiverse-studio.local` on the machine `studio`.

    Not the machine's own name, which the system may announce already. Has only letters, digits and
    hyphens, which every resolver accepts (RFC 1123, 2.1); a name in another script is replaced by
    its checksum."""
    host = socket.gethostname().partition(".")[0]
    plain = (
        re.sub("[^a-z0-9]+", "-", host.casefold()).strip("-") or f"{zlib.crc32(host.encode()):08x}"
    )
    return f"multiverse-{plain}"[:MAX_LABEL_CHARACTERS].rstrip("-") + ".local"


def is_our_origin(origin: str, *, host: str | None, allowed: Collection[str] = ()) -> bool:
    """True if this Origin is accepted: the same host and port as in `host`, or one of `allowed`.

    Unlike for Host, one of our names is not enough: anybody can serve a page at some address, and
    any program on this machine can serve one at another port of localhost."""
    scheme, _, authority = origin.casefold().partition("://")
    # rejects "null" too, the origin of sandboxed pages, which any site can create
    if scheme not in ("http", "https"):
        return False
    return authority == (host or "").casefold() or _name_in(authority) in {
        extra.casefold() for extra in allowed
    }


def _name_in(header: str) -> str:
    """The host of `host:port`, without the brackets of IPv6; "" if malformed (RFC 3986, 3.2)."""
    found = _HOST.fullmatch(header)
    return (found["bracketed"] or found["plain"]) if found else ""


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _as_bytes(text: str) -> bytes:
    # headers that are not UTF-8 were decoded this way
    return text.encode("utf-8", "surrogateescape")
