"""This machine's addresses, and the page's URLs for this machine and for others."""

import ipaddress
import socket
from collections.abc import Iterable

import psutil

from engine.control.outgoing.sender import display_address
from engine.errors import MultiverseError
from engine.web.serving.access import is_loopback

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Wildcard address -> loopback address."""


def own_url(host: str, port: int, token: str, *, scheme: str = "http") -> str:
    """The page's URL for a browser on this machine, for a server that listens on `host`."""
    host = WILDCARDS.get(host, host)
    return (
        f"{scheme}://{display_address(host, port)}/{'' if is_loopback(host) else f'?token={token}'}"
    )


def lan_url(host: str, port: int, token: str, *, scheme: str = "http") -> str | None:
    """The page's URL for other machines; None if bound to loopback. MultiverseError if there is no
    network."""
    if is_loopback(host):
        return None
    address = display_address(lan_addresses()[0] if host in WILDCARDS else host, port)
    return f"{scheme}://{address}/?token={token}"


def lan_addresses() -> tuple[str, ...]:
    """This machine's IPv4 addresses, the likeliest first; sends no packets. MultiverseError if
    there is no network."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = [
        entry.address
        for name, entries in psutil.net_if_addrs().items()
        if name in up
        for entry in entries
        if entry.family == socket.AF_INET
    ]
    return likeliest_first(found, default_address=_default_address())


def likeliest_first(addresses: Iterable[str], *, default_address: str) -> tuple[str, ...]:
    """Sort addresses, those first that other machines most likely reach: `default_address`, private
    ones, link-local (169.254) last. Loopback addresses are removed. MultiverseError if none is
    left."""
    outside = [
        address for address in map(ipaddress.IPv4Address, addresses) if not address.is_loopback
    ]
    if not outside:
        raise MultiverseError("no network is connected: other machines cannot reach this one")
    outside.sort(
        key=lambda address: (
            str(address) != default_address,
            address.is_link_local,
            not address.is_private,
        )
    )
    return tuple(str(address) for address in outside)


def _default_address() -> str:
    """The source address of packets to other networks; "" if there is no default route (only a
    switch)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # a reserved address (RFC 5737); UDP connects without sending a packet
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])
