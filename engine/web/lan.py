"""Where other machines find this one."""

import ipaddress
import socket

import psutil

from engine.errors import MultiverseError


def lan_addresses() -> tuple[str, ...]:
    """This machine's IPv4 addresses on its networks, the likeliest first: that of the way out of them, then private
    ones, and the link's own (169.254) last. MultiverseError when there is no network. Sends nothing."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = [
        ipaddress.IPv4Address(entry.address)
        for name, entries in psutil.net_if_addrs().items()
        if name in up
        for entry in entries
        if entry.family == socket.AF_INET
    ]
    outside = [address for address in found if not address.is_loopback]
    if not outside:
        raise MultiverseError("no network is connected: other machines cannot reach this one")
    way_out = _way_out()
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
