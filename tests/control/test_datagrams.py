"""Both ways to read a UDP socket give the same datagrams, senders and times."""

import errno
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.control import datagrams
from engine.control.datagrams import BATCH, BatchReader, SingleReader, open_reader
from engine.control.udp import granted_receive_buffer_bytes, request_buffers

IS_BATCHED = pytest.mark.skipif(not datagrams._IS_BATCHED, reason="only Linux has recvmmsg")
READERS = [pytest.param(BatchReader, marks=IS_BATCHED), SingleReader]


@pytest.fixture(params=["127.0.0.1", "::1"])
def receiver(
    request: pytest.FixtureRequest, require: Callable[..., None]
) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((request.param, 0))
        except OSError:
            require(False, "IPv6")
        sock.setblocking(False)
        request_buffers(sock)
        yield sock


@pytest.fixture
def sender(receiver: socket.socket) -> Iterator[socket.socket]:
    with socket.socket(receiver.family, socket.SOCK_DGRAM) as sock:
        sock.connect(receiver.getsockname()[:2])
        yield sock


def read_all(reader: BatchReader | SingleReader, count: int, noticed_s: float = 0.0) -> list:
    found: list = []
    end_s = time.perf_counter() + 120.0
    while len(found) < count and time.perf_counter() < end_s:
        found += reader.read(noticed_s)
    return found


@pytest.mark.parametrize("make", READERS)
def test_datagrams_come_whole_in_order_with_senders(
    make: type, receiver: socket.socket, sender: socket.socket
) -> None:
    reader = make(receiver)
    sent = [b"", b"/a\0\0", bytes(range(256)) * 100, b"x" * 60_000, b"short after long"]
    # that the buffer holds
    waiting = min(2 * BATCH + 3, granted_receive_buffer_bytes(receiver) // 1024 - 80)
    sent += [number.to_bytes(4, "big") * 5 for number in range(waiting)]
    received = []
    for packet in sent:
        sender.send(packet)
        received += read_all(reader, 1)
    for packet in sent[4:]:
        sender.send(packet)
    received += read_all(reader, len(sent) - 4)
    assert [data for data, _, _ in received] == sent + sent[4:]
    assert {reader.address_of(key)[:2] for _, key, _ in received} == {sender.getsockname()[:2]}
    assert reader.read(0.0) == []


class AnswersLost(socket.socket):
    """Reports errors before its datagrams, as a socket on Windows does after answers that nobody
    received."""

    def recvfrom_into(self, *args: Any) -> Any:
        if self.errors:
            raise OSError(self.errors.pop(0), "reported by the system")
        return super().recvfrom_into(*args)


def test_answers_that_nobody_received_end_no_reading(
    receiver: socket.socket, sender: socket.socket
) -> None:
    lossy = AnswersLost(fileno=receiver.detach())
    with lossy:
        lossy.errors = [errno.ECONNRESET] * 2 + [errno.ENETRESET, errno.ECONNRESET]
        sender.send(b"/a\0\0")
        assert [data for data, _, _ in read_all(SingleReader(lossy), 1)] == [b"/a\0\0"]
        lossy.errors = [errno.ENOMEM]
        with pytest.raises(OSError, match="reported by the system"):
            SingleReader(lossy).read(0.0)


@IS_BATCHED
def test_the_time_is_that_of_the_arrival_not_of_the_reading(
    receiver: socket.socket, sender: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = BatchReader(receiver)
    spans = []
    for number in range(5):
        before_s = time.perf_counter()
        sender.send(bytes([number]))
        spans.append((before_s, time.perf_counter()))
        time.sleep(0.01)
    tolerance_s = 1e-4  # between two readings of the clocks
    arrived = [arrived_s for _, _, arrived_s in read_all(reader, 5)]
    late_s = [at_s - after_s for at_s, (_, after_s) in zip(arrived, spans, strict=True)]
    assert all(
        at_s >= before_s - tolerance_s for at_s, (before_s, _) in zip(arrived, spans, strict=True)
    )
    assert sum(each <= tolerance_s for each in late_s) >= 3, (
        "a busy kernel may take one a moment later"
    )
    # the wall clock has been set
    monkeypatch.setattr(datagrams, "_wall_clock_ahead_s", lambda: (0.0, 5.0))
    sender.send(b"late")
    assert read_all(reader, 1, noticed_s=4.5)[0][2] == 4.5


@IS_BATCHED
def test_without_the_call_it_is_read_slowly(
    receiver: socket.socket, sender: socket.socket, monkeypatch: Any
) -> None:
    def refuse(self: BatchReader, descriptor: int) -> int:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(BatchReader, "_receive", refuse)
    reader = open_reader(receiver)
    assert isinstance(reader, SingleReader)
    sender.send(b"/a\0\0")
    assert read_all(reader, 1)[0][0] == b"/a\0\0"
