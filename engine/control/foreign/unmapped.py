"""Messages that set nothing: counts and lists unmapped ones of other programs, and explains
mistakes.

Resolume Arena sends 236 datagrams per second while nothing plays, to 1545 addresses. A warning for
each would drown all others. So such a message costs one look-up and is listed with its sender, last
arguments and rate, in bounded memory (`/map/heard`). One line mentions the sender, unless some of
that program's addresses are mapped.

Mistakes are counted, reported, and explained to their sender: ten at once, then one per second for
each sender, fifty in all. An unknown address that resembles ours is a typing error only while its
sender has sent few unmapped addresses: a person mistypes some, a program sends hundreds.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sized
from dataclasses import dataclass, field
from functools import lru_cache

import osc_schema
from engine.control.foreign.messages import OUR_ROOTS, ForeignMap, is_like_ours, root_of
from engine.control.outgoing.feedback import Feedback
from engine.control.outgoing.sender import Reply, Sender, failure, host_of
from engine.osc.decode import Message, printable
from engine.params.shader_inputs import is_input_address
from engine.system.clock import Clock
from engine.system.rate import Rate
from engine.system.token_bucket import SharedLimit, TokenBucket, TokenBuckets
from osc_schema import Rejected

MAX_SENDERS = 16  # then the least recent sender is dropped
MAX_ADDRESSES = 2048  # of one sender; then the least recent one is dropped
MAX_ADDRESS_CHARACTERS = 240
MAX_ARGUMENTS = 8  # stored of a message
MAX_TEXT = 64  # stored of one text or blob
# of one sender
INTERVAL_S = 1.0
MAX_AT_ONCE = 10
MAX_PER_SECOND = (
    50  # for all senders together: an explanation costs a search for the nearest address
)
MAX_MISTYPED = 16  # different addresses of one sender
MTC_FORMS = "hh:mm:ss:ff, the same and 24, 25 or 30, or the data byte of a quarter frame (0..127)"
# between two log lines about senders on one host: a script may open a new port for each message
LINE_INTERVAL_S = 60.0


@dataclass(slots=True)
class UnmappedAddress:
    """Count, rate and newest arguments of one unmapped address of one sender."""

    args: tuple[object, ...] = ()
    """Arguments of the newest message, shortened."""
    count: int = 0
    received_s: float = 0.0
    rate: Rate = field(default_factory=Rate)

    def add(self, args: tuple[object, ...], now_s: float) -> None:
        self.rate.count(now_s)
        self.count += 1
        self.args = args
        self.received_s = now_s


@dataclass(slots=True)
class UnmappedSender:
    addresses: OrderedDict[str, UnmappedAddress] = field(default_factory=OrderedDict)
    """The addresses, newest last."""
    is_reported: bool = False


class UnmappedMessages:
    """Lists the unmapped messages by sender and address. Any thread."""

    def __init__(
        self, clock: Clock, is_mapped: Callable[[str], bool] = lambda address: False
    ) -> None:
        """`is_mapped(address)`: True if it has been mapped since it was received, so that it is no
        longer listed."""
        self._clock = clock
        self._is_mapped = is_mapped
        self._lock = threading.Lock()  # one thread may list while another counts
        self._senders: OrderedDict[str, UnmappedSender] = OrderedDict()
        self._lines = SharedLimit(
            TokenBuckets(1, 1 / LINE_INTERVAL_S),
            TokenBucket(MAX_SENDERS, MAX_SENDERS / LINE_INTERVAL_S),
        )

    def record(self, message: Message, sender_name: str) -> UnmappedSender:
        """Count a message of a sender. Hot path while another program sends much."""
        address, args, _ = message
        if len(address) > MAX_ADDRESS_CHARACTERS:
            address = address[:MAX_ADDRESS_CHARACTERS]
        if len(args) != 1 or type(args[0]) not in (float, int):
            args = tuple(_short(value) for value in args[:MAX_ARGUMENTS])
        now_s = self._clock.now_s()
        with self._lock:
            sender = self._senders.get(sender_name)
            if sender is None:
                if len(self._senders) >= MAX_SENDERS:
                    self._senders.popitem(last=False)
                sender = self._senders[sender_name] = UnmappedSender()
            self._senders.move_to_end(sender_name)
            entry = sender.addresses.get(address)
            if entry is None:
                if len(sender.addresses) >= MAX_ADDRESSES:
                    sender.addresses.popitem(last=False)
                entry = sender.addresses[address] = UnmappedAddress()
            sender.addresses.move_to_end(address)
            entry.add(args, now_s)
        return sender

    def holds(self, address: str, sender_name: str) -> bool:
        """True if messages from that sender to `address` are listed and still unmapped."""
        with self._lock:
            sender = self._senders.get(sender_name)
            is_noted = sender is not None and address[:MAX_ADDRESS_CHARACTERS] in sender.addresses
        return is_noted and not self._is_mapped(address)

    def may_report(self, sender_name: str) -> bool:
        """True if the log may mention this sender now: one line per minute for each host, 16 per
        minute in all."""
        return self._lines.take(host_of(sender_name), self._clock.now_s())

    def newest(self, limit: int) -> tuple[list[tuple[str, str, UnmappedAddress]], int]:
        """The `limit` newest entries as (address, sender, UnmappedAddress), newest first; and the
        number of all."""
        with self._lock:
            found = [
                (address, name, each)
                for name, sender in self._senders.items()
                for address, each in sender.addresses.items()
            ]
        found = sorted(
            (entry for entry in found if not self._is_mapped(entry[0])),
            key=lambda entry: entry[2].received_s,
            reverse=True,
        )
        return found[:limit], len(found)

    def on_list(self, reply: Reply, limit: int) -> None:
        """Answer the query `/map/heard`."""
        now_s = self._clock.now_s()
        entries, total = self.newest(limit)
        for address, sender, entry in entries:
            arguments = " ".join(_argument_text(value) for value in entry.args)
            reply.send(
                "/map/unmapped",
                printable(address, 240),
                sender,
                entry.count,
                entry.rate.hz(now_s),
                arguments,
            )
        reply.done(len(entries), total)


def _short(value: object) -> object:
    """Shorten an argument to bound the memory: it may be as large as a datagram."""
    if isinstance(value, str | bytes) and len(value) > MAX_TEXT:
        return value[:MAX_TEXT]
    return "(array)" if type(value) is tuple else value


def _argument_text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.6g}"
        case str():
            return f'"{printable(value)}"'
        case bytes():
            return f"blob of {len(value)} bytes"
        case None:
            return "nil"
        case _:
            return printable(str(value))


class Mistakes:
    """Counts, reports and explains invalid messages. OSC's threads."""

    def __init__(
        self,
        feedback: Feedback,
        messages: UnmappedMessages,
        foreign_map: ForeignMap | None,
        clock: Clock,
        report: Callable[[str, str, Sender], None],
    ) -> None:
        """`report(key, reason, sender)`."""
        self._messages = messages
        self._map = foreign_map
        self._counters = feedback.counters
        self._feedback = feedback
        self._clock = clock
        self._report = report
        self._limit = SharedLimit(
            TokenBuckets(MAX_AT_ONCE, 1 / INTERVAL_S), TokenBucket(MAX_PER_SECOND, MAX_PER_SECOND)
        )

    def on_rejected(self, message: Message, rejection: Rejected, sender: Sender) -> None:
        self.on_refused("osc.rejected", message.address, str(rejection), sender)
        self._feedback.queue_echo(sender.name, (message.address,))  # the value that holds

    def on_refused(
        self, key: str, address: str, reason: str, sender: Sender, count: int = 1
    ) -> None:
        """Count `count` messages that are left out for this reason, and explain it. `key`: of the
        report."""
        self._counters.add("rejected", count)
        self._explain(key, address, reason, sender)

    def on_unknown(self, message: Message, sender: Sender) -> None:
        """Explain a message to an unknown address; for an input that no shader has now, list the
        existing ones."""
        if message.address.startswith("/fx/") and is_input_address(message.address):
            self.on_rejected(
                message, Rejected(self._feedback.views.missing(message.address)), sender
            )
            return
        self._counters.unknown += 1
        self._explain("osc.unknown", message.address, "", sender)

    def on_unmapped(self, message: Message, sender: Sender) -> None:
        """Handle a foreign message that is not mapped. Hot path: another program sends hundreds per
        second."""
        address = message.address
        if address == "/mtc":
            sent = " ".join(map(_argument_text, message.args[:MAX_ARGUMENTS])) or "no argument"
            self.on_rejected(message, Rejected(f"/mtc: {sent} is not {MTC_FORMS}"), sender)
            return
        root = root_of(address)
        if address[:1] != "/" and root in OUR_ROOTS:
            self._counters.unknown += 1
            reason = f"{printable(address)}: an address begins with /, as /{printable(address)}"
            self._explain("osc.unknown", address, reason, sender)
            return
        record = self._messages.record(message, sender.name)
        map_name = self._map.map_for(root) if self._map else None
        if (
            map_name != ""
            and address[:1] == "/"
            and self._is_explained(address, record.addresses, sender)
        ):
            self.on_unknown(message, sender)
            return
        self._counters.unmapped += 1
        if map_name != "" and not record.is_reported:
            record.is_reported = True
            self._report_sender(address, map_name, sender)

    def _is_explained(self, address: str, addresses: Sized, sender: Sender) -> bool:
        if self._feedback.is_subscribed(sender.name):
            return True
        return len(addresses) <= MAX_MISTYPED and is_like_ours(address)

    def _report_sender(self, address: str, map_name: str | None, sender: Sender) -> None:
        """Report a sender in one line, and answer it, because a person may have typed this
        address."""
        what = f"{printable(address)}: no such parameter" if address else "an empty address"
        loads = f"; `/map/load {map_name}` loads a map for that program" if map_name else ""
        if self._messages.may_report(sender.name):
            rest = "its other unmapped messages are only counted: `multiverse osc heard` lists them"
            self._report(
                "osc.unmapped", f"{what}, and nothing is mapped to it{loads}; {rest}", sender
            )
        if self._limit.take(sender.name, self._clock.now_s()):
            self._feedback.listener_of(sender).post(_failure(address, f"{unknown(address)}{loads}"))

    def _explain(self, key: str, address: str, reason: str, sender: Sender) -> None:
        """Report a mistake and, within the rate limit, answer `/fail <address> <reason>`; "":
        unknown address."""
        if not self._limit.take(sender.name, self._clock.now_s()):
            self._report(key, reason or f"{printable(address)}: no such parameter", sender)
            return
        if reason:
            packet = _failure(address, reason)
        else:
            reason, packet = _unknown(address[:MAX_ADDRESS_CHARACTERS])
        self._report(key, reason, sender)
        self._feedback.listener_of(sender).post(packet)


# who mistypes an address once sends it again; the search for the nearest takes milliseconds
@lru_cache(maxsize=256)
def _unknown(address: str) -> tuple[str, bytes]:
    """The explanation for an unknown address, and the answer with it."""
    reason = unknown(address)
    return reason, _failure(address, reason)


def unknown(address: str) -> str:
    if osc_schema.is_pattern(address):
        return f"{printable(address)}: matches no parameter"
    return str(osc_schema.unknown_address(address))


def _failure(address: str, reason: str) -> bytes:
    """The packet `/fail <address> <reason>`, without the address at the beginning of the reason."""
    return failure(printable(address), reason.removeprefix(f"{printable(address)}: "))
