"""Receives Art-Net and sACN on a thread of its own, and passes changed levels on.

    sockets ─► packets.py ─► Universe (newest levels) ─► Forwarder (changed channels) ─► deliver

Levels are read as they come, but passed on at most a hundred times per second: of those between two
frames only the newest counts. Each turn reads and passes on a limited number, then rests, so that
many packets take no time from the picture; what the socket's buffer cannot hold is lost, and a
newer packet follows within 25 ms.
"""

import logging
import random
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from engine.control.datagrams import BatchReader, SingleReader, open_reader
from engine.control.dmx.forwarding import Forwarder
from engine.control.dmx.sockets import SharedPort, address_towards, open_groups, open_socket
from engine.control.dmx.universe import DmxStatus, Merge, Universe
from engine.dmx import own
from engine.dmx.artnet import ARTNET_PORT, Poll, poll_replies, read_artnet
from engine.dmx.packets import LevelsPacket, Protocol
from engine.dmx.sacn import SACN_PORT, read_sacn
from engine.errors import DmxDecodeError, MultiverseError
from engine.osc.decode import Message
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard
from engine.system.reporting import Report
from engine.system.token_bucket import TokenBuckets
from engine.values import TimecodeReading

log = logging.getLogger(__name__)

READ_INTERVAL_S: Final = 0.004  # between two turns
FORWARD_INTERVAL_S: Final = 0.01
STEP_INTERVAL_S: Final = 0.5  # between two checks for silent senders
PORTS_INTERVAL_S: Final = 5.0  # between two checks for programs on the same ports
CLOSED_WITHIN_S: Final = 3.0
MAX_REPORTED_UNIVERSES: Final = 8  # lines about universes that are not configured
MAX_WAITING: Final = 16  # hosts whose polls are not answered yet
MAX_DELAY_S: Final = 1.0

ReadPacket = Callable[[bytes, str, int], LevelsPacket | TimecodeReading | None]
"""`read(data, host, port)`: the levels or the timecode in a packet, None if it has neither, or
DmxDecodeError."""
Reader = BatchReader | SingleReader


class WaitingPolls:
    """The queue of ArtPolls that wait for their reply. One thread at a time. Pure: time is an
    argument. The reply goes to the host that asked, at Art-Net's port ("Discovery Packets"). A
    random delay of up to a second saves a console from a hundred replies at once. The sender's
    address may be forged, and a reply is seventeen times as large as a poll: a host gets one reply
    per second, and at most 16 hosts wait."""

    def __init__(self, delay_s: Callable[[], float]) -> None:
        """`delay_s()`: the delay of one reply, 0..`MAX_DELAY_S`."""
        self._delay_s = delay_s
        self._waiting: dict[str, tuple[float, Poll]] = {}
        self._limit = TokenBuckets(1, 1.0)

    def add(self, poll: Poll, host: str, now_s: float) -> None:
        """Answer this poll later, unless its host asks too often."""
        if (
            host in self._waiting
            or len(self._waiting) >= MAX_WAITING
            or not self._limit[host].take(now_s)
        ):
            return
        self._waiting[host] = now_s + self._delay_s(), poll

    def take_due(self, now_s: float) -> list[tuple[str, Poll]]:
        """Remove and return the polls whose reply is due, with their hosts."""
        due = [(host, poll) for host, (due_s, poll) in self._waiting.items() if due_s <= now_s]
        for host, _ in due:
            del self._waiting[host]
        return due

    def next_due_s(self) -> float:
        """When the next reply is due; infinity if none waits."""
        return min((due_s for due_s, _ in self._waiting.values()), default=float("inf"))


