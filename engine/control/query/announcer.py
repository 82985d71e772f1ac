"""Tells the local network by mDNS where OSC and OSCQuery are (RFC 6762, RFC 6763).

A firewall, and macOS itself, may ask the user about it: only where the user has opened the engine to the network.
"""

import logging
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Final

from engine.errors import MultiverseError
from engine.system.guarded_thread import Report

log = logging.getLogger(__name__)

OSCQUERY: Final = "_oscjson._tcp.local."
OSC: Final = "_osc._udp.local."
CLOSED_WITHIN_S: Final = 3.0
POLL_INTERVAL_S: Final = 2.0  # for a network that is not there yet


class Announcer:
    """From `start` to `close`, on a thread of its own: asking whether the name is free takes seconds.

    `name`: of both services; `host`: the machine's, `multiverse-studio.local`, which is announced with its addresses.
    `web_port`: of OSCQuery; `osc_port`: of OSC over UDP, None where it is off. `find_interfaces()`: the IPv4 addresses
    of this machine on the networks that are told, and where it is found there; MultiverseError while there is none,
    which is asked again until there is one: an installation may be switched on before its network.
    """

    def __init__(
        self,
        name: str,
        *,
        host: str,
        web_port: int,
        osc_port: int | None,
        find_interfaces: Callable[[], Sequence[str]],
        report: Report,
    ) -> None:
        self._name = name
        self._host = host
        self._ports = {OSCQUERY: web_port} if osc_port is None else {OSCQUERY: web_port, OSC: osc_port}
        self._find_interfaces = find_interfaces
        self._report = report
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mdns", daemon=True)

    def start(self) -> None:
        """Return at once; the network knows a few seconds later. What goes wrong is reported."""
        self._thread.start()

    def close(self) -> None:
        """Take it back. Safe without `start`."""
        self._is_closing.set()
        if self._thread.is_alive():
            self._thread.join(CLOSED_WITHIN_S)

    def _run(self) -> None:
        try:
            interfaces = self._wait_for_network()
            if interfaces:
                self._announce(interfaces)
        except OSError as error:
            self._report("mdns", f"mDNS: the network is not told of OSC and OSCQuery: {error.strerror or error}")
        except Exception as error:  # the top of this thread: without mDNS the address can be typed
            log.exception("mDNS: the network is not told of OSC and OSCQuery")
            self._report("mdns", f"mDNS: the network is not told of OSC and OSCQuery: {error}")

    def _wait_for_network(self) -> list[str]:
        """Its addresses; none when the engine ends before there is one."""
        is_told = False
        while not self._is_closing.is_set():
            try:
                return list(self._find_interfaces())
            except MultiverseError as error:
                if not is_told:
                    self._report("mdns", f"mDNS: {error}; OSC and OSCQuery are announced as soon as one is")
                is_told = True
            self._is_closing.wait(POLL_INTERVAL_S)
        return []

    def _announce(self, interfaces: list[str]) -> None:
        from zeroconf import ServiceInfo, Zeroconf  # 0.1 s that the first picture does not wait for

        for address in interfaces:  # zeroconf leaves its socket open where an address is not this machine's
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind((address, 0))
        zeroconf = Zeroconf(interfaces=interfaces)
        try:
            for kind, port in self._ports.items():
                if self._is_closing.is_set():
                    return
                info = ServiceInfo(
                    kind,
                    f"{self._name}.{kind}",
                    port=port,
                    properties={"txtvers": "1"},
                    parsed_addresses=interfaces,
                    # Left out, it is the service's own name: with spaces and underscores, no resolver looks it up.
                    server=f"{self._host}.",
                )
                zeroconf.register_service(info, allow_name_change=True)
            self._is_closing.wait()
        finally:
            zeroconf.close()
