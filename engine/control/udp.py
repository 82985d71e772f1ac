"""OSC over UDP: one non-blocking socket that the receiving thread reads and the sending thread
writes.

The socket is emptied again and again while waiting packets are executed, because a full system
buffer drops the newest packets. `backpressure.py` drops replaced ones instead.
"""

import socket
import struct
import sys
from collections.abc import Hashable
from functools import partial

from engine.control.allow import AllowList
from engine.control.backpressure import Backlog, CoalescedBatch, Datagram
from engine.control.datagrams import BATCH, open_reader
from engine.control.dispatcher import Dispatcher
from engine.control.outgoing.sender import Sender, display_address
from engine.system.reporting import Report

# holds 40 000 small packets: one second at 40 000 per second
REQUESTED_RECEIVE_BUFFER_BYTES = 32 << 20
# macOS allows no more than 7 MiB, whatever kern.ipc.maxsockbuf is set to
MAC_RECEIVE_BUFFER_BYTES = 4 << 20
REQUESTED_SEND_BUFFER_BYTES = 1 << 20  # feedback to many subscribers is sent in bursts
MIN_BUFFER_BYTES = 1 << 16
READ_AT_ONCE = 2048  # datagrams, undecoded, between two batches that are executed: 4 ms
EXECUTED_AT_ONCE = 64
PACKETS_A_TURN = 512  # then it is TCP's turn
MAX_CACHED_SENDERS = 1024

_SO_RCVBUFFORCE = 33  # Linux: may exceed net.core.rmem_max, for privileged processes
# Linux: sock_diag(7), SK_MEMINFO_DROPS
_SO_MEMINFO = 55
_DROPS_AT = 8
_MEMINFO = struct.Struct("=9I")


