"""OSC over WebSockets, beside UDP and TCP: binary messages are OSC packets, text messages are
OSCQuery's JSON.

Each client is a `QueryClient`: a packet sender with a bounded queue of outgoing messages. The
page's server owns the socket; it passes received messages to the client and sends the queued ones.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import PurePosixPath
from typing import Final

import msgspec

import osc_schema
from engine.control import Dispatcher, Sender
from engine.control.query.tree import PathEvent
from engine.osc.decode import printable
from engine.params.shader_inputs import is_input_address

MAX_WAITING_PACKETS: Final = 4096
MAX_WAITING_BYTES: Final = 4 << 20

_CONTAINERS: Final = frozenset(
    str(above)
    for declared in (osc_schema.PARAMS, osc_schema.COMMANDS, osc_schema.MESSAGES)
    for each in declared
    for above in PurePosixPath(each.address).parents
)
_STREAMING: Final = frozenset({"START_OSC_STREAMING", "STOP_OSC_STREAMING"})

Data = bytes | str


class _Command(msgspec.Struct, frozen=True):
    COMMAND: str
    DATA: object = None


class QueryClient:
    """One WebSocket client of OSCQuery. `receive_*`, `take` and `close` on the web thread, the rest
    on any."""

    def __init__(
        self,
        name: str,
        dispatcher: Dispatcher,
        wake: Callable[[], None],
        forget: Callable[[], object],
    ) -> None:
        self._dispatcher = dispatcher
        self._wake = wake
        self._forget = forget
        self.sender = Sender(
            name=name, post=partial(dispatcher.outbox.put, name, self._deliver), at_port=None
        )
        self.dropped = 0
        """Number of packets dropped because the client did not read."""
        self._lock = threading.Lock()
        self._waiting: deque[Data] = deque()
        self._waiting_bytes = 0
        self._has_lost = False
        self._has_lost_text = False
        self._is_open = True

    # -- the web thread ------------------------------------------------------------------------

    def receive_binary(self, data: bytes) -> None:
        """Execute an OSC packet. Never raises: malformed ones are counted and reported."""
        self._dispatcher.receive(data, self.sender)

    def receive_text(self, text: str) -> None:
        """Execute LISTEN or IGNORE. Never raises, and never answers, because a client takes any OSC
        message for a value. Harmless requests are ignored: listening to a node without a value
        (Chataigne's "Listen to all" includes commands), and OSC over UDP (libossia's
        START_OSC_STREAMING; it listens here as well). Other invalid requests are counted and
        reported."""
        try:
            command = msgspec.json.decode(text, type=_Command)
        except (
            msgspec.DecodeError,
            RecursionError,
            ValueError,
        ) as error:  # ValueError: half a surrogate pair
            self._refuse(printable(text, 40), f"not an OSCQuery command ({error})")
            return
        if command.COMMAND in _STREAMING:
            return
        if command.COMMAND not in ("LISTEN", "IGNORE"):
            self._refuse(printable(command.COMMAND, 40), "unknown command (known: LISTEN, IGNORE)")
        elif not isinstance(command.DATA, str):
            self._refuse(command.COMMAND, "DATA is not a path")
        elif self._has_value(command.DATA):
            feedback = self._dispatcher.feedback
            if command.COMMAND == "LISTEN":
                feedback.listen(self.sender, self.sender.name, command.DATA)
                self._dispatcher.outbox.wake()
            else:
                feedback.ignore(self.sender.name, command.DATA)
        else:
            has_no_value = (
                command.DATA in _CONTAINERS or osc_schema.lookup_command(command.DATA) is not None
            )
            # an input: its shader has just ended
            if not has_no_value and not is_input_address(command.DATA):
                self._refuse(command.COMMAND, f"{printable(command.DATA)} has no value")

    def _has_value(self, address: str) -> bool:
        """True for a parameter, a published message, and an input of a playing shader."""
        is_declared = (
            osc_schema.lookup(address) is not None or osc_schema.lookup_message(address) is not None
        )
        return is_declared or self._dispatcher.views.find(address) is not None

    def take(self) -> list[Data]:
        """Remove and return the queued messages, oldest first: OSC as bytes, JSON as text. If
        packets were dropped, the current values are sent again. If a tree event was dropped,
        PATH_CHANGED is sent."""
        with self._lock:
            messages = list(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            has_lost = self._has_lost
            has_lost_text = self._has_lost_text
            self._has_lost = False
            self._has_lost_text = False
        if has_lost_text:
            messages.append(_text_of(PathEvent("PATH_CHANGED", "/")))
        if has_lost:
            self._dispatcher.feedback.resend(self.sender.name)
            self._dispatcher.outbox.wake()
        return messages

    def close(self) -> None:
        """Remove the client and its subscriptions. Idempotent."""
        with self._lock:
            self._is_open = False
            self._waiting.clear()
            self._waiting_bytes = 0
        self._dispatcher.feedback.remove(self.sender.name)
        self._dispatcher.on_disconnect(self.sender.name)
        self._forget()

    def _refuse(self, what: str, reason: str) -> None:
        self._dispatcher.counters.add("rejected")
        self._dispatcher.report("query.command", f"{self.sender.name}: {what}: {reason}")

    # -- any thread ----------------------------------------------------------------------------

    def queue_path(self, event: PathEvent) -> None:
        """Queue a change of the tree."""
        self._queue(_text_of(event))

    def _deliver(self, packet: bytes) -> None:
        """Queue a packet. The sending thread."""
        if self._queue(packet):
            self._dispatcher.counters.sent += 1

    def _queue(self, data: Data) -> bool:
        """Queue a message, dropping the oldest ones if the queue is full. False if the client has
        disconnected."""
        with self._lock:
            was_empty = not self._waiting
            lost = 0 if self._is_open else 1
            if self._is_open:
                self._waiting.append(data)
                self._waiting_bytes += len(data)
            while (
                len(self._waiting) > MAX_WAITING_PACKETS or self._waiting_bytes > MAX_WAITING_BYTES
            ):
                oldest = self._waiting.popleft()
                self._waiting_bytes -= len(oldest)
                self._has_lost = True
                self._has_lost_text |= isinstance(oldest, str)
                lost += 1
            self.dropped += lost
            is_open = self._is_open
        if lost:
            self._dispatcher.counters.add("dropped", lost)
        if is_open and lost:
            self._dispatcher.report(
                "query.slow", f"{self.sender.name} does not read; its oldest packets are dropped"
            )
        if is_open and was_empty:
            self._wake()
        return is_open


def _text_of(event: PathEvent) -> str:
    return json.dumps({"COMMAND": event.command, "DATA": event.path})


class QueryClients:
    """All connected WebSocket clients. Any thread."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._peers: dict[str, QueryClient] = {}

    def connect(self, name: str, wake: Callable[[], None]) -> QueryClient:
        """Add a client with a unique name `ws HOST:PORT`. `wake()` is called on any thread when
        there are new messages to `take`; it must neither block nor raise."""
        peer = QueryClient(name, self._dispatcher, wake, partial(self._peers.pop, name, None))
        self._peers[name] = peer
        return peer

    def send_paths(self, events: Iterable[PathEvent]) -> None:
        """Send the changes of the `QueryTree` to every client. Any thread."""
        for event in events:
            for peer in list(self._peers.values()):
                peer.queue_path(event)

    @property
    def count(self) -> int:
        """Number of connected clients."""
        return len(self._peers)

    def close(self) -> None:
        for peer in list(self._peers.values()):
            peer.close()
