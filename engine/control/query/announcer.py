"""Lets other programs find the engine: its name, HOST_INFO, and the announcement by mDNS (RFC 6762,
RFC 6763).

A firewall or macOS may ask the user for permission, so it runs only if the user has opened the
engine to the network.
"""

import ipaddress
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Final

from engine.errors import ConfigError, MultiverseError
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report

log = logging.getLogger(__name__)

OSCQUERY: Final = "_oscjson._tcp.local."
OSC: Final = "_osc._udp.local."
CLOSED_WITHIN_S: Final = 3.0
FAILED: Final = "mDNS: OSC and OSCQuery are not announced"
POLL_INTERVAL_S: Final = 2.0  # poll interval while there is no network
EXTENSIONS: Final = {
    **dict.fromkeys(
        "ACCESS VALUE RANGE DESCRIPTION TAGS EXTENDED_TYPE UNIT CRITICAL CLIPMODE "
        "OVERLOADS".split(),
        True,
    ),
    **dict.fromkeys(
        "DEFAULT_VALUE MULTIVERSE LISTEN IGNORE PATH_CHANGED PATH_ADDED PATH_REMOVED".split(), True
    ),
    "HTML": False,
    "PATH_RENAMED": False,  # a cue that moves to another number counts as a change of both
}
MAX_NAME_BYTES: Final = (
    60  # mDNS allows 63 (RFC 6763, 4.1.1); a second engine of that name becomes `NAME-2`
)


class Announcer:
    """Announces from `start` to `close`, on its own thread, because checking that the name is free
    takes seconds. `name`: the name of both services. `host`: the machine's name, such as
    `multiverse-studio.local`, announced with its addresses. `web_port`: the port of OSCQuery.
    `osc_port`: the UDP port of OSC, or None if it is off. `find_interfaces()`: this machine's IPv4
    addresses on the networks to announce to; it raises MultiverseError if there are none, and is
    called again until there are."""

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
        self._ports = (
            {OSCQUERY: web_port} if osc_port is None else {OSCQUERY: web_port, OSC: osc_port}
        )
        self._find_interfaces = find_interfaces
        self._report = report
        self._is_closing = threading.Event()
        self._thread = GuardedThread("mdns", self._run, Guard(log, report, "mdns", FAILED))

    def start(self) -> None:
        """Begin to announce; returns at once, the announcement follows seconds later. Errors are
        reported."""
        self._thread.start()

    def close(self) -> None:
        """Withdraw the announcement. Safe without `start`."""
        self._is_closing.set()
        self._thread.join(CLOSED_WITHIN_S)

    def _run(self) -> None:
        try:
            if interfaces := self._wait_for_network():
                self._announce(interfaces)
        except OSError as error:
            self._report("mdns", f"{FAILED}: {error.strerror or error}")

    def _wait_for_network(self) -> list[str]:
        """Wait until the machine has addresses, and return them; empty if the engine ends first."""
        is_reported = False
        while not self._is_closing.is_set():
            try:
                return list(self._find_interfaces())
            except MultiverseError as error:
                if not is_reported:
                    self._report(
                        "mdns",
                        f"mDNS: {error}; OSC and OSCQuery will be announced when a network is "
                        "connected",
                    )
                is_reported = True
            self._is_closing.wait(POLL_INTERVAL_S)
        return []

    def _announce(self, interfaces: list[str]) -> None:
        # the import takes 0.1 s, which would delay the first picture
        from zeroconf import ServiceInfo, Zeroconf

        for address in interfaces:  # zeroconf leaks its socket if an address is not this machine's
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
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
                    # The default is the service's name, whose spaces and underscores no resolver
                    # looks up.
                    server=f"{self._host}.",
                )
                zeroconf.register_service(info, allow_name_change=True)
            self._is_closing.wait()
        finally:
            zeroconf.close()


def service_name(chosen: str | None = None) -> str:
    """The engine's name on the network: `chosen`, or by default `Multiverse HOST`, such as
    `Multiverse studio`. Raises ConfigError if `chosen` cannot be announced."""
    if chosen is None:
        name = f"Multiverse {socket.gethostname().partition('.')[0]}".strip()
        return name.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    # python-zeroconf splits a name at a dot into two labels, which no browser joins again.
    # It takes `_sub` for the beginning of a subtype (RFC 6763, 7.1) and rejects it.
    if (
        not chosen.isprintable()
        or chosen != chosen.strip()
        or "." in chosen
        or chosen in ("", "_sub")
    ):
        advice = {"": "it is empty", "_sub": "DNS-SD reserves this word"}
        wrong = advice.get(chosen, "remove dots, line breaks, and spaces at its ends")
        raise ConfigError(f"--name: {chosen!r} cannot be announced: {wrong}")
    if len(chosen.encode()) > MAX_NAME_BYTES:
        raise ConfigError(
            f"--name: {chosen!r} has {len(chosen.encode())} bytes; the limit is {MAX_NAME_BYTES} "
            "(mDNS)"
        )
    return chosen


def host_info(
    reached_at: str, *, name: str, osc: tuple[str, int] | None, web: tuple[str, int]
) -> dict[str, object]:
    """The HOST_INFO object for a client that reached this machine at that address. `name`: from
    `service_name`. `osc`, `web`: numeric host and port in use; `osc` None: OSC over WebSocket
    only."""
    info: dict[str, object] = {"NAME": name, "EXTENSIONS": EXTENSIONS}
    if osc is not None:
        info |= {
            "OSC_IP": _reachable(osc[0], reached_at),
            "OSC_PORT": osc[1],
            "OSC_TRANSPORT": "UDP",
        }
    return info | {"WS_IP": _reachable(web[0], reached_at), "WS_PORT": web[1]}


def _reachable(host: str, reached_at: str) -> str:
    """The address to give a client: for a server on all interfaces (0.0.0.0, ::) the one that the
    client used."""
    return reached_at if ipaddress.ip_address(host.partition("%")[0]).is_unspecified else host
