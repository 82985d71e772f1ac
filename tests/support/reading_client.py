"""An OSC client that loses nothing, however late the test reads.

A subscriber gets 400 values within a tenth of a second. A test that waits for something else
meanwhile reads too late: the usual receive buffer of 212 992 bytes holds 256 small packets, and
only an administrator may enlarge it.
"""

import queue
import socket
import threading

from engine.control import OscClient
from engine.control.client import MAX_DATAGRAM_BYTES
from engine.errors import OscDecodeError
from engine.osc.decode import Message, decode_packet, messages_of
from engine.osc.framing import Framing


class ReadingClient(OscClient):
    """Over UDP a thread reads all the time. TCP does not need it: the sender waits."""

    def __init__(
        self, host: str, port: int, *, tcp: bool = False, framing: Framing = Framing.SLIP
    ) -> None:
        super().__init__(host, port, tcp=tcp, framing=framing)
        self._arrived: queue.SimpleQueue[Message | OSError] = queue.SimpleQueue()
        self._is_closing = False
        self._thread = (
            None if tcp else threading.Thread(target=self._read, name="reading client", daemon=True)
        )
        if self._thread is not None:
            self._thread.start()

    def receive(self, timeout_s: float) -> Message | None:
        if self._thread is None:
            return super().receive(timeout_s)
        try:
            arrived = self._arrived.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None
        if isinstance(arrived, OSError):
            raise self._nothing_listens(arrived) from None
        return arrived

    def close(self) -> None:
        self._is_closing = True
        if self._thread is not None:
            try:
                self.socket.shutdown(socket.SHUT_RDWR)  # ends `recv`
            except OSError:
                pass  # closed before
            self._thread.join(10.0)
        super().close()

    def _read(self) -> None:
        while not self._is_closing:
            try:
                data = self.socket.recv(MAX_DATAGRAM_BYTES)
                for message in messages_of(decode_packet(data)):
                    self._arrived.put(message)
            except OscDecodeError:
                continue
            except OSError as error:  # nothing listens there any more, or closed
                if self._is_closing or error.errno is None or self.socket.fileno() < 0:
                    return
                self._arrived.put(error)
