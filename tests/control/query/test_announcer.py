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
    """Records the current mDNS announcements: (kind, name) -> (addresses, port)."""

    def __init__(self) -> None:
        self.services: dict[tuple[str, str], tuple[list[str], int]] = {}

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        info = zc.get_service_info(type_, name)
        if info is not None and info.port is not None:
            self.services[type_, name.removesuffix(f".{type_}")] = (
                info.parsed_addresses(),
                info.port,
            )

    update_service = add_service

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.services.pop((type_, name.removesuffix(f".{type_}")), None)


@pytest.fixture
def found() -> Iterator[dict]:
    network = Zeroconf(interfaces=["127.0.0.1"])
    finds = Finds()
    browser = ServiceBrowser(network, [OSCQUERY, OSC], finds)
    yield finds.services
    browser.cancel()
    network.close()


def test_a_browser_finds_osc_and_oscquery_from_when_a_network_is_connected_until_the_end(
    found: dict,
    reports: Any,
    wait_for: Callable[..., Any],
    free_port: Callable[[], int],
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr("engine.control.query.announcer.POLL_INTERVAL_S", 0.01)
    looks = []

    def find_interfaces() -> list[str]:
        looks.append(1)
        if len(looks) < 5:
            raise MultiverseError("no network is connected")
        return ["127.0.0.1"]

    web_port, osc_port = free_port(), free_port()
    name = f"Multiverse test {web_port}"  # another run may announce on this machine too
    announcer = announcer_of(find_interfaces, reports, name, web_port, osc_port)
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
    assert len(reports.lines) == 1 and "no network is connected; OSC and" in reports.lines[0][1]


def test_an_address_that_is_not_this_machines_is_reported_and_closing_ends_a_wait(
    reports: Any, wait_for: Any
) -> None:
    announcer = announcer_of(lambda: ["192.0.2.77"], reports)
    announcer.start()
    wait_for(lambda: reports.lines, "the report")
    announcer.close()
    assert not announcer._thread.is_alive
    assert reports.keys == ["mdns"] and "OSC and OSCQuery are not announced" in reports.lines[0][1]


def announcer_of(
    find_interfaces: Callable[[], list[str]],
    report: Any,
    name: str = "Multiverse",
    web_port: int = 1,
    osc_port: int | None = None,
) -> Announcer:
    return Announcer(
        name,
        host=HOST,
        web_port=web_port,
        osc_port=osc_port,
        find_interfaces=find_interfaces,
        report=report,
    )