class DmxReceiver:
    """The DMX receiver, from `start` to `close`. `start` raises MultiverseError with the port if it
    cannot bind."""

    def __init__(
        self,
        listen: str,
        universes: Iterable[int],
        *,
        deliver: Callable[[list[Message], str], None],
        mapped: Callable[[], frozenset[str]],
        clock: Clock,
        report: Report,
        notice: Callable[[str], None],
        name: str,
        interface: str | None = None,
        artnet_port: int = ARTNET_PORT,
        sacn_port: int = SACN_PORT,
        reply_delay_s: Callable[[], float] | None = None,
        merge: Merge = "newest",
        on_timecode: Callable[[TimecodeReading], None] = lambda reading: None,
    ) -> None:
        """`listen`: `artnet`, `sacn` or `both`. `mapped()`: the addresses in the map; the same
        object until it changes. `deliver(messages, source)` executes mapped messages and lists the
        others; called on the receiving thread, as `on_timecode(reading)` with Art-Net's timecode.
        `name`: what a console lists this node as. `interface`: an IPv4 address of this machine;
        None: all. Port 0: the system chooses. `reply_delay_s`: random by default. `merge`: among
        senders of one priority."""
        self.listen = listen
        first = 1 if listen == "sacn" else 0
        self._numbers = tuple(number for number in dict.fromkeys(universes) if number >= first)
        self._merge: Merge = merge
        self._on_timecode = on_timecode
        self._deliver = deliver
        self._mapped = mapped
        self._clock = clock
        self._report = report
        self._notice = notice
        self._name = name
        self._interface = interface
        self.artnet_port = artnet_port
        self.sacn_port = sacn_port
        """The ports in use, after `start`."""
        self._lock = threading.Lock()  # the status is read on other threads
        self._universes: dict[int, Universe] = {}
        self._forwarder = Forwarder(self._numbers)
        self._known_map: frozenset[str] | None = None
        self._packets = 0
        self._malformed = 0
        self._ignored = 0
        self._answered = 0
        self._reported_universes: set[int] = set()
        self._polls = WaitingPolls(reply_delay_s or (lambda: random.uniform(0.0, MAX_DELAY_S)))
        self._forward_s = float("-inf")
        self._step_s = float("-inf")
        self._ports_s = float("-inf")
        self._shared: list[SharedPort] = []
        self._changed: dict[int, Universe] = {}
        """Universes with channels to pass on."""
        self._artnet: socket.socket | None = None
        self._is_closing = threading.Event()
        self._guard = Guard(log, report, "dmx.error", "dmx")
        self._selector = selectors.DefaultSelector()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        try:
            if self.listen in ("artnet", "both"):
                self._artnet = self._open("artnet", self.artnet_port, self._read_artnet)
                self.artnet_port = self._artnet.getsockname()[1]
                own.receiving_ports.add(self.artnet_port)
            if self.listen in ("sacn", "both"):
                unicast = self._open("sacn", self.sacn_port, self._read_sacn)
                self.sacn_port = unicast.getsockname()[1]
                for sock in open_groups(self._numbers, self._interface, unicast, self._report):
                    self._add(sock, self._read_sacn)
        except MultiverseError:
            self._close_sockets()
            raise
        self._check_shared_ports()
        wake_end, woken_end = socket.socketpair()
        self._wake_end = wake_end
        self._woken_end = woken_end
        self._selector.register(
            self._woken_end, selectors.EVENT_READ, (self._woken_end, None, None)
        )
        self._thread = threading.Thread(target=self._run, name="dmx", daemon=True)
        self._thread.start()

    def _open(self, protocol: Protocol, port: int, read: ReadPacket) -> socket.socket:
        sock, was_in_use = open_socket(protocol, self._interface, port)
        self._shared.append(SharedPort(protocol, sock, was_in_use))
        return self._add(sock, read)

    def _add(self, sock: socket.socket, read: ReadPacket) -> socket.socket:
        # Only timecode, which is Art-Net's, needs the kernel's time of arrival.
        reader = SingleReader(sock) if read == self._read_sacn else open_reader(sock)
        self._selector.register(sock, selectors.EVENT_READ, (sock, reader, read))
        return sock

    def close(self) -> None:
        """End the thread and close the sockets. Safe without `start`."""
        if self._thread is None:
            return
        self._is_closing.set()
        self._wake_end.send(b"\0")
        self._thread.join(CLOSED_WITHIN_S)
        self._thread = None
        self._close_sockets()
        self._wake_end.close()
        own.receiving_ports.discard(self.artnet_port)

    def status(self) -> DmxStatus:
        """Counters and universes received since the start; may be called on any thread."""
        now_s = self._clock.now_s()
        with self._lock:
            return DmxStatus(
                listen=self.listen,
                configured=self._numbers,
                packets=self._packets,
                malformed=self._malformed,
                ignored=self._ignored,
                polls=self._answered,
                shared_ports=tuple(each.port for each in self._shared if each.is_shared),
                universes=tuple(
                    self._universes[number].status(now_s) for number in sorted(self._universes)
                ),
            )

    # -- the receiving thread ------------------------------------------------------------------

    def _run(self) -> None:
        while not self._is_closing.is_set():
            self._guard.attempt(self._turn)
            self._is_closing.wait(READ_INTERVAL_S)

    def _turn(self) -> None:
        # Until something is due without a packet.
        due_s = min(
            self._step_s,
            self._polls.next_due_s(),
            self._forward_s if self._changed else float("inf"),
        )
        ready = self._selector.select(max(0.0, due_s - self._clock.now_s()))
        for key, _ in ready:
            _, reader, read = key.data
            if reader is not None:
                self._read(reader, read)
        now_s = self._clock.now_s()
        if now_s >= self._step_s:
            self._step_s = now_s + STEP_INTERVAL_S
            self._find_silent(now_s)
        if now_s >= self._ports_s:
            self._ports_s = now_s + PORTS_INTERVAL_S
            self._check_shared_ports()
        if now_s >= self._forward_s:
            self._forward(now_s)
        self._answer_polls(now_s)

    def _read(self, reader: Reader, read: ReadPacket) -> None:
        try:
            received = reader.read(time.perf_counter())
        except OSError as error:
            self._malformed += 1
            self._report("dmx.malformed", f"dmx: {error.strerror or error}")
            return
        for data, key, arrived_s in received:
            host, port = reader.address_of(key)[:2]
            try:
                packet = read(data, host, port)
            except DmxDecodeError as error:
                self._malformed += 1
                self._report("dmx.malformed", f"dmx: packet from {host} left out: {error}")
                continue
            if isinstance(packet, TimecodeReading):
                self._on_timecode(replace(packet, at_s=self._clock.time_of(arrived_s)))
            elif packet is not None:
                self._take(packet)

    def _read_artnet(
        self, data: bytes, host: str, port: int
    ) -> LevelsPacket | TimecodeReading | None:
        if ("artnet", f"{host}:{port}") in own.own_sources:
            return None  # the sink dmx of this process, of which a poll needs no reply either
        packet = read_artnet(data, host, port)
        if packet is None:
            own.nodes.note_reply(data, host, time.monotonic())
        if isinstance(packet, Poll):
            self._polls.add(packet, host, self._clock.now_s())
            return None
        return packet

    def _read_sacn(self, data: bytes, host: str, port: int) -> LevelsPacket | None:
        packet = read_sacn(data, host)
        return None if packet is None or ("sacn", packet.source) in own.own_sources else packet

    def _take(self, packet: LevelsPacket) -> None:
        if packet.universe not in self._numbers:
            self._ignored += 1
            self._report_unconfigured(packet)
            return
        now_s = self._clock.now_s()
        with self._lock:
            universe = self._universes.get(packet.universe)
            if universe is None:
                if packet.is_end or packet.is_priorities:
                    return
                universe = self._universes[packet.universe] = Universe(packet.universe, self._merge)
            was_silent = not universe.has_sources
            before = universe.source
            is_used = universe.take(packet, now_s)
            self._packets += 1
            self._ignored += not is_used
            is_holding = universe.holds_last_levels
            if is_used and universe.has_news:
                self._changed[universe.number] = universe
        if universe.stuck:
            self._report(
                f"dmx.stuck.{universe.number}",
                f"dmx: universe {universe.number}: packets from {universe.stuck} all have number "
                f"{packet.sequence}, so"
                " they count as repeated and are left out; its program must count them",
            )
        if packet.is_end and is_holding and not was_silent:
            self._report(
                f"dmx.silent.{universe.number}",
                f"{_lost(universe)} has ended it; its last levels are held",
            )
        elif was_silent and not is_holding:
            again = " again" if before else ""
            self._notice(
                f"dmx: universe {universe.number} is received{again}, from {universe.source}"
            )

    def _report_unconfigured(self, packet: LevelsPacket) -> None:
        """Report once that a universe arrives that is not configured."""
        if (
            packet.universe in self._reported_universes
            or len(self._reported_universes) >= MAX_REPORTED_UNIVERSES
        ):
            return
        self._reported_universes.add(packet.universe)
        known = ", ".join(map(str, self._numbers[:8])) + (" ..." if len(self._numbers) > 8 else "")
        self._notice(
            f"dmx: universe {packet.universe} from {packet.protocol} {packet.name} is not used"
            f" (--dmx-universes: {known}); add it there if it should be"
        )

    def _check_shared_ports(self) -> None:
        for each in self._shared:
            line = each.check()
            if line is not None:
                if each.is_shared:
                    self._report(f"dmx.shared.{each.port}", line)
                else:
                    self._notice(line)

    def _find_silent(self, now_s: float) -> None:
        with self._lock:
            silent = [universe for universe in self._universes.values() if universe.step(now_s)]
            self._changed |= {
                each.number: each for each in self._universes.values() if each.has_news
            }
        for universe in silent:
            self._report(
                f"dmx.silent.{universe.number}",
                f"{_lost(universe)} is silent; its last levels are held",
            )

    def _forward(self, now_s: float) -> None:
        known = self._mapped()
        if known is not self._known_map:
            self._known_map = known
            self._forwarder.set_mapped(known)
        if not self._changed:
            return
        self._forward_s = now_s + FORWARD_INTERVAL_S
        changes, left = self._forwarder.take(self._changed)
        self._changed = {number: self._universes[number] for number in left}
        by_source: dict[str, list[Message]] = {}
        for universe, messages in changes:
            by_source.setdefault(universe.source, []).extend(messages)
        for source, messages in by_source.items():
            # a console's faders move in one frame, in whichever universe they are
            self._deliver(messages, source)

    def _answer_polls(self, now_s: float) -> None:
        for host, poll in self._polls.take_due(now_s):
            self._answered += 1
            live = [
                universe.number
                for universe in self._universes.values()
                if not universe.holds_last_levels
            ]
            address = self._interface or address_towards(host)
            for packet in poll_replies(poll, self._numbers, live, address=address, name=self._name):
                assert self._artnet is not None  # only its packets are polls
                try:
                    self._artnet.sendto(packet, (host, self.artnet_port))
                except OSError as error:
                    self._report(
                        "dmx.reply", f"dmx: ArtPollReply to {host}: {error.strerror or error}"
                    )

    def _close_sockets(self) -> None:
        for key in list(self._selector.get_map().values()):
            key.data[0].close()
        self._selector.close()


def _lost(universe: Universe) -> str:
    return f"dmx: universe {universe.number}: {universe.source}"
