"""Who sent a packet, and how to answer."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sender:
    name: str
    """`udp 127.0.0.1:5000`, `tcp ...`, `ws ...`: stands in the store as who set a value."""
    post: Callable[[bytes], None]
    """Queues one packet for this peer. Any thread; never waits: one too many is counted and dropped."""
    at_port: "Callable[[int], Sender] | None"
    """The same host at another UDP port: a host asks for itself only, so nobody can be flooded by a third. None: it
    hears on its own connection only (a WebSocket)."""


def numeric_localhost(host: str) -> str:
    """`localhost` as 127.0.0.1, where programs send to; its name may mean ::1 first. Any other host as it is."""
    return "127.0.0.1" if host.casefold() == "localhost" else host


def display_address(host: str, port: int) -> str:
    """`127.0.0.1:9000`, `[::1]:9000`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
