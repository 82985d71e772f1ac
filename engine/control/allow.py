"""Which hosts are heard: `--osc-allow` and `osc.allow` in the configuration."""

import ipaddress
from collections.abc import Iterable

from engine.errors import ConfigError

KEPT_HOSTS = 1024
THIS_MACHINE = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))


class AllowList:
    """Networks in CIDR notation, and always this machine; without any, every sender that reaches the address."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = tuple(_network(text) for text in networks)
        self._known: dict[str, bool] = {}

    def allows(self, host: str) -> bool:
        """Whether a numeric host address is heard; remembered a host."""
        if not self._networks:
            return True
        is_allowed = self._known.get(host)
        if is_allowed is None:
            if len(self._known) >= KEPT_HOSTS:
                self._known.clear()
            is_allowed = self._known[host] = self._is_inside(host)
        return is_allowed

    def _is_inside(self, host: str) -> bool:
        address = ipaddress.ip_address(host.partition("%")[0])
        # An IPv4 sender at a socket that hears both families shows up as ::ffff:192.0.2.1.
        plain = getattr(address, "ipv4_mapped", None) or address
        return plain in THIS_MACHINE or any(plain in network for network in self._networks)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ConfigError(f"--osc-allow: {text!r} is not a network (for example 192.168.1.0/24 or 10.0.0.7)") from None
