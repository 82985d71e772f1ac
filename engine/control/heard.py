"""Counts and lists unmapped messages of other programs, in bounded memory.

Resolume Arena's "Output All OSC Messages" sends 236 datagrams a second while nothing plays, to 1545 addresses in 22 s.
A warning for each, or even one a second, would drown all other warnings. So such a message costs one look-up and is
listed with its sender, last arguments and rate. `/map/heard`, `multiverse osc heard` and the page show the list.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.control.command_table import Args, CommandTable, Reply
from engine.control.listing import host_of
from engine.errors import MultiverseError
from engine.osc import Message
from engine.osc.decode import shown
from engine.system.clock import Clock
from engine.system.token_bucket import SharedLimit, TokenBucket, TokenBuckets

MAX_SENDERS = 16  # then the least recently heard sender is dropped
MAX_ADDRESSES = 2048  # of one sender; then the least recently heard one is dropped
MAX_ADDRESS_CHARACTERS = 240
MAX_ARGUMENTS = 8  # stored of a message
MAX_TEXT = 64  # stored of one text or blob
RATE_WINDOW_S = 2.0
DEFAULT_ENTRIES = 1000
MAX_ENTRIES = 4000  # in one listing: half of the outbox's capacity
LINE_INTERVAL_S = 60.0  # between two log lines about senders on one host: a script may open a new port for each message


@dataclass(slots=True)
class HeardAddress:
    """One address of one sender."""

    args: tuple[object, ...] = ()
    """Arguments of the newest message, shortened."""
    count: int = 0
    heard_s: float = 0.0
    window_s: float = 0.0
    window_count: int = 0
    rate_hz: float = -1.0
    """Messages a second in the last complete window; negative before the first."""

    def add(self, args: tuple[object, ...], now_s: float) -> None:
        elapsed_s = now_s - self.window_s
        if elapsed_s >= RATE_WINDOW_S:
            self.rate_hz = self.window_count / elapsed_s
            self.window_s, self.window_count = now_s, 0
        self.window_count += 1
        self.count += 1
        self.args, self.heard_s = args, now_s

    def rate_at(self, now_s: float) -> float:
        """Messages a second in the last complete window; in the current one before the first or if it is over."""
        elapsed_s = now_s - self.window_s
        if elapsed_s < RATE_WINDOW_S and self.rate_hz >= 0.0:
            return self.rate_hz
        return self.window_count / max(elapsed_s, 1.0)


@dataclass(slots=True)
class HeardSender:
    """One sender and the unmapped addresses that it sends."""

    addresses: OrderedDict[str, HeardAddress] = field(default_factory=OrderedDict)
    """Newest last."""
    is_reported: bool = False


class HeardMessages:
    """The unmapped messages, by sender and address. Any thread."""

    def __init__(self, clock: Clock, is_mapped: Callable[[str], bool] = lambda address: False) -> None:
        """`is_mapped(address)`: True if it has been mapped since it was heard, so that it is no longer listed."""
        self._clock = clock
        self._is_mapped = is_mapped
        self._lock = threading.Lock()  # one thread may list while another counts
        self._senders: OrderedDict[str, HeardSender] = OrderedDict()
        self._lines = SharedLimit(
            TokenBuckets(1, 1 / LINE_INTERVAL_S), TokenBucket(MAX_SENDERS, MAX_SENDERS / LINE_INTERVAL_S)
        )

    def add_commands(self, table: CommandTable) -> None:
        table.add("/map/heard", self._on_heard, is_listing=True)

    def note(self, message: Message, sender_name: str) -> HeardSender:
        """Count a message of a sender. Hot path during a flood."""
        address, args, _ = message
        if len(address) > MAX_ADDRESS_CHARACTERS:
            address = address[:MAX_ADDRESS_CHARACTERS]
        if len(args) != 1 or type(args[0]) not in (float, int):
            args = _shortened(args)
        now_s = self._clock.now_s()
        with self._lock:
            sender = self._senders.get(sender_name)
            if sender is None:
                if len(self._senders) >= MAX_SENDERS:
                    self._senders.popitem(last=False)
                sender = self._senders[sender_name] = HeardSender()
            self._senders.move_to_end(sender_name)
            heard = sender.addresses.get(address)
            if heard is None:
                if len(sender.addresses) >= MAX_ADDRESSES:
                    sender.addresses.popitem(last=False)
                heard = sender.addresses[address] = HeardAddress(window_s=now_s)
            sender.addresses.move_to_end(address)
            heard.add(args, now_s)
        return sender

    def holds(self, address: str, sender_name: str) -> bool:
        """True if messages from that sender to `address` are listed and still unmapped."""
        with self._lock:
            sender = self._senders.get(sender_name)
            is_noted = sender is not None and address[:MAX_ADDRESS_CHARACTERS] in sender.addresses
        return is_noted and not self._is_mapped(address)

    def may_report(self, sender_name: str) -> bool:
        """True if the log may mention this sender now: one line a minute for each host, 16 a minute in all."""
        return self._lines.take(host_of(sender_name), self._clock.now_s())

    def listed(self, most: int) -> tuple[list[tuple[str, str, HeardAddress]], int]:
        """The `most` newest entries as (address, sender, HeardAddress), newest first; and the number of all entries."""
        with self._lock:
            found = [
                (address, name, heard)
                for name, sender in self._senders.items()
                for address, heard in sender.addresses.items()
            ]
        found = sorted(
            (entry for entry in found if not self._is_mapped(entry[0])),
            key=lambda entry: entry[2].heard_s,
            reverse=True,
        )
        return found[:most], len(found)

    def _on_heard(self, args: Args, reply: Reply) -> None:
        most = args[0] if args else DEFAULT_ENTRIES
        if len(args) > 1 or not isinstance(most, int | float) or not 1 <= most <= MAX_ENTRIES:
            raise MultiverseError(f"takes the number of addresses to list, 1..{MAX_ENTRIES}, or nothing")
        now_s = self._clock.now_s()
        entries, total = self.listed(int(most))
        for address, sender, heard in entries:
            words = " ".join(_word(value) for value in heard.args)
            reply.send("/map/unmapped", shown(address, 240), sender, heard.count, heard.rate_at(now_s), words)
        reply.done(len(entries), total)


def _shortened(args: tuple[object, ...]) -> tuple[object, ...]:
    """Shorten arguments to bound the memory: a sender can make them as large as a datagram."""
    return tuple(_short(value) for value in args[:MAX_ARGUMENTS])


def _short(value: object) -> object:
    if isinstance(value, str | bytes) and len(value) > MAX_TEXT:
        return value[:MAX_TEXT]
    return "(array)" if type(value) is tuple else value


def _word(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.6g}"
        case str():
            return f'"{shown(value)}"'
        case bytes():
            return f"blob of {len(value)} bytes"
        case None:
            return "nil"
        case _:
            return shown(str(value))
