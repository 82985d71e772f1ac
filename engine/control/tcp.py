"""OSC over TCP: several clients with bounded buffers. One thread receives and accepts, one
sends."""

import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from selectors import EVENT_READ, BaseSelector

from engine.control.allow import AllowList
from engine.control.dispatcher import Dispatcher
from engine.control.outgoing.sender import Sender, SocketAddress, display_address
from engine.errors import OscDecodeError
from engine.osc.framing import Framing, StreamReader, frame
from engine.system.refused_port import EXHAUSTED, bind_alone
from engine.system.reporting import Report

MAX_CLIENTS = 64
READ_BYTES = 65_536  # per turn and client
ACCEPT_PAUSE_S = 1.0
MAX_UNSENT_BYTES = 1 << 20  # 30 000 changes: a client that far behind does not read at all
_KEEPALIVE_S = 10  # a pulled cable is noticed after three of these


class TcpClient:
    """The connection of one OSC client over TCP. Only the receiving thread reads and closes its
    socket."""

    def __init__(
        self, sock: socket.socket, address: SocketAddress, transport: "TcpTransport"
    ) -> None:
        self.socket = sock
        name = f"tcp {display_address(*address[:2])}"
        self.sender = Sender(
            name=name,
            post=partial(transport.dispatcher.outbox.put, name, self._deliver),
            at_port=partial(transport.udp_sender_at, address[0]),
        )
        self.reader = StreamReader()
        self._transport = transport
        self._counters = transport.dispatcher.counters
        self._unsent = bytearray()
        # a send must not use a closed socket's descriptor, which may be reused
        self._lock = threading.Lock()
        self.is_open = True  # false once it has failed: the receiving thread then closes it

    def _deliver(self, packet: bytes) -> None:
        with self._lock:
            if not self.is_open:
                self._counters.add("dropped")
                return
            self._unsent += frame(packet, self.reader.framing or Framing.LENGTH)
            self._counters.sent += 1
            self._send()

    def send_rest(self) -> bool:
        """Continue sending the buffered bytes; True while some are left. The sending thread."""
        with self._lock:
            if self._unsent and self.is_open:
                self._send()
            return bool(self._unsent)

    def _send(self) -> None:
        try:
            sent = self.socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._hang_up()
            return
        del self._unsent[:sent]
        if len(self._unsent) > MAX_UNSENT_BYTES:
            self._transport.report(
                "osc.slow",
                f"{self.sender.name} does not read: {len(self._unsent)} bytes unsent; disconnected",
            )
            self._hang_up()

    def _hang_up(self) -> None:
        self.is_open = False
        self._unsent.clear()
        self._transport.wake()

    def close(self) -> None:
        with self._lock:
            self.is_open = False
            self._unsent.clear()
            self.socket.close()


class TcpTransport:
    """Accepts, reads and serves all TCP clients."""

    def __init__(
        self,
        listener: socket.socket,
        dispatcher: Dispatcher,
        allow: AllowList,
        report: Report,
        selector: BaseSelector,
        udp_sender_at: Callable[[str, int], Sender],
        wake: Callable[[], object],
    ) -> None:
        self.dispatcher = dispatcher
        self.report = report
        self.udp_sender_at = udp_sender_at
        self.wake = wake
        self._listener = listener
        self._allow = allow
        self._selector = selector
        self._clients: dict[socket.socket, TcpClient] = {}
        self._resume_s: float | None = None
        self.noticed_s: float | None = None
        """As that of `UdpTransport`."""
        selector.register(listener, EVENT_READ, self.accept)

    # -- the receiving thread ------------------------------------------------------------------

    def accept(self) -> None:
        try:
            sock, address = self._listener.accept()
        except OSError as error:
            if error.errno in EXHAUSTED:
                self._pause(error)
            return  # any other error: the client has disconnected
        if not self._allow.allows(address[0], self.dispatcher.clock.now_s()):
            key = "osc.refused"
            reason = "not in --osc-allow"
        elif len(self._clients) >= MAX_CLIENTS:
            key = "osc.clients"
            reason = f"{MAX_CLIENTS} TCP clients are connected"
        else:
            self._add_client(sock, address)
            return
        self.dispatcher.counters.refused += 1
        self.report(key, f"OSC from {display_address(*address[:2])} refused: {reason}")
        sock.close()

    def _add_client(self, sock: socket.socket, address: SocketAddress) -> None:
        client = TcpClient(sock, address, self)
        try:
            prepare(sock)
            self._selector.register(sock, EVENT_READ, partial(self._read, client))
        except (
            OSError
        ):  # the connection was reset (macOS then refuses options), or too many sockets are open
            client.close()
        else:
            self._clients = {**self._clients, sock: client}

    def _pause(self, error: OSError) -> None:
        """Stop accepting for a second; otherwise the selector would report the pending connection
        in a busy loop."""
        self.report(
            "osc.clients", f"OSC: no TCP connection can be accepted ({error.strerror or error})"
        )
        self._selector.unregister(self._listener)
        self._resume_s = self.dispatcher.clock.now_s() + ACCEPT_PAUSE_S

    def resume(self) -> None:
        """Accept again after the pause."""
        if self._resume_s is not None and self.dispatcher.clock.now_s() >= self._resume_s:
            self._resume_s = None
            self._selector.register(self._listener, EVENT_READ, self.accept)

    @property
    def is_paused(self) -> bool:
        return self._resume_s is not None

    def _read(self, client: TcpClient) -> None:
        try:
            data = client.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(client)
            return
        try:
            for packet in client.reader.feed(data):
                self.dispatcher.receive(packet, client.sender, self.noticed_s)
        except OscDecodeError as error:
            self.dispatcher.counters.malformed += 1
            self.report("osc.malformed", f"{client.sender.name}: {error}; disconnected")
            self._close(client)

    def _close(self, client: TcpClient) -> None:
        self._selector.unregister(client.socket)
        self._clients = {
            sock: other for sock, other in self._clients.items() if other is not client
        }
        self.dispatcher.feedback.unsubscribe(client.sender.name)
        self.dispatcher.on_disconnect(client.sender.name)
        client.close()

    def close_failed(self) -> None:
        for client in self._clients.values():
            if not client.is_open:
                self._close(client)

    def close_all(self) -> None:
        for client in self._clients.values():
            self._close(client)
        if not self.is_paused:
            self._selector.unregister(self._listener)
        self._listener.close()

    # -- the sending thread --------------------------------------------------------------------

    def send_rest(self) -> bool:
        """Continue sending the clients' buffered bytes; True while some are left."""
        # Safe to iterate: the receiving thread replaces this dict and never mutates it.
        return any([client.send_rest() for client in self._clients.values()])


def prepare(sock: socket.socket) -> None:
    """Make a socket non-blocking, without Nagle's delay, with keepalive probes."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # ten probes; before Windows 10 1709 it has none of the options below
    if sys.platform == "win32":
        sock.ioctl(socket.SIO_KEEPALIVE_VALS, (1, _KEEPALIVE_S * 1000, _KEEPALIVE_S * 200))
        return
    idle = socket.TCP_KEEPALIVE if sys.platform == "darwin" else socket.TCP_KEEPIDLE  # type: ignore[attr-defined]
    for option, value in (
        (idle, _KEEPALIVE_S),
        (socket.TCP_KEEPINTVL, _KEEPALIVE_S),
        (socket.TCP_KEEPCNT, 3),
    ):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)


def listen(family: socket.AddressFamily, address: SocketAddress) -> socket.socket:
    """A listening socket; raises OSError."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        bind_alone(sock, address)
        sock.listen(MAX_CLIENTS)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
