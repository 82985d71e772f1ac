"""Where other machines find this one."""

import ipaddress
import socket
from collections.abc import Iterable

import psutil

from engine.control.sender import display_address
from engine.errors import MultiverseError
from engine.web.serving.access import is_loopback

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Every address of the machine -> the one by which it reaches itself."""


def own_url(host: str, port: int, token: str, *, scheme: str = "http") -> str:
    """The page's URL for a browser on this machine, where the server listens at `host`."""
    host = WILDCARDS.get(host, host)
    return f"{scheme}://{display_address(host, port)}/{'' if is_loopback(host) else f'?token={token}'}"


def lan_url(host: str, port: int, token: str, *, scheme: str = "http") -> str | None:
    """The page's URL for browsers on other machines; None when they cannot reach it.

    MultiverseError when they could, but there is no network.
    """
    if is_loopback(host):
        return None
    address = display_address(lan_addresses()[0] if host in WILDCARDS else host, port)
    return f"{scheme}://{address}/?token={token}"


def lan_addresses() -> tuple[str, ...]:
    """This machine's IPv4 addresses on its networks, the likeliest first. MultiverseError when there is no network.

    Sends nothing.
    """
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = [
        entry.address
        for name, entries in psutil.net_if_addrs().items()
        if name in up
        for entry in entries
        if entry.family == socket.AF_INET
    ]
    return likeliest_first(found, way_out=_way_out())


def likeliest_first(addresses: Iterable[str], *, way_out: str) -> tuple[str, ...]:
    """Those that other machines may reach: first the one that packets leave the network by, then private ones, and the
    link's own (169.254) last. MultiverseError when there is none."""
    outside = [address for address in map(ipaddress.IPv4Address, addresses) if not address.is_loopback]
    if not outside:
        raise MultiverseError("no network is connected: other machines cannot reach this one")
    outside.sort(key=lambda address: (str(address) != way_out, address.is_link_local, not address.is_private))
    return tuple(str(address) for address in outside)


def _way_out() -> str:
    """The address that packets to other networks would carry; "" where there is no way out (a switch alone)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address that nobody has (RFC 5737); UDP connects without a packet
        except OSError:
            return ""
        return str(probe.getsockname()[0])
