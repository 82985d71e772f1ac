"""The OSC sockets and the thread that receives and executes packets; the `SendingThread` sends.

UDP and TCP share one port and one receiving thread, so packets are executed one after the other. The thread polls at
most once a millisecond: waking up for each packet costs most of the time, and a frame takes 16 ms anyway.
"""

import errno
import selectors
import socket
import threading
import time
from collections.abc import Iterable
from functools import partial

from engine.control.allow import AllowList, is_reached
from engine.control.dispatcher import Dispatcher
from engine.control.outgoing.sender import Sender, SocketAddress, addresses_of, display_address
from engine.control.sending import CLOSED_WITHIN_S, RETRY_S, SendingThread
from engine.control.tcp import ACCEPT_PAUSE_S, MAX_CLIENTS, TcpTransport, listen
from engine.control.udp import UdpTransport, granted_receive_buffer_bytes, request_buffers
from engine.errors import MultiverseError, PortTakenError
from engine.system.refused_port import bind_alone, refusal_reason
from engine.system.reporting import Report
from engine.system.translate_errors import refused

READ_INTERVAL_S = 0.001  # single packets are read together: at 40 000 per second this halves the processor time
MAX_PAUSE_S = 0.05  # longest time that packets wait while a frame is drawn
EMPTY_INTERVAL_S = 0.01  # while reading is paused; undecoded, that takes 2 us each
PAUSED_BUFFER_BYTES = 4 << 20  # 5000 small packets, more than a fast sender sends in that time
PORT_ATTEMPTS = 16


