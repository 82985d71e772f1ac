"""Reads the waiting datagrams of a UDP socket, each with its sender and its time of arrival.

On Linux `recvmmsg`, which Python does not offer, is called through ctypes: 256 datagrams in one
call, without the GIL, each with the kernel's time of arrival (SO_TIMESTAMPNS, socket(7)). Python's
`recv` takes 3 us per datagram, a quarter of executing it, and does not report when it arrived, up
to 50 ms ago while a frame is drawn. Elsewhere `recvfrom_into` is used; then a datagram counts as
arrived when the thread noticed that the socket has some.
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

from engine.control.outgoing.sender import SocketAddress

MAX_DATAGRAM_BYTES = 65_536
MAX_AGE_S = 60.0  # an older stamp shows that the wall clock was set meanwhile
BATCH = 256  # datagrams per call: after each, the thread has to wait for the GIL
ANSWERS_LOST = {errno.ECONNRESET, errno.ENETRESET}
"""`recvfrom` on Windows: an earlier answer went to a closed port, or its time to live expired."""
# not a power of two, so that the slots use different lines of the cache
_SLOT_BYTES = MAX_DATAGRAM_BYTES + 320

# the layouts below are those of 64 bits
_IS_BATCHED = sys.platform == "linux" and sys.maxsize > 1 << 32
_SO_TIMESTAMPNS = 35  # asm-generic/socket.h
_NAME_BYTES = 32  # sockaddr_in6 has 28
_CONTROL_BYTES = 32  # a cmsghdr of 16 bytes, a timespec of 16
_CONTROL_U64 = _CONTROL_BYTES // 8
_SECONDS_AT = 2
_NANOSECONDS_AT = 3
# family, port, address (ip(7), ipv6(7))
_IPV4, _IPV6 = (struct.Struct("=H2s4s"), struct.Struct("=H2s4x16s"))
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
    """Reads one datagram per system call; works everywhere."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = bytearray(MAX_DATAGRAM_BYTES)

    def read(self, noticed_s: float) -> list[tuple[bytes, Hashable, float]]:
        """At most 256 datagrams, each with the key of its sender and its arrival by
        `time.perf_counter`; fewer if no more are there. `noticed_s`: when the thread noticed that
        the socket can be read. Raises OSError."""
        receive_into = self._socket.recvfrom_into
        buffer = self._buffer
        view = memoryview(self._buffer)
        found: list[tuple[bytes, Hashable, float]] = []
        while len(found) < BATCH:
            try:
                size, address = receive_into(buffer)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno not in ANSWERS_LOST:
                    raise
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


_HEADER_U32 = ctypes.sizeof(_Header) // 4
_NAME_LENGTH_AT = _Header.name_bytes.offset // 4
_RECEIVED_AT = _Header.received_bytes.offset // 4


class BatchReader:
    """Reads up to 256 datagrams per system call, with their times of arrival (Linux, 64 bits)."""

    def __init__(self, sock: socket.socket) -> None:
        """Raises OSError if the system has no `recvmmsg`, AttributeError if the C library has
        none."""
        self._socket = sock
        self._call = ctypes.CDLL(None, use_errno=True).recvmmsg
        self._call.argtypes = (
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_void_p,
        )
        # a page is allocated when it is first used, not now
        memory = mmap.mmap(-1, BATCH * _SLOT_BYTES)
        headers = bytearray(BATCH * ctypes.sizeof(_Header))
        vectors = bytearray(BATCH * ctypes.sizeof(_IoVector))
        names = bytearray(BATCH * _NAME_BYTES)
        controls = bytearray(BATCH * _CONTROL_BYTES)
        self._headers_at = _address_of(headers)
        for number in range(BATCH):
            vector = _IoVector.from_buffer(vectors, number * ctypes.sizeof(_IoVector))
            vector.base = _address_of(memory) + number * _SLOT_BYTES
            vector.length = MAX_DATAGRAM_BYTES
            header = _Header.from_buffer(headers, number * ctypes.sizeof(_Header))
            header.name = _address_of(names) + number * _NAME_BYTES
            header.name_bytes = _NAME_BYTES
            header.vectors = ctypes.addressof(vector)
            header.vector_count = 1
            header.control = _address_of(controls) + number * _CONTROL_BYTES
            header.control_bytes = _CONTROL_BYTES
        self._pristine = bytes(headers)  # each call overwrites the lengths
        self._data = memoryview(memory)
        self._names = memoryview(names)
        # a view pins its memory
        self._vectors = memoryview(vectors)
        self._headers = memoryview(headers)
        self._headers_u32 = self._headers.cast("I")
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
        # hot path: 40 000 datagrams per second
        count = self._receive(self._socket.fileno())
        if not count:
            return []
        data = self._data
        names = self._names
        headers = self._headers_u32
        times = self._times
        ahead_s, now_s = _wall_clock_ahead_s()
        found: list[tuple[bytes, Hashable, float]] = []
        for number in range(count):
            at = number * _SLOT_BYTES
            name = number * _NAME_BYTES
            header = number * _HEADER_U32
            stamp = number * _CONTROL_U64
            arrived_s = times[stamp + _SECONDS_AT] + times[stamp + _NANOSECONDS_AT] * 1e-9 - ahead_s
            found.append(
                (
                    bytes(data[at : at + headers[header + _RECEIVED_AT]]),
                    bytes(names[name : name + headers[header + _NAME_LENGTH_AT]]),
                    arrived_s if now_s - MAX_AGE_S < arrived_s < now_s else noticed_s,
                )
            )
        end = 4 * _HEADER_U32 * count
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
    """How far the wall clock, which stamps datagrams, is ahead of `time.perf_counter`; and the
    latter's time now. Both are read each time, because the wall clock is adjusted, and again if the
    thread was interrupted in between."""
    before_s = wall_s = now_s = 0.0
    for _ in range(_CLOCK_ATTEMPTS):
        before_s = time.perf_counter()
        wall_s = time.time()
        now_s = time.perf_counter()
        if now_s - before_s < _MAX_CLOCK_SPAN_S:
            break
    return wall_s - before_s, now_s
