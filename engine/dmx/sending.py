"""Sends light over Art-Net or sACN, on the thread that calls it.

`Streams` decides which universes are due; `DmxSender` has the socket. A universe is sent when its
levels change, three times with the same levels, then every 0.9 s (E1.31, 6.6.2; Art-Net 4,
"ArtDmx": 0.8 to 1 s), so that a lost packet is soon replaced and a node sees that we are running.
The end of a sACN universe is sent three times (E1.31, 6.2.6); Art-Net has no such message, and its
nodes hold the last levels. They do that after a crash, too.

sACN goes by multicast, or by unicast to chosen hosts. Art-Net goes by unicast to the nodes that
answer a poll every 2.5 s, or to chosen hosts, or by broadcast to all. A packet that the system's
buffer has no room for is dropped: the next one follows within 25 ms.
"""

import ipaddress
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

from engine.dmx import artnet, own, sacn
from engine.dmx.artnet import ARTNET_PORT, MAX_ARTNET_UNIVERSE
from engine.dmx.sacn import MAX_SACN_UNIVERSE, SACN_PORT, group_of
from engine.errors import SinkError
from engine.system.network_interfaces import own_interfaces

REPEATS: Final = 3  # packets with the same levels, before the keep-alive
KEEP_ALIVE_S: Final = 0.9
POLL_S: Final = 2.5
DISCOVERY_S: Final = 10.0
BROADCAST: Final = "broadcast"
MAX_HOSTS: Final = 32
MAX_DATAGRAM_BYTES: Final = 1024

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How light is sent; a change needs a new `DmxSender`."""

    protocol: Literal["artnet", "sacn"]
    to: str = ""
    """`HOST[:PORT]`, several with commas: unicast. `broadcast`: Art-Net to all. Empty: sACN by
    multicast, Art-Net to the nodes that reply."""
    interface: str = ""
    """IPv4 address of this machine in the lighting network; empty: the system's choice."""
    name: str = "Multiverse"
    priority: int = 100
    """In sACN, 0..200."""
    sync: int = 0
    """sACN: the universe of synchronisation packets; Art-Net: ArtSync unless it is 0."""

    @property
    def universes(self) -> range:
        """The universe numbers of the protocol."""
        return (
            range(MAX_ARTNET_UNIVERSE + 1)
            if self.protocol == "artnet"
            else range(1, MAX_SACN_UNIVERSE + 1)
        )


