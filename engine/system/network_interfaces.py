"""The addresses this machine has, and the networks they are in. Asks the system each time: cables come and go."""

import ipaddress
import socket

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_PREFIX = 8  # Art-Net's 2.0.0.0/8; a shorter one, as some tunnels have, is no network but half of all there is


def own_interfaces() -> tuple[Interface, ...]:
    """Address and network of every interface, loopback too; some 0.1 ms."""
    import psutil  # type: ignore[import-untyped]

    return tuple(
        ipaddress.ip_interface(f"{entry.address.partition('%')[0]}{_suffix(entry.netmask)}")
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family in (socket.AF_INET, socket.AF_INET6)
    )


def own_networks() -> tuple[Network, ...]:
    """The networks of this machine's interfaces, those of loopback left out."""
    found = (interface.network for interface in own_interfaces() if not interface.is_loopback)
    return tuple(dict.fromkeys(network for network in found if network.prefixlen >= MAX_PREFIX))


def _suffix(netmask: str | None) -> str:
    """`ipaddress` reads an IPv4 mask as it stands, but none of IPv6. Without one (some tunnels; IPv6 on Windows) the
    address is alone in its network."""
    if not netmask:
        return ""
    return f"/{int(ipaddress.IPv6Address(netmask)).bit_count()}" if ":" in netmask else f"/{netmask}"
