"""The OSC sockets and the thread that receives and executes packets; the `SendingThread` sends.

UDP and TCP share one port and one receiving thread, so packets are executed one after the other.
The thread polls at most once a millisecond: waking up for each packet costs most of the time, and a
frame takes 16 ms anyway.
"""

import selectors
import socket
import threading
import time
from collections.abc import Iterable
from functools import partial

from engine.control.allow import AllowList, is_reached
from engine.control.binding import bind_osc
from engine.control.dispatcher import Dispatcher
from engine.control.outgoing.sender import Sender, addresses_of, display_address
from engine.control.sending import CLOSED_WITHIN_S, RETRY_S, SendingThread
from engine.control.tcp import ACCEPT_PAUSE_S, MAX_CLIENTS, TcpTransport
from engine.control.udp import UdpTransport, granted_receive_buffer_bytes
from engine.errors import MultiverseError
from engine.system.reporting import Report

READ_INTERVAL_S = (
    0.001  # single packets are read together: at 40 000 per second this halves the processor time
)
MAX_PAUSE_S = 0.05  # longest time that packets wait while a frame is drawn
EMPTY_INTERVAL_S = 0.01  # while reading is paused; undecoded, that takes 2 us each
PAUSED_BUFFER_BYTES = 4 << 20  # 5000 small packets, more than a fast sender sends in that time