def hosts_of(text: str, port: int) -> tuple[Address, ...]:
    """The destinations `HOST[:PORT]` in a text, with commas. SinkError for anything but IPv4
    addresses: a name would have to be looked up while light is sent."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        host, colon, number = part.partition(":")
        try:
            address = str(ipaddress.IPv4Address(host))
        except ValueError:
            raise SinkError(
                f"{part!r} is not an IPv4 address such as 10.0.0.5, with :PORT if it has its own"
            ) from None
        if colon and not (
            number.isascii() and number.isdecimal() and len(number) < 6 and 0 < int(number) < 65_536
        ):
            raise SinkError(f"{part!r}: {number!r} is not a port, 1..65535")
        found.append((address, int(number) if colon else port))
    if len(found) > MAX_HOSTS:
        raise SinkError(f"{len(found)} hosts; at most {MAX_HOSTS} are sent to by unicast")
    return tuple(found)


@dataclass(slots=True)
class _Stream:
    levels: bytes
    sent: int = 0
    """Number of packets sent with these levels."""
    next_s: float = float("-inf")
    sequence: int = -1


class Streams:
    """Decides which universes are due and numbers their packets. Pure. One thread at a time."""

    def __init__(self, numbers: range) -> None:
        """`numbers`: the sequence numbers of packets. In Art-Net, 0 means that a packet has
        none."""
        self._numbers = numbers
        self._streams: dict[int, _Stream] = {}
        self._ended: dict[int, int] = {}  # sequence numbers continue if a universe is sent again

    @property
    def universes(self) -> tuple[int, ...]:
        return tuple(self._streams)

    def set(self, levels: Mapping[int, bytes]) -> tuple[int, ...]:
        """Set the levels of all universes. Returns the universes that are no longer sent; end them
        with `number`."""
        left = tuple(universe for universe in self._streams if universe not in levels)
        for universe in left:
            self._ended[universe] = self._streams.pop(universe).sequence
        for universe, new in levels.items():
            stream = self._streams.get(universe)
            if stream is None:
                self._streams[universe] = _Stream(new, sequence=self._ended.pop(universe, -1))
            elif stream.levels != new:
                stream.levels = new
                stream.sent = 0
                stream.next_s = float("-inf")
        return left

    def due(self, now_s: float, *, is_frame: bool) -> list[tuple[int, bytes, int]]:
        """Packets that are due, each as (universe, levels, sequence number). `is_frame`: levels
        were set just now."""
        due = []
        for universe, stream in self._streams.items():
            if now_s >= stream.next_s or (is_frame and stream.sent < REPEATS):
                stream.sent += 1
                stream.next_s = now_s + KEEP_ALIVE_S
                stream.sequence = self._after(stream.sequence)
                due.append((universe, stream.levels, stream.sequence))
        return due

    def next_s(self) -> float:
        return min((stream.next_s for stream in self._streams.values()), default=float("inf"))

    def number(self, universe: int) -> int:
        """The sequence number of one more packet for a universe that has ended."""
        self._ended[universe] = self._after(self._ended[universe])
        return self._ended[universe]

    def _after(self, sequence: int) -> int:
        return self._numbers[
            sequence + 1 - self._numbers.start if sequence + 1 in self._numbers else 0
        ]


class DmxSender:
    """Sends universes over one socket. One thread at a time. SinkError if the network or the socket
    fails."""

    def __init__(
        self,
        route: Route,
        cid: bytes,
        now_s: Callable[[], float],
        *,
        ports: Address = ("", 0),
        poll_to: str = "",
    ) -> None:
        """`ports`: for tests, the address to bind instead of the protocol's; `poll_to`: `HOST:PORT`
        for ArtPoll instead of the broadcast addresses. SinkError for a `route.to` or interface that
        is none."""
        self.route = route
        self._cid = cid
        self._now_s = now_s
        self._streams = Streams(range(1, 256) if route.protocol == "artnet" else range(256))
        self._port = ARTNET_PORT if route.protocol == "artnet" else SACN_PORT
        self._is_broadcast = route.protocol == "artnet" and route.to == BROADCAST
        self._hosts = () if route.to == BROADCAST else hosts_of(route.to, self._port)
        self._poll_to = hosts_of(poll_to, self._port)
        self._bound: Address = ports
        self._sync_sequence = 0
        self._poll_s = float("-inf")
        self._discovery_s = float("-inf")
        self._own: frozenset[own.Source] = frozenset()
        if route.interface:
            hosts_of(route.interface, self._port)
        self._socket = self._open()

    @property
    def _is_polling(self) -> bool:
        return self.route.protocol == "artnet" and not self._hosts and not self._is_broadcast

    def detail(self) -> str:
        """Protocol and destinations of the light, for the status."""
        if self._hosts:
            return f"to {', '.join(host for host, _ in self._hosts)}"
        if not self._is_polling:
            return BROADCAST if self._is_broadcast else "multicast"
        found = {
            host
            for universe in self._streams.universes
            for host in own.nodes.of(universe, self._now_s())
        }
        return f"{len(found)} node{'' if len(found) == 1 else 's'}" if found else "no node replies"

    def send(self, levels: Mapping[int, bytes]) -> None:
        """Send the universes that are due, and end those that are no longer in `levels`."""
        for universe in self._streams.set(levels):
            self._end(universe)
        self.step(is_frame=True)

    def step(self, *, is_frame: bool = False) -> None:
        """Send keep-alives, polls and discovery. Call it when `next_s` is reached."""
        now_s = self._now_s()
        if self._is_polling:
            self._poll(now_s)
        due = self._streams.due(now_s, is_frame=is_frame)
        for universe, levels, sequence in due:
            self._send_levels(universe, levels, sequence)
        if due and self.route.sync:
            self._send_sync()
        if self.route.protocol == "sacn" and not self._hosts and due and now_s >= self._discovery_s:
            self._discovery_s = now_s + DISCOVERY_S
            found = sacn.sacn_discovery(
                self._streams.universes, cid=self._cid, name=self.route.name
            )
            self._to([(group_of(sacn.DISCOVERY_UNIVERSE), self._port)], found)

    def next_s(self) -> float:
        """Time at which `step` is due next."""
        return min(self._streams.next_s(), self._poll_s if self._is_polling else float("inf"))

    def close(self) -> None:
        """End all universes and withdraw their sources. Idempotent."""
        with suppress(SinkError):  # the network may be unreachable
            for universe in self._streams.set({}):
                self._end(universe)
        own.remove_sources(self._own)
        self._own = frozenset()
        self._socket.close()

    def _send_levels(self, universe: int, levels: bytes, sequence: int, options: int = 0) -> None:
        route = self.route
        if route.protocol == "artnet":
            nodes = (
                [(host, self._port) for host in own.nodes.of(universe, self._now_s())]
                if self._is_polling
                else ()
            )
            to = self._hosts or nodes or self._broadcast_addresses(self._is_broadcast)
            self._to(to, artnet.art_dmx(universe, levels, sequence))
            return
        options |= sacn.FORCED if route.sync else 0
        packet = sacn.sacn_data(
            universe,
            levels,
            cid=self._cid,
            name=route.name,
            priority=route.priority,
            sequence=sequence,
            sync=route.sync,
            options=options,
        )
        self._to(self._hosts or [(group_of(universe), self._port)], packet)

    def _send_sync(self) -> None:
        if self.route.protocol == "artnet":
            self._to(self._hosts or self._broadcast_addresses(True), artnet.ART_SYNC)
            return
        self._sync_sequence = (self._sync_sequence + 1) % 256
        packet = sacn.sacn_sync(self.route.sync, cid=self._cid, sequence=self._sync_sequence)
        self._to(self._hosts or [(group_of(self.route.sync), self._port)], packet)

    def _end(self, universe: int) -> None:
        if self.route.protocol == "sacn":
            for _ in range(3):
                self._send_levels(
                    universe, bytes(512), self._streams.number(universe), sacn.TERMINATED
                )

    def _poll(self, now_s: float) -> None:
        """Poll for nodes, and read the replies that reach this socket."""
        # a receiver has started: replies belong to its socket
        if self._socket.getsockname()[1] == ARTNET_PORT and own.receiving_ports:
            self._socket.close()
            self._socket = self._open()
        # nothing more; Windows: a former packet met a closed port, or too long a datagram
        with suppress(OSError):
            for _ in range(own.MAX_NODES):
                data, (host, _) = self._socket.recvfrom(MAX_DATAGRAM_BYTES)
                own.nodes.note_reply(data, host, now_s)
        if now_s >= self._poll_s:
            self._poll_s = now_s + POLL_S
            self._to(self._poll_to or self._broadcast_addresses(True), artnet.ART_POLL)

    def _to(self, addresses: Iterable[Address], packet: bytes) -> None:
        for address in addresses:
            try:
                self._socket.sendto(packet, address)
            except BlockingIOError:
                continue
            except OSError as error:
                raise SinkError(
                    f"dmx: {address[0]} cannot be reached ({error.strerror or error})"
                ) from None

    def _broadcast_addresses(self, is_enabled: bool) -> list[Address]:
        """The broadcast addresses of this machine's networks, or of the chosen one."""
        chosen = self.route.interface
        return [
            (str(entry.network.broadcast_address), self._port)
            for entry in (own_interfaces() if is_enabled else ())
            if entry.version == 4 and (str(entry.ip) == chosen if chosen else not entry.is_loopback)
        ]

    def _open(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        address = self._bound
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            if self.route.interface:
                sock.setsockopt(
                    socket.IPPROTO_IP,
                    socket.IP_MULTICAST_IF,
                    socket.inet_aton(self.route.interface),
                )
            if self._is_polling and not self._poll_to and not own.receiving_ports:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if sys.platform == "darwin":
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                address = ("", ARTNET_PORT)
            sock.bind(address)
        except OSError as error:
            sock.close()
            subject = (
                f"UDP port {address[1]}"
                if address[1]
                else f"the interface {self.route.interface or address[0]}"
            )
            raise SinkError(f"dmx: {subject} cannot be used ({error.strerror or error})") from None
        port = sock.getsockname()[1]
        hosts = {"127.0.0.1", *(str(entry.ip) for entry in own_interfaces() if entry.version == 4)}
        former = self._own
        self._own = frozenset(
            (("sacn", self._cid.hex()), *(("artnet", f"{host}:{port}") for host in hosts))
        )
        own.add_sources(self._own)
        own.remove_sources(former)
        return sock
