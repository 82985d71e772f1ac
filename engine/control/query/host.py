"""HOST_INFO: the name of the engine, its OSC and WebSocket addresses, and the supported parts of OSCQuery."""

import ipaddress
import socket
from typing import Final

from engine.errors import ConfigError

EXTENSIONS: Final = {
    "ACCESS": True,
    "VALUE": True,
    "RANGE": True,
    "DESCRIPTION": True,
    "TAGS": True,
    "EXTENDED_TYPE": True,
    "UNIT": True,
    "CRITICAL": True,
    "CLIPMODE": True,
    "OVERLOADS": True,
    "DEFAULT_VALUE": True,
    "MULTIVERSE": True,
    "HTML": False,
    "LISTEN": True,
    "IGNORE": True,
    "PATH_CHANGED": True,
    "PATH_ADDED": True,
    "PATH_REMOVED": True,
    "PATH_RENAMED": False,  # a cue that moves to another number counts as a change of both
}


MAX_NAME_BYTES: Final = 60  # mDNS allows 63 (RFC 6763, 4.1.1); a second engine of that name becomes `NAME-2`


def service_name(wanted: str | None = None) -> str:
    """The engine's name on the network: `wanted`, or by default `Multiverse HOST`, such as `Multiverse studio`.

    Raises ConfigError if `wanted` cannot be announced.
    """
    if wanted is None:
        name = f"Multiverse {socket.gethostname().partition('.')[0]}".strip()
        return name.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    # python-zeroconf splits a name at a dot into two labels, which no browser joins again.
    # It takes `_sub` for the beginning of a subtype (RFC 6763, 7.1) and rejects it.
    if not wanted.isprintable() or wanted != wanted.strip() or "." in wanted or wanted in ("", "_sub"):
        advice = {"": "it is empty", "_sub": "DNS-SD reserves this word"}
        wrong = advice.get(wanted, "remove dots, line breaks, and spaces at its ends")
        raise ConfigError(f"--name: {wanted!r} cannot be announced: {wrong}")
    if len(wanted.encode()) > MAX_NAME_BYTES:
        raise ConfigError(f"--name: {wanted!r} has {len(wanted.encode())} bytes; the limit is {MAX_NAME_BYTES} (mDNS)")
    return wanted


def host_info(reached_at: str, *, name: str, osc: tuple[str, int] | None, web: tuple[str, int]) -> dict[str, object]:
    """The HOST_INFO object for a client that reached this machine at that address.

    `name`: from `service_name`. `osc`, `web`: numeric host and port in use; `osc` None: OSC over WebSocket only.
    """
    info: dict[str, object] = {"NAME": name, "EXTENSIONS": EXTENSIONS}
    if osc is not None:
        info |= {"OSC_IP": _reachable(osc[0], reached_at), "OSC_PORT": osc[1], "OSC_TRANSPORT": "UDP"}
    return info | {"WS_IP": _reachable(web[0], reached_at), "WS_PORT": web[1]}


def _reachable(host: str, reached_at: str) -> str:
    """The address to give a client: for a server on all interfaces (0.0.0.0, ::) the one that the client used."""
    return reached_at if ipaddress.ip_address(host.partition("%")[0]).is_unspecified else host
