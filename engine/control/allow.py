"""The allow list of hosts that may send OSC: `--osc-allow`, and `osc.allow` in the
configuration."""

import ipaddress
from collections.abc import Callable, Collection, Iterable

from engine.errors import ConfigError
from engine.system.network_interfaces import Network, own_interfaces

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_CACHED_HOSTS = 1024
POLL_INTERVAL_S = 1.0  # how long the list of this machine's own addresses is cached
THIS_MACHINE = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))


def own_addresses() -> frozenset[Address]:
    return frozenset(interface.ip for interface in own_interfaces())


class AllowList:
    """Allows senders in the configured networks (CIDR notation) and on this machine; without
    networks, every sender."""

    def __init__(
        self,
        networks: Iterable[str],
        own_addresses: Callable[[], Collection[Address]] = own_addresses,
    ) -> None:
        self._networks = tuple(_network(text) for text in networks)
        self._own_addresses = own_addresses
        self._own: Collection[Address] = ()
        self._read_s = float("-inf")
        self._outside: dict[str, Address | None] = {}
        """Host -> its address if it is outside all networks, None if it is in one."""

    def allows(self, host: str, now_s: float) -> bool:
        """True if a numeric host address may send. The result for the networks is cached per host.
        The machine's own addresses are read again at most once per second, because they change when
        a network is connected."""
        if not self._networks:
            return True
        if host not in self._outside:
            if len(self._outside) >= MAX_CACHED_HOSTS:
                self._outside.clear()
            self._outside[host] = self._outside_address(host)
        address = self._outside[host]
        return address is None or self._is_own(address, now_s)

    def _outside_address(self, host: str) -> Address | None:
        plain = _plain(host)
        is_inside = plain in THIS_MACHINE or any(plain in network for network in self._networks)
        return None if is_inside else plain

    def _is_own(self, address: Address, now_s: float) -> bool:
        if now_s - self._read_s >= POLL_INTERVAL_S:
            read_s, own = now_s, self._own_addresses()
            self._read_s = read_s
            self._own = own
        return address in self._own


def is_reached(bound: str, address: str) -> bool:
    """True if a socket bound to `bound` receives packets sent to this machine's `address`; both are
    numeric. `::` also receives IPv4."""
    own = _plain(bound)
    target = _plain(address)
    return own == target or (own.is_unspecified and own.version in (6, target.version))


def _plain(host: str) -> Address:
    """The address without its zone. An IPv4-mapped address (::ffff:192.0.2.1) becomes IPv4
    (192.0.2.1)."""
    address = ipaddress.ip_address(host.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ConfigError(
            f"--osc-allow: {text!r} is not a network (for example 192.168.1.0/24 or 10.0.0.7)"
        ) from None
