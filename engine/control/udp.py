"""OSC over UDP: one non-blocking socket that the receiving thread reads and the sending thread writes.

The socket is emptied again and again while waiting packets are executed. The system's buffer is never left full, in
which it would throw away the newest packets; `flood.py` decides what is left out instead.

Problem: a datagram that nobody reads in time is thrown away by the system, and always the newest one. Python's `recv`
costs 3 us a datagram (a system call, the GIL released and taken, the sender's address as text), a quarter of what
executing it costs. And `recv` does not tell when it arrived: while a frame is drawn, datagrams wait for up to 50 ms.

On Linux `recvmmsg` reads 256 datagrams in one call, without the GIL, each with the sender's address as bytes and the
kernel's time of arrival (SO_TIMESTAMPNS, socket(7)). Python does not offer it, so it is called through ctypes.
Elsewhere `recvfrom_into` is used; then a datagram counts as arrived when the thread noticed that the socket has some.
"""

import ctypes
import errno
import mmap
import os
import socket
import struct
import sys
import time
from collections.abc import Hashable
from functools import partial

from engine.control.allow import AllowList
from engine.control.dispatcher import Dispatcher
from engine.control.flood import Backlog, Datagram, Sifted
from engine.control.outgoing.sender import Sender, SocketAddress, display_address
from engine.system.reporting import Report

WANTED_RECEIVE_BUFFER_BYTES = 32 << 20  # holds 40 000 small packets: a second at 40 000 a second
MAC_RECEIVE_BUFFER_BYTES = 4 << 20  # macOS allows no more than 7 MiB, whatever kern.ipc.maxsockbuf is set to
WANTED_SEND_BUFFER_BYTES = 1 << 20  # feedback to many subscribers is sent in bursts
MIN_BUFFER_BYTES = 1 << 16
READ_AT_ONCE = 2048  # datagrams, undecoded, between two batches that are executed: 4 ms
EXECUTED_AT_ONCE = 64
PACKETS_A_TURN = 512  # then it is TCP's turn
KEPT_SENDERS = 1024

_SO_RCVBUFFORCE = 33  # Linux: may exceed net.core.rmem_max, for privileged processes
_SO_MEMINFO, _DROPS_AT, _MEMINFO = 55, 8, struct.Struct("=9I")  # Linux: sock_diag(7), SK_MEMINFO_DROPS