class OscServer:
    """The OSC sockets, bound by `bind`, served from `start` to `close`. `start` sets `address` and the granted buffer.
    `bind` raises MultiverseError, which names `--osc`, if it cannot. Close the sending thread first."""

    def __init__(
        self, dispatcher: Dispatcher, sending: SendingThread, host: str, port: int, allow: Iterable[str], report: Report
    ) -> None:
        self._dispatcher = dispatcher
        self._sending = sending
        self._requested_address = (host, port)
        allow = tuple(allow)
        self._allow = AllowList(allow)
        self._web_allow = AllowList(allow)  # a second one for the web thread: an AllowList belongs to one thread
        self._report = report
        self._is_closing = threading.Event()
        self._may_read = threading.Event()
        self._may_read.set()
        self._thread: threading.Thread | None = None
        self._bound: tuple[socket.socket, socket.socket] | None = None

    def bind(self) -> None:
        """Bind the port; packets wait for `start`, which binds if this was not called."""
        if self._bound is None:
            self._bound = self._bind()

    def start(self) -> None:
        self.bind()
        assert self._bound is not None
        udp_socket, listener = self._bound
        self._selector = selectors.DefaultSelector()
        self.granted_receive_buffer_bytes = granted_receive_buffer_bytes(udp_socket)
        """The granted size, comparable to the requested one: 32 MiB where the system allows it."""
        self._dispatcher.counters.receive_buffer_bytes = self.granted_receive_buffer_bytes
        self.address: tuple[str, int] = udp_socket.getsockname()[:2]
        """Host and port in use, UDP and TCP."""
        self._udp = UdpTransport(udp_socket, self._dispatcher, self._allow, self._report)
        self._wake_end, self._woken_end = socket.socketpair()
        self._wake = partial(self._wake_end.send, b"\0")
        self._tcp = TcpTransport(
            listener, self._dispatcher, self._allow, self._report, self._selector, self._udp.sender_at, self._wake
        )
        self._selector.register(udp_socket, selectors.EVENT_READ)
        self._selector.register(self._woken_end, selectors.EVENT_READ, partial(self._woken_end.recv, MAX_CLIENTS))
        self._sending.serve(self._tcp.send_rest, self._udp.count_lost)
        self._thread = threading.Thread(target=self._receive, name="osc receive", daemon=True)
        self._thread.start()

    def subscribe(self, host: str, port: int) -> None:
        """Send every value and every change to a program that the configuration names (`[[osc.feedback]]`). Raises
        MultiverseError if its host is unknown."""
        target = self.target_at(host, port, "osc.feedback")
        self._dispatcher.feedback.subscribe(target, origin=target.name)
        self._dispatcher.outbox.wake()

    def target_at(self, host: str, port: int, setting: str) -> Sender:
        """Resolve a target that the configuration names. MultiverseError names the setting if the host is unknown."""
        try:
            found = addresses_of(host, port, socket.SOCK_DGRAM, self._udp.socket.family)
        except OSError as error:
            reason = error.strerror or error
            raise MultiverseError(f"{setting} {display_address(host, port)}: {reason}") from None
        return self._udp.sender_at(*found[0][4][:2])

    def accepts(self, host: str, at: str) -> bool:
        """True if OSC from the numeric address `host` to this machine's address `at` is accepted. Used by the web
        thread: a host whose OSC is accepted may use OSCQuery as well."""
        if self._thread is None or not is_reached(self.address[0], at):
            return False
        return self._web_allow.allows(host, self._dispatcher.clock.now_s())

    def pause_reading(self) -> None:
        """Pause reading. Render thread. Packets that arrive during a draw are too late for that frame: executed
        after it, they take no time from the draw and still show in the next frame."""
        if self.granted_receive_buffer_bytes >= PAUSED_BUFFER_BYTES:
            self._may_read.clear()

    def resume_reading(self) -> None:
        """Resume reading. Render thread."""
        self._may_read.set()

    def close(self) -> None:
        """End the receiving thread and close every socket; a handler gets 3 s to end."""
        bound, self._bound = self._bound, None
        if self._thread is None:
            for each in bound or ():
                each.close()
            return
        self._is_closing.set()
        self._may_read.set()
        self._wake()
        self._thread.join(CLOSED_WITHIN_S)
        self._thread = None
        self._tcp.close_all()
        self._udp.socket.close()
        self._wake_end.close()
        self._woken_end.close()
        self._selector.close()

    # -- the receiving thread ------------------------------------------------------------------

    def _receive(self) -> None:
        while not self._is_closing.is_set():
            ready = self._dispatcher.attempt(self._select)
            self._udp.noticed_s = self._tcp.noticed_s = time.perf_counter()
            if ready is None:
                self._is_closing.wait(RETRY_S)
                continue
            self._wait_for_draw()
            for key, _ in ready:
                if key.data is not None:
                    self._dispatcher.attempt(key.data)
            self._dispatcher.attempt(self._udp.read)
            # Also lets the frame loop take the GIL, which non-blocking reads release only after 5 ms.
            time.sleep(READ_INTERVAL_S)

    def _wait_for_draw(self) -> None:
        """While a frame is drawn, only empty the UDP socket now and then, for at most 50 ms."""
        end_s = time.perf_counter() + MAX_PAUSE_S
        while not self._may_read.wait(EMPTY_INTERVAL_S):
            self._dispatcher.attempt(self._udp.empty)
            if time.perf_counter() >= end_s:  # not a number of waits: the GIL can make each of them long
                return

    def _select(self) -> list[tuple[selectors.SelectorKey, int]]:
        """The sockets that can be read; at once if packets that have been read wait to be executed."""
        self._tcp.close_failed()
        self._tcp.resume()
        if self._udp.is_behind:
            return self._selector.select(0.0)
        return self._selector.select(ACCEPT_PAUSE_S if self._tcp.is_paused else None)

    # -- binding -------------------------------------------------------------------------------

    def _bind(self) -> tuple[socket.socket, socket.socket]:
        """Bind a UDP socket and a TCP listener to the same address; `localhost` is 127.0.0.1."""
        host, port = self._requested_address
        option = f"--osc {display_address(host, port)}"
        with refused(f"{option}: no such host here", MultiverseError):
            family, _, _, _, address = addresses_of(host, port, socket.SOCK_DGRAM)[0]
        try:
            return _bind_both(family, address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTakenError(("--osc", display_address(host, port))) from None
            reason = refusal_reason(error)
            raise MultiverseError(f"{option}: {reason}; choose another with --osc HOST:PORT") from None


def _bind_both(family: socket.AddressFamily, address: SocketAddress) -> tuple[socket.socket, socket.socket]:
    for attempt in range(1, PORT_ATTEMPTS + 1):
        udp_socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            request_buffers(udp_socket)
            bind_alone(udp_socket, address)
            udp_socket.setblocking(False)
            return udp_socket, listen(family, (*address[:1], udp_socket.getsockname()[1], *address[2:]))
        except OSError:
            udp_socket.close()
            # The port that the system chose for UDP may be in use for TCP: then let the system choose again.
            if address[1] or attempt == PORT_ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")