class UdpTransport:
    """Reads and sends datagrams, and caches their senders."""

    def __init__(
        self, sock: socket.socket, dispatcher: Dispatcher, allow: AllowList, report: Report
    ) -> None:
        self.socket = sock
        self._report = report
        self._dispatcher = dispatcher
        self._counters = dispatcher.counters
        self._allow = allow
        self._reader = open_reader(sock)
        self._senders: dict[Hashable, Sender] = {}
        self._backlog = Backlog(dispatcher.new_coalescer())
        self._lost = 0
        self.noticed_s = 0.0
        """When the thread noticed that the socket can be read, by `time.perf_counter`; set by that
        thread."""

    # -- the receiving thread ------------------------------------------------------------------

    @property
    def is_behind(self) -> bool:
        """True if packets wait that have been read already."""
        return len(self._backlog) > 0

    def read(self) -> None:
        """Execute at most 512 packets, and empty the socket before each 64 of them. Hot path: 40
        000 per second."""
        backlog = self._backlog
        receive = self._dispatcher.receive
        received = self._reader.read(self.noticed_s)
        if len(received) < BATCH and not backlog:
            for data, sender, arrived_s in self._allowed(received):
                receive(data, sender, arrived_s)
            return
        for _ in range(PACKETS_A_TURN // EXECUTED_AT_ONCE):
            # on a busy machine even 512 packets can take long enough to lose some
            self._queue(received)
            self._count_coalesced(backlog.begin_generation())
            for data, sender, arrived_s in backlog.take(EXECUTED_AT_ONCE):
                receive(data, sender, arrived_s)
            if not backlog:
                return
            received = self._reader.read(self.noticed_s)
        self._queue(received)

    def empty(self) -> None:
        """Move the socket's datagrams into the backlog without executing any."""
        self._queue(self._reader.read(self.noticed_s))

    def _queue(self, received: list[tuple[bytes, Hashable, float]]) -> None:
        """Add the received datagrams to the backlog, and then those that the socket still has, at
        most 2048."""
        for _ in range(READ_AT_ONCE // BATCH):
            self._count_coalesced(self._backlog.add(self._allowed(received)))
            if len(received) < BATCH:
                return
            received = self._reader.read(self.noticed_s)
        self._count_coalesced(self._backlog.add(self._allowed(received)))

    def _allowed(self, received: list[tuple[bytes, Hashable, float]]) -> list[Datagram]:
        """The datagrams of allowed senders, with these senders."""
        senders = self._senders
        datagrams: list[Datagram] = []
        for data, key, arrived_s in received:
            sender = senders.get(key) or self._new_sender(key)
            if sender is not None:
                datagrams.append((data, sender, arrived_s))
        return datagrams

    def _new_sender(self, key: Hashable) -> Sender | None:
        """The Sender for a new address, or None if it is not allowed; that is checked again for its
        next packet."""
        address = self._reader.address_of(key)
        if not self._allow.allows(address[0], self._dispatcher.clock.now_s()):
            self._counters.refused += 1
            self._report(
                "osc.refused",
                f"OSC from {display_address(*address[:2])} refused: not in --osc-allow",
            )
            return None
        if len(self._senders) >= MAX_CACHED_SENDERS:
            self._senders.clear()
        sender = self._senders[key] = self.sender_at(*address[:2])
        return sender

    def _count_coalesced(self, batch: CoalescedBatch | None) -> None:
        if batch is None:
            return
        self._counters.replaced += batch.replaced
        self._counters.discarded += batch.discarded
        for sender_name, address in batch.overwritten:
            self._dispatcher.feedback.queue_echo(sender_name, (address,))
        if batch.discarded:
            reason = (
                "more arrive than can be executed; values are kept, repeated and unmapped "
                "messages are not"
            )
            self._report("osc.discarded", f"OSC: {batch.discarded} messages discarded: {reason}")

    # -- any thread ----------------------------------------------------------------------------

    def sender_at(self, host: str, port: int) -> Sender:
        name = f"udp {display_address(host, port)}"
        return Sender(
            name=name,
            post=partial(
                self._dispatcher.outbox.put,
                name,
                partial(self._deliver, (host, port)),
                is_paced=True,
            ),
            at_port=partial(self.sender_at, host),
        )

    # -- the sending thread --------------------------------------------------------------------

    def _deliver(self, address: tuple[str, int], packet: bytes) -> None:
        try:
            self.socket.sendto(packet, address)
        except (
            OSError
        ) as error:  # nothing listens there, no route, packet too large, or buffer full
            self._counters.add("dropped")
            reason = error.strerror or error
            self._report("osc.unsent", f"OSC to {display_address(*address)}: {reason}")
        else:
            self._counters.sent += 1

    def count_lost(self) -> None:
        """Count the datagrams that the system dropped because the receive buffer was full
        (Linux)."""
        if sys.platform != "linux":
            return
        lost = _MEMINFO.unpack(
            self.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        )[_DROPS_AT]
        newly = lost - self._lost
        if newly > 0:
            self._lost = lost
            self._counters.lost += newly
            size = granted_receive_buffer_bytes(self.socket)
            self._report(
                "osc.lost", f"OSC: {newly} packets lost, the buffer of {size} bytes was full"
            )


def request_buffers(sock: socket.socket) -> None:
    """Request 32 MiB to receive and 1 MiB to send; the system may grant less."""
    _request_size(sock, socket.SO_SNDBUF, REQUESTED_SEND_BUFFER_BYTES)
    _request_size(sock, socket.SO_RCVBUF, REQUESTED_RECEIVE_BUFFER_BYTES)
    if (
        sys.platform == "linux"
        and granted_receive_buffer_bytes(sock) < REQUESTED_RECEIVE_BUFFER_BYTES
    ):
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, REQUESTED_RECEIVE_BUFFER_BYTES)
        except PermissionError:
            pass  # `multiverse doctor` explains how an administrator raises net.core.rmem_max


def _request_size(sock: socket.socket, option: int, size: int) -> None:
    while size >= MIN_BUFFER_BYTES:
        try:
            sock.setsockopt(socket.SOL_SOCKET, option, size)
            return
        except (
            OSError
        ):  # macOS refuses more than kern.ipc.maxsockbuf; Linux and Windows grant less instead
            size //= 2


def granted_receive_buffer_bytes(sock: socket.socket) -> int:
    """The granted size, comparable to the requested one: Linux reports twice as much, for its own
    bookkeeping."""
    granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return granted // 2 if sys.platform == "linux" else granted