class UdpTransport:
    """Reads and sends datagrams, and remembers their senders."""

    def __init__(self, sock: socket.socket, dispatcher: Dispatcher, allow: AllowList, report: Report) -> None:
        self.socket = sock
        self._report = report
        self._dispatcher = dispatcher
        self._counters = dispatcher.counters
        self._allow = allow
        self._reader = open_reader(sock)
        self._senders: dict[Hashable, Sender] = {}
        self._backlog = Backlog(dispatcher.new_sieve())
        self.noticed_s = 0.0
        """When the thread noticed that the socket can be read, by `time.perf_counter`; set by that thread."""

    # -- the receiving thread ------------------------------------------------------------------

    @property
    def is_behind(self) -> bool:
        """True if packets wait that have been read already."""
        return len(self._backlog) > 0

    def read(self) -> None:
        """Execute at most 512 packets, and empty the socket before each 64 of them. Hot path: 40 000 a second."""
        backlog, receive = self._backlog, self._dispatcher.receive
        found = self._reader.read(self.noticed_s)
        if len(found) < BATCH and not backlog:
            for data, sender, arrived_s in self._allowed(found):
                receive(data, sender, arrived_s)
            return
        for _ in range(PACKETS_A_TURN // EXECUTED_AT_ONCE):
            self._keep(found)  # on a busy machine even 512 packets can take long enough to lose some
            self._count_sifted(backlog.begin_generation())
            for data, sender, arrived_s in backlog.take(EXECUTED_AT_ONCE):
                receive(data, sender, arrived_s)
            if not backlog:
                return
            found = self._reader.read(self.noticed_s)
        self._keep(found)

    def empty(self) -> None:
        """Read what the socket holds and execute nothing."""
        self._keep(self._reader.read(self.noticed_s))

    def _keep(self, found: list[tuple[bytes, Hashable, float]]) -> None:
        """Add to the backlog what was read and what else the socket holds, at most 2048 packets."""
        for _ in range(READ_AT_ONCE // BATCH):
            self._count_sifted(self._backlog.add(self._allowed(found)))
            if len(found) < BATCH:
                return
            found = self._reader.read(self.noticed_s)
        self._count_sifted(self._backlog.add(self._allowed(found)))

    def _allowed(self, found: list[tuple[bytes, Hashable, float]]) -> list[Datagram]:
        """The datagrams of allowed senders, with these senders."""
        senders = self._senders
        datagrams: list[Datagram] = []
        for data, key, arrived_s in found:
            sender = senders.get(key) or self._new_sender(key)
            if sender is not None:
                datagrams.append((data, sender, arrived_s))
        return datagrams

    def _new_sender(self, key: Hashable) -> Sender | None:
        """The Sender for a new address, or None if it is not allowed; that is checked again for its next packet."""
        address = self._reader.address_of(key)
        if not self._allow.allows(address[0], self._dispatcher.clock.now_s()):
            self._counters.refused += 1
            self._report("osc.refused", f"OSC from {display_address(*address[:2])} refused: not in --osc-allow")
            return None
        if len(self._senders) >= KEPT_SENDERS:
            self._senders.clear()
        sender = self._senders[key] = self.sender_at(*address[:2])
        return sender

    def _count_sifted(self, sifted: Sifted | None) -> None:
        if sifted is None:
            return
        self._counters.replaced += sifted.replaced
        self._counters.discarded += sifted.discarded
        for sender_name, address in sifted.overwritten:
            self._dispatcher.feedback.owe(sender_name, (address,))
        if sifted.discarded:
            reason = "more arrive than can be executed; values are kept, repeated and unmapped messages are not"
            self._report("osc.discarded", f"OSC: {sifted.discarded} messages discarded: {reason}")

    # -- any thread ----------------------------------------------------------------------------

    def sender_at(self, host: str, port: int) -> Sender:
        name = f"udp {display_address(host, port)}"
        return Sender(
            name=name,
            post=partial(self._dispatcher.outbox.put, name, partial(self._deliver, (host, port)), is_paced=True),
            at_port=partial(self.sender_at, host),
        )

    # -- the sending thread --------------------------------------------------------------------

    def _deliver(self, address: tuple[str, int], packet: bytes) -> None:
        try:
            self.socket.sendto(packet, address)
        except OSError as error:  # nothing listens there, no route, packet too large, or buffer full
            self._counters.add("dropped")
            reason = error.strerror or error
            self._report("osc.unsent", f"OSC to {display_address(*address)}: {reason}")
        else:
            self._counters.sent += 1

    def count_lost(self) -> None:
        """Count the datagrams that the system dropped because the receive buffer was full (Linux)."""
        if sys.platform != "linux":
            return
        figures = self.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        lost = _MEMINFO.unpack(figures)[_DROPS_AT]
        newly = lost - self._counters.lost
        if newly > 0:
            self._counters.lost = lost
            size = granted_receive_buffer_bytes(self.socket)
            self._report("osc.lost", f"OSC: {newly} packets lost, the buffer of {size} bytes was full")


def ask_for_buffers(sock: socket.socket) -> None:
    """Request 32 MiB to receive and 1 MiB to send; the system may grant less."""
    _ask(sock, socket.SO_SNDBUF, WANTED_SEND_BUFFER_BYTES)
    _ask(sock, socket.SO_RCVBUF, WANTED_RECEIVE_BUFFER_BYTES)
    if sys.platform == "linux" and granted_receive_buffer_bytes(sock) < WANTED_RECEIVE_BUFFER_BYTES:
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, WANTED_RECEIVE_BUFFER_BYTES)
        except PermissionError:
            pass  # `multiverse doctor` explains how an administrator raises net.core.rmem_max


def _ask(sock: socket.socket, option: int, size: int) -> None:
    while size >= MIN_BUFFER_BYTES:
        try:
            sock.setsockopt(socket.SOL_SOCKET, option, size)
            return
        except OSError:  # macOS refuses more than kern.ipc.maxsockbuf; Linux and Windows grant less instead
            size //= 2


def granted_receive_buffer_bytes(sock: socket.socket) -> int:
    """The granted size, comparable to the requested one: Linux reports twice as much, for its own bookkeeping."""
    granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return granted // 2 if sys.platform == "linux" else granted


MAX_DATAGRAM_BYTES = 65_536
MAX_AGE_S = 60.0  # an older stamp shows that the wall clock was set meanwhile
BATCH = 256  # datagrams a call: after each, the thread has to wait for the GIL
_SLOT_BYTES = MAX_DATAGRAM_BYTES + 320  # not a power of two, so that the slots use different lines of the cache

_IS_BATCHED = sys.platform == "linux" and sys.maxsize > 1 << 32  # the layouts below are those of 64 bits
_SO_TIMESTAMPNS = 35  # asm-generic/socket.h
_NAME_BYTES = 32  # sockaddr_in6 has 28
_CONTROL_BYTES = 32  # a cmsghdr of 16 bytes, a timespec of 16
_CONTROL_WORDS, _SECONDS_AT, _NANOSECONDS_AT = _CONTROL_BYTES // 8, 2, 3
_IPV4, _IPV6 = struct.Struct("=H2s4s"), struct.Struct("=H2s4x16s")  # family, port, address (ip(7), ipv6(7))
_MAX_CLOCK_SPAN_S = 2e-5  # between two readings of a clock with one of another in between
_CLOCK_ATTEMPTS = 4


def open_reader(sock: socket.socket) -> "BatchReader | SingleReader":
    """The fastest reader of this system, for a non-blocking UDP socket. The receiving thread."""
    if _IS_BATCHED:
        try:
            return BatchReader(sock)
        except (OSError, AttributeError):  # no such call in this kernel, sandbox or C library
            pass
    return SingleReader(sock)


class SingleReader:
    """Reads one datagram a call; works everywhere."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = bytearray(MAX_DATAGRAM_BYTES)

    def read(self, noticed_s: float) -> list[tuple[bytes, Hashable, float]]:
        """At most 256 datagrams, each with the key of its sender and its arrival by `time.perf_counter`; fewer if no
        more are there. `noticed_s`: when the thread noticed that the socket can be read. Raises OSError."""
        receive_into, buffer, view = self._socket.recvfrom_into, self._buffer, memoryview(self._buffer)
        found: list[tuple[bytes, Hashable, float]] = []
        while len(found) < BATCH:
            try:
                size, address = receive_into(buffer)
            except BlockingIOError:
                break
            except ConnectionResetError:  # Windows reports here that an earlier answer went to a closed port
                continue
            found.append((bytes(view[:size]), address, noticed_s))
        return found

    def address_of(self, key: Hashable) -> SocketAddress:
        """Host (numeric) and port of a sender."""
        assert isinstance(key, tuple)
        return key


class _IoVector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """`struct mmsghdr` (recvmmsg(2)): a `msghdr` and the number of bytes received."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_bytes", ctypes.c_uint),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_bytes", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("padding", ctypes.c_int),
        ("received_bytes", ctypes.c_uint),
    )


