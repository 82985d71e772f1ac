"""HOST_INFO: who this is, where its OSC and WebSocket are, and which optional parts of OSCQuery it has."""

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
    "PATH_RENAMED": False,  # a cue that moves up to another number is another cue's change
}


MAX_NAME_BYTES: Final = 60  # a label of mDNS has 63 (RFC 6763, 4.1.1), and a second of the name is called `NAME-2`


def service_name(wanted: str | None = None) -> str:
    """The engine's name on the network: `wanted`, else `Multiverse studio` on the machine `studio.local`.

    ConfigError where `wanted` cannot be announced.
    """
    if wanted is None:
        name = f"Multiverse {socket.gethostname().partition('.')[0]}".strip()
        return name.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    # python-zeroconf makes two labels of a name with a dot, which no browser puts together again.
    # It takes `_sub` for the beginning of a subtype (RFC 6763, 7.1), and refuses it.
    if not wanted.isprintable() or wanted != wanted.strip() or "." in wanted or wanted in ("", "_sub"):
        advice = {"": "it is empty", "_sub": "DNS-SD keeps this word for itself"}
        wrong = advice.get(wanted, "leave out dots, line breaks, and spaces at its ends")
        raise ConfigError(f"--name: {wanted!r} cannot be announced: {wrong}")
    if len(wanted.encode()) > MAX_NAME_BYTES:
        raise ConfigError(f"--name: {wanted!r} has {len(wanted.encode())} bytes; mDNS takes {MAX_NAME_BYTES}")
    return wanted


def host_info(reached_at: str, *, name: str, osc: tuple[str, int] | None, web: tuple[str, int]) -> dict[str, object]:
    """The HOST_INFO object for a client that reached this machine at that address.

    `name`: of `service_name`; `osc`, `web`: numeric host and port in use; `osc` None: OSC goes by WebSocket only.
    """
    info: dict[str, object] = {"NAME": name, "EXTENSIONS": EXTENSIONS}
    if osc is not None:
        info |= {"OSC_IP": _reachable(osc[0], reached_at), "OSC_PORT": osc[1], "OSC_TRANSPORT": "UDP"}
    return info | {"WS_IP": _reachable(web[0], reached_at), "WS_PORT": web[1]}


def _reachable(host: str, reached_at: str) -> str:
    """A server on every interface (0.0.0.0, ::) is where the client has just found this machine."""
    return reached_at if ipaddress.ip_address(host.partition("%")[0]).is_unspecified else host
