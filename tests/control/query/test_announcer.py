"""mDNS on the loopback interface, found by a real browser."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from zeroconf import AddressResolverIPv4, ServiceBrowser, ServiceListener, Zeroconf

from engine.control.query import Announcer
from engine.control.query.announcer import OSC, OSCQUERY
from engine.errors import MultiverseError

HOST = "multiverse-test.local"


class Finds(ServiceListener):
    """The current announcements: (kind, name) -> (addresses, port)."""

    def __init__(self) -> None:
        self.services: dict[tuple[str, str], tuple[list[str], int]] = {}

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        info = zc.get_service_info(type_, name)
        if info is not None and info.port is not None:
            self.services[type_, name.removesuffix(f".{type_}")] = (info.parsed_addresses(), info.port)

    update_service = add_service

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.services.pop((type_, name.removesuffix(f".{type_}")), None)


def loopback() -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture
def found() -> Iterator[dict]:
    network = Zeroconf(interfaces=["127.0.0.1"])
    finds = Finds()
    browser = ServiceBrowser(network, [OSCQUERY, OSC], finds)
    yield finds.services
    browser.cancel()
    network.close()


def test_a_browser_finds_osc_and_oscquery_until_the_end(
    found: dict, reports: Any, wait_for: Callable[..., Any], free_port: Callable[[], int]
) -> None:
    web_port, osc_port = free_port(), free_port()
    name = f"Multiverse test {web_port}"  # another run may announce on this machine too
    announcer = Announcer(
        name, host=HOST, web_port=web_port, osc_port=osc_port, find_interfaces=loopback, report=reports
    )
    announcer.start()
    expected = {(OSCQUERY, name): (["127.0.0.1"], web_port), (OSC, name): (["127.0.0.1"], osc_port)}
    wait_for(lambda: expected.items() <= found.items(), "both services")
    network = Zeroconf(interfaces=["127.0.0.1"])  # a browser that started after the announcement
    service = network.get_service_info(OSCQUERY, f"{name}.{OSCQUERY}")
    assert service is not None and service.server == f"{HOST}."
    host = AddressResolverIPv4(service.server)
    assert host.request(network, 3000) and host.parsed_addresses() == ["127.0.0.1"]
    network.close()
    announcer.close()
    wait_for(lambda: not expected.keys() & found.keys(), "both to be gone")
    assert reports.lines == []


def test_a_missing_network_is_reported_in_one_line(reports: Any, wait_for: Callable[..., Any]) -> None:
    def nowhere() -> list[str]:
        return ["192.0.2.77"]

    announcer = Announcer("Multiverse", host=HOST, web_port=1, osc_port=None, find_interfaces=nowhere, report=reports)
    announcer.start()
    wait_for(lambda: reports.lines, "the report")
    announcer.close()
    assert reports.keys == ["mdns"] and "OSC and OSCQuery are not announced" in reports.lines[0][1]


def test_a_network_that_is_connected_later_gets_the_announcement(
    found: dict, reports: Any, wait_for: Callable[..., Any], free_port: Callable[[], int], monkeypatch: Any
) -> None:
    monkeypatch.setattr("engine.control.query.announcer.POLL_INTERVAL_S", 0.01)
    looks = []

    def find_interfaces() -> list[str]:
        looks.append(1)
        if len(looks) < 5:
            raise MultiverseError("no network is connected")
        return ["127.0.0.1"]

    port = free_port()
    name = f"Multiverse test {port}"
    announcer = Announcer(
        name, host=HOST, web_port=port, osc_port=None, find_interfaces=find_interfaces, report=reports
    )
    announcer.start()
    wait_for(lambda: (OSCQUERY, name) in found, "the service")
    announcer.close()
    assert len(reports.lines) == 1 and "no network is connected; OSC and" in reports.lines[0][1]


def test_closing_ends_the_wait_for_a_network_and_does_nothing_before_the_start(reports: Any, wait_for: Any) -> None:
    def find_interfaces() -> list[str]:
        raise MultiverseError("no network is connected")

    announcer = Announcer(
        "Multiverse", host=HOST, web_port=1, osc_port=2, find_interfaces=find_interfaces, report=reports
    )
    announcer.start()
    wait_for(lambda: reports.lines, "the report")
    announcer.close()
    assert not announcer._thread.is_alive and len(reports.lines) == 1
    Announcer("Multiverse", host=HOST, web_port=1, osc_port=2, find_interfaces=loopback, report=reports).close()
