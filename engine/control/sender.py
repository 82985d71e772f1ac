"""Who sent a packet, and how to answer."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NO_PORT = "takes no port over a WebSocket: it is its own way back"

SocketAddress = tuple[Any, ...]
"""As the `socket` module gives and takes it: (host, port), with flow and zone for IPv6."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sender:
    name: str
    """`udp 127.0.0.1:5000`, `tcp ...`, `ws ...`: stands in the store as who set a value."""
    post: Callable[[bytes], None]
    """Queues one packet for this peer. Any thread; never waits: one too many is counted and dropped."""
    at_port: "Callable[[int], Sender] | None"
    """The same host at another UDP port: a host asks for itself only, so nobody can be flooded by a third. None: it
    hears on its own connection only (a WebSocket)."""

    def at(self, port: float) -> "Sender | None":
        """The same host at another UDP port, or None if it has no other ports."""
        return None if self.at_port is None else self.at_port(int(port))


def numeric_localhost(host: str) -> str:
    """`localhost` as 127.0.0.1, where programs send to; its name may mean ::1 first. Any other host as it is."""
    return "127.0.0.1" if host.casefold() == "localhost" else host


def addresses_of(host: str, port: int, kind: socket.SocketKind, family: int = socket.AF_UNSPEC) -> list[Any]:
    """`socket.getaddrinfo` of a host that a person may have mistyped; OSError with a reason where there is none."""
    try:
        return socket.getaddrinfo(numeric_localhost(host), port, family=family, type=kind)
    except ValueError:  # two dots in a row, a label of more than 63 characters (UnicodeError), a NUL
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None


def display_address(host: str, port: int) -> str:
    """`127.0.0.1:9000`, `[::1]:9000`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
