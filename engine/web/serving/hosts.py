"""Checks Host and Origin headers.

A hostile web page can let its own host name resolve to 127.0.0.1 and then read this server as its own origin (DNS
rebinding). The browser still sends that name as Host, so only names that nobody else can own are accepted.
"""

import ipaddress
import re
import socket
import zlib
from collections.abc import Collection

MAX_LABEL_CHARACTERS = 63  # between two dots of a host name (RFC 1035, 2.3.4)

_HOST = re.compile(r"(?:\[(?P<bracketed>[0-9A-Fa-f:.]+)\]|(?P<plain>[^:/?#@\[\]\s]+))(?::[0-9]*)?")


def is_our_host(header: str | None, *, bound_to: str, allowed: Collection[str] = ()) -> bool:
    """True if this Host header is accepted.

    `localhost`, loopback addresses and `allowed` always are. If `bound_to` is not a loopback address, so are all
    addresses, this machine's own name, plain or with `.local`, and the name that mDNS announces.
    """
    name = _name_in(header or "").casefold().removesuffix(".")  # a final dot is optional (RFC 1034, 3.1)
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

    Not the machine's own name, which the system may announce already. Has only letters, digits and hyphens, which every
    resolver accepts (RFC 1123, 2.1); a name in another script is replaced by its checksum.
    """
    host = socket.gethostname().partition(".")[0]
    plain = re.sub("[^a-z0-9]+", "-", host.casefold()).strip("-") or f"{zlib.crc32(host.encode()):08x}"
    return f"multiverse-{plain}"[:MAX_LABEL_CHARACTERS].rstrip("-") + ".local"


def is_our_origin(origin: str, *, host: str | None, allowed: Collection[str] = ()) -> bool:
    """True if this Origin is accepted: the same host and port as in `host`, or one of `allowed`.

    Unlike for Host, one of our names is not enough: anybody can serve a page at some address, and any program on this
    machine can serve one at another port of localhost.
    """
    scheme, _, authority = origin.casefold().partition("://")
    if scheme not in ("http", "https"):  # rejects "null" too, the origin of sandboxed pages, which any site can create
        return False
    return authority == (host or "").casefold() or _name_in(authority) in {extra.casefold() for extra in allowed}


def _name_in(header: str) -> str:
    """The host of `host:port`, without the brackets of IPv6; "" if malformed (RFC 3986, 3.2)."""
    found = _HOST.fullmatch(header)
    return (found["bracketed"] or found["plain"]) if found else ""


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
