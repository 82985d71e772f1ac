"""Backpressure: coalesces undecoded datagrams when more arrive than can be executed.

If the receive buffer filled up instead, the system would drop the newest messages, and a fader
would stop where it was a second ago. So the waiting datagrams are coalesced, newest first, by their
addresses alone:
- A value is dropped if a newer message, which will be accepted, sets the same parameter.
- A bundle that is due is dropped if newer messages set all its values; otherwise the whole bundle
  is retained.
- Commands are retained, and the newest four see the values that came before them.
- Triggers are retained, up to 32 of each: they are read once per frame.
- Queries (`/sync`, `/get`) are retained and moved to the end, so `/synced` still covers every
  earlier message.
- Of unmapped messages of other programs that were listed before, which have no effect, the newest
  1024 are retained.
- Everything else (patterns, mapped controls, mistakes) is retained. Retained datagrams stay in
  order, so the final values are those that all the messages would have set.

A message that is dropped although no newer value replaces it is counted as discarded: a surplus
trigger, a message without effect, or, beyond 16 MiB, one of the oldest that set no value.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import osc_schema
from engine.control.foreign.messages import AddressKind
from engine.control.outgoing.sender import Sender
from engine.control.steps import value_of
from engine.errors import OscDecodeError
from engine.osc.decode import BUNDLE_HEAD, Message, decode_packet
from engine.osc.time_tag import wait_s
from engine.params import ParamStore
from engine.system.clock import Clock
from osc_schema import Param, ParamType, Rejected

Datagram = tuple[bytes, Sender, float]
"""An undecoded packet, its sender, and when it arrived, by `time.perf_counter`."""

MAX_COMMANDS_IN_ORDER: Final = 4
MAX_PULLS: Final = 32
MAX_WITHOUT_EFFECT: Final = 1024
# of what is never replaced; a buffer full of small packets has a quarter of it
MAX_RETAINED_BYTES: Final = 16 << 20
MAX_CACHED_ADDRESSES: Final = 4096
MAX_CACHED_ADDRESS_BYTES: Final = 240
_INNER_BUNDLE: Final = BUNDLE_HEAD[:-1]
MAX_IN_ORDER: Final = 512  # waiting datagrams that are executed without coalescing: 4 ms
COALESCE_AT: Final = (
    8192  # datagrams in the next generation that start an early coalescing, to bound the memory
)
COALESCE_AT_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CoalescedBatch:
    """The result of one coalescing: the datagrams to execute, and counts of the dropped
    messages."""

    datagrams: list[Datagram]
    """In the order of execution."""
    replaced: int
    """Number of messages dropped because a newer one sets the same value."""
    discarded: int
    """Number of messages dropped although no newer one replaces them."""
    overwritten: tuple[tuple[str, str], ...]
    """(sender's name, address) of each value replaced by another sender's: that display may be
    wrong now."""


@dataclass(slots=True)
class _CoalescingPass:
    """The state of one pass, from the newest datagram to the oldest."""

    newer: dict[str, Sender] = field(default_factory=dict)
    """Address -> sender of the next newer value that will be accepted."""
    retained: list[Datagram] = field(default_factory=list)
    queries: list[Datagram] = field(default_factory=list)
    overwritten: set[tuple[str, str]] = field(default_factory=set)
    pulls: Counter[bytes] = field(default_factory=Counter)
    replaced: int = 0
    discarded: int = 0
    commands: int = 0
    without_effect: int = 0
    other_bytes: int = 0


class Coalescer:
    """Drops waiting datagrams that newer ones replace. The receiving thread."""

    def __init__(
        self,
        store: ParamStore,
        clock: Clock,
        kind_of: Callable[[str], AddressKind],
        has_no_effect: Callable[[str, str], bool],
    ) -> None:
        """`kind_of(address)`: the kind of an address that is no parameter. `has_no_effect(address,
        sender_name)`: True for a foreign message that is not mapped."""
        self._store = store
        self._clock = clock
        self._kind_of = kind_of
        self._has_no_effect = has_no_effect
        self._kinds: dict[bytes, Param | AddressKind] = {}

    def coalesce(self, waiting: Sequence[Datagram]) -> CoalescedBatch:
        """Drop datagrams that newer ones replace. `waiting`: oldest first."""
        # hot path: below 1 us for a datagram that is dropped
        state = _CoalescingPass()
        kinds = self._kinds
        newer = state.newer
        for datagram in reversed(waiting):
            data = datagram[0]
            address = data[: data.find(0)]
            kind = kinds.get(address) or self._classify(address)
            if isinstance(kind, Param):
                sender = datagram[1]
                by = newer.get(kind.address)
                if by is not None:
                    state.replaced += 1
                    if by is not sender and by.name != sender.name:
                        state.overwritten.add((sender.name, kind.address))
                    continue
                if any(self._is_accepted(kind, message) for message in _messages_in(data)):
                    newer[kind.address] = sender
                state.retained.append(datagram)
            elif data.startswith(BUNDLE_HEAD):
                self._coalesce_bundle(datagram, state)
            else:
                self._coalesce_other(datagram, address, kind, state)
        return CoalescedBatch(
            datagrams=state.retained[::-1] + state.queries[::-1],
            replaced=state.replaced,
            discarded=state.discarded,
            overwritten=tuple(state.overwritten),
        )

    def _is_accepted(self, param: Param, message: Message) -> bool:
        try:
            self._store.require(
                param, osc_schema.accept(param, value_of(param, message.args)).value
            )
        except Rejected:
            return False
        return True

    def _classify(self, address: bytes) -> Param | AddressKind:
        name = address.decode("utf-8", "replace")
        kind: Param | AddressKind = osc_schema.lookup(name) or self._kind_of(name)
        if isinstance(kind, Param) and kind.type is ParamType.TRIGGER:
            kind = AddressKind.TRIGGER
        if len(self._kinds) >= MAX_CACHED_ADDRESSES:
            self._kinds.clear()
        if len(address) <= MAX_CACHED_ADDRESS_BYTES:
            self._kinds[address] = kind
        return kind

    def _coalesce_other(
        self, datagram: Datagram, address: bytes, kind: AddressKind, state: _CoalescingPass
    ) -> None:
        sender = datagram[1]
        if kind is AddressKind.QUERY:
            self._retain(datagram, state, state.queries)
            return
        if kind is AddressKind.COMMAND:
            _keep_values_before(state)
        elif kind is AddressKind.TRIGGER:
            state.pulls[address] += 1
            if state.pulls[address] > MAX_PULLS:
                state.discarded += 1
                return
        elif kind is AddressKind.FOREIGN and self._has_no_effect(
            address.decode("utf-8", "replace"), sender.name
        ):
            state.without_effect += 1
            if state.without_effect > MAX_WITHOUT_EFFECT:
                state.discarded += 1
                return
        self._retain(datagram, state, state.retained)

    def _coalesce_bundle(self, datagram: Datagram, state: _CoalescingPass) -> None:
        data, sender, _ = datagram
        addresses = _addresses_in(data)
        kinds = [self._kinds.get(address) or self._classify(address) for address in addresses]
        params = [kind for kind in kinds if isinstance(kind, Param)]
        if (
            not params
            or len(params) < len(kinds)
            or wait_s(int.from_bytes(data[8:16]), self._clock.wall_s()) > 0.0
        ):
            # an inner one may hold a query
            if AddressKind.QUERY in kinds or _INNER_BUNDLE in addresses:
                state.newer.clear()
            elif AddressKind.COMMAND in kinds:
                _keep_values_before(state)
            self._retain(datagram, state, state.retained, len(kinds) or 1)
            return
        newer = state.newer
        if all(param.address in newer for param in params):
            state.replaced += len(params)
            for param in params:
                if newer[param.address].name != sender.name:
                    state.overwritten.add((sender.name, param.address))
            return
        state.retained.append(datagram)
        for param, message in zip(params, _messages_in(data), strict=False):
            if self._is_accepted(param, message):
                newer.setdefault(param.address, sender)

    def _retain(
        self, datagram: Datagram, state: _CoalescingPass, into: list[Datagram], messages: int = 1
    ) -> None:
        """Retain a datagram that is never replaced, while the bound on their bytes allows it."""
        state.other_bytes += len(datagram[0])
        if state.other_bytes > MAX_RETAINED_BYTES:
            state.discarded += messages
        else:
            into.append(datagram)


def _keep_values_before(state: _CoalescingPass) -> None:
    state.commands += 1
    if state.commands <= MAX_COMMANDS_IN_ORDER:
        state.newer.clear()


def _messages_in(data: bytes) -> list[Message]:
    """The messages of a packet without inner bundles; none if it is malformed: then none of them is
    executed."""
    try:
        packet = decode_packet(data)
    except OscDecodeError:
        return []
    elements = (packet,) if isinstance(packet, Message) else packet.elements
    return [element for element in elements if isinstance(element, Message)]


def _addresses_in(data: bytes) -> list[bytes]:
    """The addresses of a bundle's elements; of an inner bundle `#bundle`. Empty if the bundle is
    malformed."""
    addresses = []
    at = 16
    end = len(data)
    while at + 4 <= end:
        size = int.from_bytes(data[at : at + 4])
        at += 4
        if not 4 <= size <= end - at:
            return []
        addresses.append(data[at : data.find(0, at, at + size)])
        at += size
    return addresses if at == end else []


class Backlog:
    """Datagrams that have been read and not yet executed, in two generations; for the receiving
    thread.

    While few wait, they are executed in the order of their arrival. When more than 512 wait, a
    `Coalescer` drops those that newer ones replace. Datagrams that arrive meanwhile form the next
    generation, which is coalesced only when the one before is finished: so a value that is replaced
    again and again is delayed by two generations at most, each less than a frame."""

    def __init__(self, coalescer: Coalescer) -> None:
        self._coalescer = coalescer
        self._current: list[
            Datagram
        ] = []  # newest first, so that the next one is taken from the end
        self._next: list[Datagram] = []
        self._next_bytes = 0
        self._coalesce_at = COALESCE_AT
        self._coalesce_at_bytes = COALESCE_AT_BYTES

    def __len__(self) -> int:
        return len(self._current) + len(self._next)

    def add(self, datagrams: list[Datagram]) -> CoalescedBatch | None:
        """Add datagrams in the order of their arrival. Returns the batch if it had to coalesce,
        else None."""
        self._next += datagrams
        self._next_bytes += sum([len(datagram[0]) for datagram in datagrams])
        if len(self._next) < self._coalesce_at and self._next_bytes < self._coalesce_at_bytes:
            return None
        batch = self._coalescer.coalesce(self._next)
        self._next = batch.datagrams
        self._next_bytes = sum([len(datagram[0]) for datagram in batch.datagrams])
        # As much again must arrive before the next time, so that each datagram is coalesced twice
        # on average.
        self._coalesce_at = 2 * len(self._next) + COALESCE_AT
        self._coalesce_at_bytes = 2 * self._next_bytes + COALESCE_AT_BYTES
        return batch

    def begin_generation(self) -> CoalescedBatch | None:
        """Continue with the next generation if the current one is finished. Returns the batch if it
        had to coalesce."""
        if self._current or not self._next:
            return None
        batch = self._coalescer.coalesce(self._next) if len(self._next) > MAX_IN_ORDER else None
        self._current = (self._next if batch is None else batch.datagrams)[::-1]
        self._next = []
        self._next_bytes = 0
        self._coalesce_at = COALESCE_AT
        self._coalesce_at_bytes = COALESCE_AT_BYTES
        return batch

    def take(self, limit: int) -> list[Datagram]:
        """Remove and return at most `limit` datagrams of the current generation, in the order of
        execution."""
        batch = self._current[: -limit - 1 : -1]
        del self._current[-limit:]
        return batch