_HEADER_WORDS = ctypes.sizeof(_Header) // 4
_NAME_LENGTH_AT = _Header.name_bytes.offset // 4
_RECEIVED_AT = _Header.received_bytes.offset // 4


class BatchReader:
    """Reads up to 256 datagrams a call with their times of arrival (Linux, 64 bits)."""

    def __init__(self, sock: socket.socket) -> None:
        """Raises OSError if the system has no `recvmmsg`, AttributeError if the C library has none."""
        self._socket = sock
        self._call = ctypes.CDLL(None, use_errno=True).recvmmsg
        self._call.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
        memory = mmap.mmap(-1, BATCH * _SLOT_BYTES)  # a page is taken when it is first used, not now
        headers, vectors = bytearray(BATCH * ctypes.sizeof(_Header)), bytearray(BATCH * ctypes.sizeof(_IoVector))
        names, controls = bytearray(BATCH * _NAME_BYTES), bytearray(BATCH * _CONTROL_BYTES)
        self._headers_at = _address_of(headers)
        for number in range(BATCH):
            vector = _IoVector.from_buffer(vectors, number * ctypes.sizeof(_IoVector))
            vector.base, vector.length = _address_of(memory) + number * _SLOT_BYTES, MAX_DATAGRAM_BYTES
            header = _Header.from_buffer(headers, number * ctypes.sizeof(_Header))
            header.name, header.name_bytes = _address_of(names) + number * _NAME_BYTES, _NAME_BYTES
            header.vectors, header.vector_count = ctypes.addressof(vector), 1
            header.control, header.control_bytes = _address_of(controls) + number * _CONTROL_BYTES, _CONTROL_BYTES
        self._pristine = bytes(headers)  # each call overwrites the lengths
        self._data, self._names = memoryview(memory), memoryview(names)
        self._vectors, self._headers = memoryview(vectors), memoryview(headers)  # a view keeps its memory in place
        self._words = self._headers.cast("I")
        self._times = memoryview(controls).cast("Q")
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        try:
            self._receive(-1)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise

    def _receive(self, descriptor: int) -> int:
        """Read into the buffers; the number of datagrams, 0 if none is there."""
        received: int = self._call(descriptor, self._headers_at, BATCH, socket.MSG_DONTWAIT, None)
        if received >= 0:
            return received
        number = ctypes.get_errno()
        if number in (errno.EAGAIN, errno.EINTR):
            return 0
        raise OSError(number, os.strerror(number))

    def read(self, noticed_s: float) -> list[tuple[bytes, Hashable, float]]:
        # hot path: 40 000 datagrams a second
        count = self._receive(self._socket.fileno())
        if not count:
            return []
        data, names, words, times = self._data, self._names, self._words, self._times
        ahead_s, now_s = _wall_clock_ahead_s()
        found: list[tuple[bytes, Hashable, float]] = []
        for number in range(count):
            at, name = number * _SLOT_BYTES, number * _NAME_BYTES
            word, stamp = number * _HEADER_WORDS, number * _CONTROL_WORDS
            arrived_s = times[stamp + _SECONDS_AT] + times[stamp + _NANOSECONDS_AT] * 1e-9 - ahead_s
            found.append(
                (
                    bytes(data[at : at + words[word + _RECEIVED_AT]]),
                    bytes(names[name : name + words[word + _NAME_LENGTH_AT]]),
                    arrived_s if now_s - MAX_AGE_S < arrived_s < now_s else noticed_s,
                )
            )
        end = 4 * _HEADER_WORDS * count
        self._headers[:end] = self._pristine[:end]
        return found

    def address_of(self, key: Hashable) -> SocketAddress:
        assert isinstance(key, bytes)
        family = int.from_bytes(key[:2], sys.byteorder)
        _, port, host = (_IPV6 if family == socket.AF_INET6 else _IPV4).unpack_from(key)
        return socket.inet_ntop(family, host), int.from_bytes(port)


def _address_of(memory: bytearray | mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def _wall_clock_ahead_s() -> tuple[float, float]:
    """How far the wall clock, which stamps datagrams, is ahead of `time.perf_counter`; and the latter's time now.

    Read anew each time, because the wall clock is adjusted; read again if the thread was interrupted in between.
    """
    for _ in range(_CLOCK_ATTEMPTS):
        before_s = time.perf_counter()
        wall_s = time.time()
        now_s = time.perf_counter()
        if now_s - before_s < _MAX_CLOCK_SPAN_S:
            break
    return wall_s - before_s, now_s
