"""Decides which undecoded datagrams still matter when more arrive than can be executed.

If the receive buffer filled up instead, the system would throw away the newest messages, and a fader would stop where
it was a second ago. So the waiting datagrams are sifted, newest first, by their addresses alone:
- A value is left out if a newer message, which will not be refused, sets the same parameter.
- A bundle that is due is left out if all its values are set by newer messages; otherwise it is kept whole.
- Commands are kept, and the newest four see the values that came before them.
- Triggers are kept, up to 32 of each: they are read once a frame.
- Queries (`/sync`, `/get`) are kept and moved to the end, so `/synced` still means that every earlier message is shown.
- Messages of other programs that were heard before and are not mapped have no effect; the newest 1024 are kept.
- Everything else (patterns, mapped controls, mistakes) is kept. What is kept stays in order, so the values at the end
  are those that all the messages would have left.

What is not kept without a newer value (surplus triggers, messages without effect, and beyond 16 MiB the oldest that are
no values) is counted as discarded.
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
MAX_KEPT_BYTES: Final = 16 << 20  # of what is never replaced; a buffer full of small packets has a quarter of it
KEPT_ADDRESSES: Final = 4096
MAX_KEPT_ADDRESS_BYTES: Final = 240
_INNER_BUNDLE: Final = BUNDLE_HEAD[:-1]
MAX_IN_ORDER: Final = 512  # waiting datagrams that are executed without being sifted: 4 ms
SIFTED_AT: Final = 8192  # in the next generation, which is then sifted early, to bound the memory
SIFTED_AT_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """The waiting datagrams that are executed, and how many are not."""

    kept: list[Datagram]
    """In the order of execution."""
    replaced: int
    """Messages left out for newer values."""
    discarded: int
    """Messages left out without a newer value."""
    overwritten: tuple[tuple[str, str], ...]
    """(sender's name, address) of values left out for those of another sender, whose display may be wrong now."""


@dataclass(slots=True)
class _Sifting:
    """The state of one pass, from the newest datagram to the oldest."""

    newer: dict[str, Sender] = field(default_factory=dict)
    """Address -> sender of the next newer value that will be accepted."""
    kept: list[Datagram] = field(default_factory=list)
    queries: list[Datagram] = field(default_factory=list)
    overwritten: set[tuple[str, str]] = field(default_factory=set)
    pulls: Counter[bytes] = field(default_factory=Counter)
    replaced: int = 0
    discarded: int = 0
    commands: int = 0
    without_effect: int = 0
    other_bytes: int = 0


class Sieve:
    """Sifts waiting datagrams. The receiving thread."""

    def __init__(
        self,
        store: ParamStore,
        clock: Clock,
        kind_of: Callable[[str], AddressKind],
        has_no_effect: Callable[[str, str], bool],
    ) -> None:
        """`kind_of(address)`: of an address that is no parameter. `has_no_effect(address, sender_name)`: True if a
        foreign message sets nothing."""
        self._store, self._clock, self._kind_of, self._has_no_effect = store, clock, kind_of, has_no_effect
        self._kinds: dict[bytes, Param | AddressKind] = {}

    def sift(self, waiting: Sequence[Datagram]) -> Sifted:
        """Leave out what newer datagrams replace. `waiting`: oldest first."""
        # hot path: below 1 us for a datagram that is left out
        state = _Sifting()
        kinds, newer = self._kinds, state.newer
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
                state.kept.append(datagram)
            elif data.startswith(BUNDLE_HEAD):
                self._sift_bundle(datagram, state)
            else:
                self._sift_other(datagram, address, kind, state)
        return Sifted(
            kept=state.kept[::-1] + state.queries[::-1],
            replaced=state.replaced,
            discarded=state.discarded,
            overwritten=tuple(state.overwritten),
        )

    def _is_accepted(self, param: Param, message: Message) -> bool:
        try:
            self._store.require(param, osc_schema.accept(param, value_of(param, message.args)).value)
        except Rejected:
            return False
        return True

    def _classify(self, address: bytes) -> Param | AddressKind:
        name = address.decode("utf-8", "replace")
        kind: Param | AddressKind = osc_schema.lookup(name) or self._kind_of(name)
        if isinstance(kind, Param) and kind.type is ParamType.TRIGGER:
            kind = AddressKind.TRIGGER
        if len(self._kinds) >= KEPT_ADDRESSES:
            self._kinds.clear()
        if len(address) <= MAX_KEPT_ADDRESS_BYTES:
            self._kinds[address] = kind
        return kind

    def _sift_other(self, datagram: Datagram, address: bytes, kind: AddressKind, state: _Sifting) -> None:
        sender = datagram[1]
        if kind is AddressKind.QUERY:
            self._keep(datagram, state, state.queries)
            return
        if kind is AddressKind.COMMAND:
            _see_values_before(state)
        elif kind is AddressKind.TRIGGER:
            state.pulls[address] += 1
            if state.pulls[address] > MAX_PULLS:
                state.discarded += 1
                return
        elif kind is AddressKind.FOREIGN and self._has_no_effect(address.decode("utf-8", "replace"), sender.name):
            state.without_effect += 1
            if state.without_effect > MAX_WITHOUT_EFFECT:
                state.discarded += 1
                return
        self._keep(datagram, state, state.kept)

    def _sift_bundle(self, datagram: Datagram, state: _Sifting) -> None:
        data, sender, _ = datagram
        addresses = _addresses_in(data)
        kinds = [self._kinds.get(address) or self._classify(address) for address in addresses]
        params = [kind for kind in kinds if isinstance(kind, Param)]
        if not params or len(params) < len(kinds) or wait_s(int.from_bytes(data[8:16]), self._clock.wall_s()) > 0.0:
            if AddressKind.QUERY in kinds or _INNER_BUNDLE in addresses:  # an inner one may hold a query
                state.newer.clear()
            elif AddressKind.COMMAND in kinds:
                _see_values_before(state)
            self._keep(datagram, state, state.kept, len(kinds) or 1)
            return
        newer = state.newer
        if all(param.address in newer for param in params):
            state.replaced += len(params)
            for param in params:
                if newer[param.address].name != sender.name:
                    state.overwritten.add((sender.name, param.address))
            return
        state.kept.append(datagram)
        for param, message in zip(params, _messages_in(data), strict=False):
            if self._is_accepted(param, message):
                newer.setdefault(param.address, sender)

    def _keep(self, datagram: Datagram, state: _Sifting, into: list[Datagram], messages: int = 1) -> None:
        """Keep what is never replaced, within bounds."""
        state.other_bytes += len(datagram[0])
        if state.other_bytes > MAX_KEPT_BYTES:
            state.discarded += messages
        else:
            into.append(datagram)


def _see_values_before(state: _Sifting) -> None:
    state.commands += 1
    if state.commands <= MAX_COMMANDS_IN_ORDER:
        state.newer.clear()


def _messages_in(data: bytes) -> list[Message]:
    """The messages of a packet without inner bundles; none if it is malformed: then none of them is executed."""
    try:
        packet = decode_packet(data)
    except OscDecodeError:
        return []
    elements = (packet,) if isinstance(packet, Message) else packet.elements
    return [element for element in elements if isinstance(element, Message)]


def _addresses_in(data: bytes) -> list[bytes]:
    """The addresses of a bundle's elements; of an inner bundle `#bundle`. Empty if the bundle is malformed."""
    addresses = []
    at, end = 16, len(data)
    while at + 4 <= end:
        size = int.from_bytes(data[at : at + 4])
        at += 4
        if not 4 <= size <= end - at:
            return []
        addresses.append(data[at : data.find(0, at, at + size)])
        at += size
    return addresses if at == end else []


class Backlog:
    """Datagrams that have been read and not yet executed, in two generations; for the receiving thread.

    While few wait, they are executed in the order of their arrival. When more than 512 wait, a `Sieve` leaves out those
    that newer ones replace. Datagrams that arrive meanwhile form the next generation, which is sifted only when the one
    before is finished: so a value that is replaced again and again is delayed by two generations at most, each less
    than a frame.
    """

    def __init__(self, sieve: Sieve) -> None:
        self._sieve = sieve
        self._current: list[Datagram] = []  # newest first, so that the next one is taken from the end
        self._next: list[Datagram] = []
        self._next_bytes = 0
        self._sifted_at, self._sifted_at_bytes = SIFTED_AT, SIFTED_AT_BYTES

    def __len__(self) -> int:
        return len(self._current) + len(self._next)

    def add(self, datagrams: list[Datagram]) -> Sifted | None:
        """Add datagrams in the order of their arrival. Returns what was left out, if it had to sift."""
        self._next += datagrams
        self._next_bytes += sum([len(datagram[0]) for datagram in datagrams])
        if len(self._next) < self._sifted_at and self._next_bytes < self._sifted_at_bytes:
            return None
        sifted = self._sieve.sift(self._next)
        self._next = sifted.kept
        self._next_bytes = sum([len(datagram[0]) for datagram in sifted.kept])
        # At least as much again must arrive before the next time, so that each datagram is sifted twice on average.
        self._sifted_at = 2 * len(self._next) + SIFTED_AT
        self._sifted_at_bytes = 2 * self._next_bytes + SIFTED_AT_BYTES
        return sifted

    def begin_generation(self) -> Sifted | None:
        """If the current generation is finished, continue with the next. Returns what was left out, if it sifted."""
        if self._current or not self._next:
            return None
        sifted = self._sieve.sift(self._next) if len(self._next) > MAX_IN_ORDER else None
        self._current = (self._next if sifted is None else sifted.kept)[::-1]
        self._next, self._next_bytes = [], 0
        self._sifted_at, self._sifted_at_bytes = SIFTED_AT, SIFTED_AT_BYTES
        return sifted

    def take(self, most: int) -> list[Datagram]:
        """Remove and return at most `most` datagrams of the current generation, in the order of execution."""
        taken = self._current[: -most - 1 : -1]
        del self._current[-most:]
        return taken
