"""HOST_INFO: who this is, where its OSC and WebSocket are, and which optional parts of OSCQuery it has."""

import ipaddress
import socket
from typing import Final

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


def service_name() -> str:
    """What this engine is called on the network: `Multiverse studio` on the machine `studio.local`."""
    return f"Multiverse {socket.gethostname().partition('.')[0]}".strip()


def host_info(reached_at: str, *, osc: tuple[str, int] | None, web: tuple[str, int]) -> dict[str, object]:
    """The HOST_INFO object for a client that reached this machine at that address.

    `osc`, `web`: numeric host and port in use; `osc` None: OSC goes by WebSocket only.
    """
    info: dict[str, object] = {"NAME": service_name(), "EXTENSIONS": EXTENSIONS}
    if osc is not None:
        info |= {"OSC_IP": _reachable(osc[0], reached_at), "OSC_PORT": osc[1], "OSC_TRANSPORT": "UDP"}
    return info | {"WS_IP": _reachable(web[0], reached_at), "WS_PORT": web[1]}


def _reachable(host: str, reached_at: str) -> str:
    """A server on every interface (0.0.0.0, ::) is where the client has just found this machine."""
    return reached_at if ipaddress.ip_address(host.partition("%")[0]).is_unspecified else host
