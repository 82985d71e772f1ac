"""A small OSC client (UDP or TCP) for the command line, benchmarks and tests: sends packets, reads
replies."""

import contextlib
import socket
import time
from collections import deque

from engine.control.outgoing.sender import addresses_of, display_address, numeric_localhost
from engine.errors import MultiverseError, OscDecodeError
from engine.osc.decode import Message, decode_packet, messages_of
from engine.osc.framing import Framing, StreamReader, frame

MAX_DATAGRAM_BYTES = 65_536


class OscClient:
    """A connection to one engine. Raises MultiverseError if it cannot be reached."""

    def __init__(
        self, host: str, port: int, *, tcp: bool = False, framing: Framing = Framing.SLIP
    ) -> None:
        self.target = display_address(host, port)
        self._framing = framing if tcp else None
        self._reader = StreamReader()
        self._messages: deque[Message] = deque()
        try:
            family, _, _, _, address = addresses_of(
                host, port, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
            )[0]
            if tcp:
                self.socket = socket.create_connection((numeric_localhost(host), port), timeout=5.0)
            else:
                self.socket = socket.socket(family, socket.SOCK_DGRAM)
                self.socket.connect(address)
        except OSError as error:
            if isinstance(error, ConnectionRefusedError):
                raise self._nothing_listens(error) from None
            raise MultiverseError(f"{self.target}: {error.strerror or error}") from None

    def send(self, packet: bytes) -> None:
        try:
            self.socket.sendall(packet if self._framing is None else frame(packet, self._framing))
        except OSError as error:
            raise self._nothing_listens(error) from None

    def _nothing_listens(self, error: OSError) -> MultiverseError:
        why = f"{self.target}: nothing listens there ({error.strerror or error})"
        return MultiverseError(
            f"{why}; start `multiverse run`, or give the engine's address with --to HOST:PORT"
        )

    def receive(self, timeout_s: float) -> Message | None:
        """The next message (bundles are unpacked), or None after the timeout. Malformed packets are
        skipped."""
        end_s = time.perf_counter() + timeout_s
        while not self._messages:
            left_s = end_s - time.perf_counter()
            if left_s <= 0.0:
                return None
            self.socket.settimeout(left_s)
            try:
                data = self.socket.recv(MAX_DATAGRAM_BYTES)
            except TimeoutError:
                return None
            except OSError as error:
                raise self._nothing_listens(error) from None
            if self._framing is not None and not data:
                raise MultiverseError(f"{self.target}: the connection was closed")
            for packet in [data] if self._framing is None else self._reader.feed(data):
                with contextlib.suppress(OscDecodeError):
                    self._messages.extend(messages_of(decode_packet(packet)))
        return self._messages.popleft()

    def close(self) -> None:
        self.socket.close()