class OscServer:
    """The OSC sockets, bound by `bind`, served from `start` to `close`. `start` sets `address` and
    the granted buffer. `bind` raises MultiverseError, which names `--osc`, if it cannot. Close the
    sending thread first."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        sending: SendingThread,
        host: str,
        port: int,
        allow: Iterable[str],
        report: Report,
    ) -> None:
        self._dispatcher = dispatcher
        self._sending = sending
        self._requested_address = (host, port)
        allow = tuple(allow)
        self._allow = AllowList(allow)
        # a second one for the web thread: an AllowList belongs to one thread
        self._web_allow = AllowList(allow)
        self._report = report
        self._is_closing = threading.Event()
        self._may_read = threading.Event()
        self._may_read.set()
        self._thread: threading.Thread | None = None
        self._bound: list[tuple[socket.socket, socket.socket]] = []

    def bind(self) -> None:
        """Bind the port; packets wait for `start`, which binds if this was not called."""
        if not self._bound:
            self._bound = bind_osc(*self._requested_address, self._report)

    def start(self) -> None:
        self.bind()
        udp_socket = self._bound[0][0]
        self._selector = selectors.DefaultSelector()
        self.granted_receive_buffer_bytes = granted_receive_buffer_bytes(udp_socket)
        """The granted size, comparable to the requested one: 32 MiB where the system allows it."""
        self._dispatcher.counters.receive_buffer_bytes = self.granted_receive_buffer_bytes
        self.address: tuple[str, int] = udp_socket.getsockname()[:2]
        """Host and port in use, UDP and TCP."""
        wake_end, woken_end = socket.socketpair()
        self._wake_end = wake_end
        self._woken_end = woken_end
        self._wake = partial(self._wake_end.send, b"\0")
        self._transports = [self._open_transports(*sockets) for sockets in self._bound]
        self._udp = self._transports[0][0]
        self._selector.register(
            self._woken_end, selectors.EVENT_READ, partial(self._woken_end.recv, MAX_CLIENTS)
        )
        self._sending.serve(self._send_rest, self._count_lost)
        self._thread = threading.Thread(target=self._receive, name="osc receive", daemon=True)
        self._thread.start()

    def _open_transports(
        self, udp_socket: socket.socket, listener: socket.socket
    ) -> tuple[UdpTransport, TcpTransport]:
        udp = UdpTransport(udp_socket, self._dispatcher, self._allow, self._report)
        tcp = TcpTransport(
            listener,
            self._dispatcher,
            self._allow,
            self._report,
            self._selector,
            udp.sender_at,
            self._wake,
        )
        self._selector.register(udp_socket, selectors.EVENT_READ)
        return udp, tcp

    def subscribe(self, host: str, port: int) -> None:
        """Send every value and every change to a program that the configuration names
        (`[[osc.feedback]]`). Raises MultiverseError if its host is unknown."""
        target = self.target_at(host, port, "osc.feedback")
        self._dispatcher.feedback.subscribe(target, origin=target.name)
        self._dispatcher.outbox.wake()

    def target_at(self, host: str, port: int, setting: str) -> Sender:
        """Resolve a target that the configuration names. MultiverseError names the setting if the
        host is unknown."""
        try:
            found = addresses_of(host, port, socket.SOCK_DGRAM, self._udp.socket.family)
        except OSError as error:
            reason = error.strerror or error
            raise MultiverseError(f"{setting} {display_address(host, port)}: {reason}") from None
        return self._udp.sender_at(*found[0][4][:2])

    def accepts(self, host: str, at: str) -> bool:
        """True if OSC from the numeric address `host` to this machine's address `at` is accepted.
        Used by the web thread: a host whose OSC is accepted may use OSCQuery as well."""
        if self._thread is None or not is_reached(self.address[0], at):
            return False
        return self._web_allow.allows(host, self._dispatcher.clock.now_s())

    def pause_reading(self) -> None:
        """Pause reading. Render thread. Packets that arrive during a draw are too late for that
        frame: executed after it, they take no time from the draw and still show in the next
        frame."""
        if self.granted_receive_buffer_bytes >= PAUSED_BUFFER_BYTES:
            self._may_read.clear()

    def resume_reading(self) -> None:
        """Resume reading. Render thread."""
        self._may_read.set()

    def close(self) -> None:
        """End the receiving thread and close every socket; a handler gets 3 s to end."""
        bound = self._bound
        self._bound = []
        if self._thread is None:
            _close(bound)
            return
        self._is_closing.set()
        self._may_read.set()
        self._wake()
        self._thread.join(CLOSED_WITHIN_S)
        self._thread = None
        for udp, tcp in self._transports:
            tcp.close_all()
            udp.socket.close()
        self._wake_end.close()
        self._woken_end.close()
        self._selector.close()

    # -- the receiving thread ------------------------------------------------------------------

    def _receive(self) -> None:
        while not self._is_closing.is_set():
            ready = self._dispatcher.attempt(self._select)
            noticed_s = time.perf_counter()
            for udp, tcp in self._transports:
                udp.noticed_s = noticed_s
                tcp.noticed_s = noticed_s
            if ready is None:
                self._is_closing.wait(RETRY_S)
                continue
            self._wait_for_draw()
            for key, _ in ready:
                if key.data is not None:
                    self._dispatcher.attempt(key.data)
            for udp, _ in self._transports:
                self._dispatcher.attempt(udp.read)
            # Also lets the frame loop take the GIL, which non-blocking reads release only after 5
            # ms.
            time.sleep(READ_INTERVAL_S)

    def _wait_for_draw(self) -> None:
        """While a frame is drawn, only empty the UDP socket now and then, for at most 50 ms."""
        end_s = time.perf_counter() + MAX_PAUSE_S
        while not self._may_read.wait(EMPTY_INTERVAL_S):
            for udp, _ in self._transports:
                self._dispatcher.attempt(udp.empty)
            # not a number of waits: the GIL can make each of them long
            if time.perf_counter() >= end_s:
                return

    def _select(self) -> list[tuple[selectors.SelectorKey, int]]:
        """The sockets that can be read; at once if packets that have been read wait to be
        executed."""
        for _, tcp in self._transports:
            tcp.close_failed()
            tcp.resume()
        if any(udp.is_behind for udp, _ in self._transports):
            return self._selector.select(0.0)
        is_paused = any(tcp.is_paused for _, tcp in self._transports)
        return self._selector.select(ACCEPT_PAUSE_S if is_paused else None)

    # -- the sending thread --------------------------------------------------------------------

    def _send_rest(self) -> bool:
        return any([tcp.send_rest() for _, tcp in self._transports])

    def _count_lost(self) -> None:
        for udp, _ in self._transports:
            udp.count_lost()


def _close(bound: Iterable[tuple[socket.socket, socket.socket]]) -> None:
    for sockets in bound:
        for each in sockets:
            each.close()
