"""A real OSC server with a real store, and clients that talk to it through real sockets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.control import CommandTable, Dispatcher, OscServer, Sender, SendingThread
from engine.osc.decode import Message, decode_packet
from engine.osc.encode import encode_message
from engine.params import ParamStore
from engine.system.clock import Clock, SystemClock
from tests.control.dispatcher_rig import Hub
from tests.support.reading_client import ReadingClient


@dataclass
class Peer:
    """A sender without a socket that records its answers."""

    name: str = "udp 192.0.2.1:5000"
    packets: list[bytes] = field(default_factory=list)
    others: "dict[int, Peer]" = field(default_factory=dict)

    def sender(self) -> Sender:
        return Sender(name=self.name, post=self.packets.append, at_port=self.at_port)

    def at_port(self, port: int) -> Sender:
        host = self.name.rpartition(":")[0]
        return self.others.setdefault(port, Peer(f"{host}:{port}")).sender()

    def take(self) -> list[Message]:
        """The messages since the last call."""
        messages = [decode_packet(packet) for packet in self.packets]
        self.packets.clear()
        return messages


@pytest.fixture
def make_peer() -> Callable[..., Peer]:
    return Peer


@pytest.fixture
def hub(reports: Any) -> Hub:
    return Hub(reports, Peer())


class Rig:
    """A server, on a free port of 127.0.0.1 by default. The test is the frame loop: `draw` is one
    frame."""

    def __init__(
        self, clock: Clock, report: Any, allow: tuple[str, ...], host: str, port: int
    ) -> None:
        self.store = ParamStore()
        self.commands = CommandTable()
        self.dispatcher = Dispatcher(self.store, self.commands, clock, report)
        self.sending = SendingThread(self.dispatcher)
        self.server = OscServer(self.dispatcher, self.sending, host, port, allow, report)
        self._clients: list[ReadingClient] = []

    def client(self, **options: Any) -> "Client":
        host, port = self.server.address
        client = Client(options.pop("host", host), port, **options)
        self._clients.append(client)
        return client

    def draw(self) -> bool:
        self.dispatcher.tick()
        self.dispatcher.frame_drawn(self.store.snapshot().version)
        return True

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.sending.close()
        self.server.close()


class Client(ReadingClient):
    def say(self, address: str, *args: object) -> None:
        self.send(encode_message(address, *args))

    def hear(self, address: str = "", timeout_s: float = 120.0) -> Message:
        """The next message, or the next to `address`."""
        while True:
            message = self.receive(timeout_s)
            assert message is not None, f"waited in vain for {address or 'a message'}"
            if address in ("", message.address):
                return message

    def pending(self) -> list[Message]:
        """The messages that have already arrived."""
        messages = []
        while (message := self.receive(0.05)) is not None:
            messages.append(message)
        return messages

    @property
    def port(self) -> int:
        return self.socket.getsockname()[1]


@pytest.fixture
def open_rig(reports: Any) -> Iterator[Callable[..., Rig]]:
    """`open_rig(clock=..., allow=..., host=..., port=...)`: a running server; closed at the end of
    the test."""
    rigs: list[Rig] = []

    def make(
        clock: Clock | None = None,
        allow: tuple[str, ...] = (),
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> Rig:
        rig = Rig(clock or SystemClock(), reports, allow, host, port)
        rig.server.start()
        rig.sending.start()
        rigs.append(rig)
        return rig

    yield make
    for rig in rigs:
        rig.close()


@pytest.fixture
def rig(open_rig: Callable[..., Rig]) -> Rig:
    return open_rig()
