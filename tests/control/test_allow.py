"""The allow list, with known addresses and times."""

import ipaddress
import socket
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from engine.control.allow import AllowList, is_reached, own_addresses
from engine.system.network_interfaces import own_interfaces, own_networks

CABLE = ipaddress.ip_address("2.0.0.7")


def test_this_machines_own_addresses_are_found_always_allowed_and_those_listed_without_a_look() -> (
    None
):
    allow = AllowList(["192.168.1.0/24"], lambda: {CABLE})
    for host in ("127.0.0.1", "::1", "192.168.1.77", "2.0.0.7", "::ffff:2.0.0.7"):
        assert allow.allows(host, 0.0)
    assert not allow.allows("2.0.0.8", 0.0)
    allow = AllowList(["2.0.0.0/8"], lambda: pytest.fail("looked up"))
    assert allow.allows("2.0.0.7", 0.0) and allow.allows("127.0.0.1", 0.0)
    assert AllowList([], lambda: pytest.fail("looked up")).allows("203.0.113.9", 0.0)
    assert ipaddress.ip_address("127.0.0.1") in own_addresses()


def test_added_and_removed_addresses_are_noticed_within_a_second() -> None:
    own, calls = set(), []
    allow = AllowList(["192.168.1.0/24"], lambda: calls.append(1) or set(own))
    assert not any(allow.allows("2.0.0.7", n / 1000) for n in range(500)) and len(calls) == 1
    own.add(CABLE)
    assert not allow.allows("2.0.0.7", 0.9) and allow.allows("2.0.0.7", 1.0) and len(calls) == 2
    own.clear()
    assert not allow.allows("2.0.0.7", 2.0)


def test_a_server_is_reached_at_its_own_address_or_at_any() -> None:
    for bound, at, reached in [
        ("0.0.0.0", "192.168.1.5", True),
        ("0.0.0.0", "::ffff:192.168.1.5", True),
        ("0.0.0.0", "fe80::7%eth0", False),
        ("::", "192.168.1.5", True),
        ("::", "fe80::7%eth0", True),
        ("192.168.1.5", "::ffff:192.168.1.5", True),
        ("192.168.1.5", "203.0.113.5", False),
        ("127.0.0.1", "192.168.1.5", False),
        ("127.0.0.1", "127.0.0.1", True),
    ]:
        assert is_reached(bound, at) is reached, bound


def test_networks_are_those_of_the_interfaces_without_loopback_and_without_half_the_world(
    monkeypatch: Any,
) -> None:
    def entry(family: socket.AddressFamily, address: str, netmask: str | None) -> object:
        return SimpleNamespace(family=family, address=address, netmask=netmask)

    v4, v6 = socket.AF_INET, socket.AF_INET6
    found = {
        "lo": [entry(v4, "127.0.0.1", "255.0.0.0"), entry(v6, "::1", None)],
        "artnet": [
            entry(v4, "2.7.0.9", "255.0.0.0"),
            entry(v6, "fe80::7%artnet", "ffff:ffff:ffff:ffff::"),
        ],
        "tunnel": [entry(v4, "100.64.0.3", None), entry(v4, "198.51.100.1", "128.0.0.0")],
        "cable": [entry(psutil.AF_LINK, "02:fc:00:00:00:01", None)],
    }
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: found)
    assert [str(network) for network in own_networks()] == [
        "2.0.0.0/8",
        "fe80::/64",
        "100.64.0.3/32",
    ]
    assert {str(interface.ip) for interface in own_interfaces()} >= {
        "2.7.0.9",
        "fe80::7",
        "198.51.100.1",
        "::1",
    }
