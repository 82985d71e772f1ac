"""Which waiting packets are dropped under backpressure, and that the final values stay the same."""

import random
from collections.abc import Callable
from typing import Any

import pytest

import osc_schema
from engine.control import CommandTable, Dispatcher, Sender
from engine.control.backpressure import (
    COALESCE_AT,
    MAX_CACHED_ADDRESSES,
    MAX_COMMANDS_IN_ORDER,
    MAX_PULLS,
    MAX_RETAINED_BYTES,
    MAX_WITHOUT_EFFECT,
    Backlog,
    CoalescedBatch,
    Datagram,
)
from engine.osc.decode import Message, decode_packet
from engine.osc.encode import encode_message
from engine.params import ParamStore
from engine.system.clock import SteppedClock
from osc_schema import ParamType
from tests.support.time_tags import encode_bundle, time_tag_of

A, B, C = "/layer/1/angle", "/layer/2/angle", "/multiverse/brightness"
MENU = "/layer/5/source"
FILLER = [f"/layer/{n}/intensity" for n in (1, 2, 3, 4)]
SIZES = [param.address for param in osc_schema.PARAMS if param.type is ParamType.FLOAT][:60]


class Engine:
    """A store and a dispatcher without sockets; each packet is a datagram of one of two senders."""

    def __init__(self, report: Any) -> None:
        self.store, self.commands, self.clock = ParamStore(), CommandTable(), SteppedClock()
        self.saved: list[tuple[object, ...]] = []
        self.commands.add(
            "/preset/save", lambda reply, *args: self.saved.append((self.store.get(A), *args))
        )
        self.dispatcher = Dispatcher(self.store, self.commands, self.clock, report)
        self.answers: list[bytes] = []
        self.one, self.other = (
            Sender(name=f"udp 192.0.2.{n}:5000", post=self.answers.append, at_port=None)
            for n in (1, 2)
        )
        self.coalescer = self.dispatcher.new_coalescer()

    def datagrams(self, *packets: bytes) -> list[Datagram]:
        return [(packet, self.one, 0.0) for packet in packets]

    def coalesce(self, *packets: bytes) -> CoalescedBatch:
        return self.coalescer.coalesce(self.datagrams(*packets))

    def retained(self, *packets: bytes) -> list[bytes]:
        return [data for data, _, _ in self.coalesce(*packets).datagrams]

    def execute(self, datagrams: list[Datagram]) -> None:
        for data, sender, arrived_s in datagrams:
            self.dispatcher.receive(data, sender, arrived_s)


@pytest.fixture
def make_engine(reports: Any) -> Callable[[], Engine]:
    return lambda: Engine(reports)


@pytest.fixture
def engine(make_engine: Callable[[], Engine]) -> Engine:
    return make_engine()


def value(address: str, number: object) -> bytes:
    return encode_message(address, number)


def test_the_newest_value_of_a_fader_is_left_and_of_triggers_what_a_frame_can_show(
    engine: Engine,
) -> None:
    batch = engine.coalesce(value(A, 1.0), value(B, 1.0), value(A, 2.0), value(A, 3.0))
    assert [data for data, _, _ in batch.datagrams] == [value(B, 1.0), value(A, 3.0)]
    assert (batch.replaced, batch.discarded) == (2, 0)
    beats = [encode_message("/tempo/tap", 1)] * 20
    assert engine.retained(*beats, value(A, 1.0)) == [*beats, value(A, 1.0)]
    batch = engine.coalesce(*[encode_message("/tempo/tap", 1)] * 100)
    assert (len(batch.datagrams), batch.discarded, batch.replaced) == (
        MAX_PULLS,
        100 - MAX_PULLS,
        0,
    )


def test_a_value_that_will_be_refused_replaces_nothing(engine: Engine) -> None:
    for right, wrong in [
        (value(A, 2.0), value(A, float("nan"))),
        (value(A, 2.0), value(A, "no number")),
        (value(A, 2.0), value(A, b"blob")),
        (value(A, 2.0), encode_message(A, 1.0, 2.0)),
        (value(A, 2.0), value(A, 3.0)[:-4]),
        (value(MENU, 1), value(MENU, 99)),
    ]:
        assert engine.retained(right, right, wrong) == [right, wrong], (
            "its sender hears about the mistake"
        )


def test_every_command_is_retained_in_order_however_many_there_are(engine: Engine) -> None:
    packets = [
        packet
        for n in range(300)
        for packet in (value(A, n / 10), encode_message("/preset/save", n))
    ]
    batch = engine.coalesce(*packets)
    engine.execute(batch.datagrams)
    assert [name for _, name in engine.saved] == list(map(str, range(300)))
    newest = engine.saved[-MAX_COMMANDS_IN_ORDER:]
    assert [seen for seen, _ in newest] == pytest.approx(
        [(300 - MAX_COMMANDS_IN_ORDER + n) / 10 for n in range(4)]
    )
    assert batch.replaced == 300 - MAX_COMMANDS_IN_ORDER and batch.discarded == 0


def test_patterns_mistakes_and_the_newest_of_other_programs_messages_are_retained(
    engine: Engine,
) -> None:
    packets = [
        encode_message("/layer/*/angle", 1.0),
        value("/layer/1/angel", 1.0),
        value("/midi/cc/1", 1),
        b"no packet",
        b"",
        value(A, 1.0),
    ]
    assert engine.retained(*packets, *packets[:-1]) == [*packets, *packets[:-1]]
    unmapped = [value(f"/composition/{n}", 0.5) for n in range(1500)]
    engine.execute(engine.datagrams(*unmapped))  # none of them is mapped
    batch = engine.coalesce(*unmapped, value(A, 1.0))
    assert [data for data, _, _ in batch.datagrams] == [
        *unmapped[-MAX_WITHOUT_EFFECT:],
        value(A, 1.0),
    ]
    assert batch.discarded == 1500 - MAX_WITHOUT_EFFECT


def test_giant_commands_do_not_fill_the_memory_and_values_survive_them(engine: Engine) -> None:
    batch = engine.coalesce(
        value(B, 1.0), *[encode_message("/preset/save", "x" * 60_000)] * 400, value(A, 1.0)
    )
    retained = [data for data, _, _ in batch.datagrams]
    assert retained[0] == value(B, 1.0) and retained[-1] == value(A, 1.0)
    assert sum(map(len, retained)) <= MAX_RETAINED_BYTES + 100 and batch.discarded == 402 - len(
        retained
    )
    engine.coalesce(*(value(f"/x/{number}", 1.0) for number in range(MAX_CACHED_ADDRESSES + 9)))
    assert len(engine.coalescer._kinds) <= MAX_CACHED_ADDRESSES


def bundle(*packets: bytes, tag: int = 1) -> bytes:
    return encode_bundle(tag, packets)


def test_a_bundle_is_dropped_whole_or_retained_whole_and_replaces_only_what_it_sets(
    engine: Engine,
) -> None:
    both = bundle(value(A, 1.0), value(B, 1.0))
    assert engine.retained(both, value(A, 2.0)) == [both, value(A, 2.0)]
    assert engine.retained(both, value(A, 2.0), value(B, 2.0)) == [value(A, 2.0), value(B, 2.0)]
    newer = bundle(value(B, 3.0), value(A, 3.0))
    batch = engine.coalesce(value(A, 0.5), both, newer)
    assert [data for data, _, _ in batch.datagrams] == [newer] and batch.replaced == 3
    now_s = engine.clock.wall_s()
    due = bundle(value(A, 1.0), tag=time_tag_of(now_s - 0.005))
    later = bundle(value(A, 2.0), tag=time_tag_of(now_s + 1.0))
    assert engine.retained(due, later, value(A, 3.0)) == [later, value(A, 3.0)]
    mixed = bundle(value(A, float("nan")), value(B, 2.0))
    assert engine.retained(value(A, 1.0), value(B, 1.0), mixed) == [value(A, 1.0), mixed]


def test_a_bundle_is_retained_whole_with_more_than_values_or_broken(engine: Engine) -> None:
    for element in [
        encode_message("/tempo/tap", 1), encode_message("/preset/save", "x"),
        encode_message("/layer/*/angle", 2.0),
    ]:  # fmt: skip
        mixed = bundle(value(A, 1.0), element)
        assert engine.retained(mixed, value(A, 2.0)) == [mixed, value(A, 2.0)], element
    asking = bundle(bundle(encode_message("/get", A)))
    assert engine.retained(value(A, 1.0), asking, value(A, 2.0)) == [
        value(A, 1.0),
        asking,
        value(A, 2.0),
    ]
    for cut in [4, 12, 20, 30]:
        broken = bundle(value(A, 1.0), value(B, 1.0))[:-cut]
        assert engine.retained(value(A, 2.0), broken) == [value(A, 2.0), broken], cut


def test_after_coalescing_the_store_is_as_if_every_message_had_been_executed(
    make_engine: Callable[[], Engine],
) -> None:
    """Random values, refused ones, bundles, inner bundles, panics, patterns and commands, from two
    senders."""
    for seed in range(20):
        chance = random.Random(seed)
        whole, batch = make_engine(), make_engine()
        packets = [_random_packet(chance) for _ in range(600)]
        senders = [chance.random() < 0.5 for _ in packets]
        whole.execute([(data, whole.one, 0.0) for data in packets])
        left = batch.coalescer.coalesce(
            [
                (data, batch.one if is_one else batch.other, 0.0)
                for data, is_one in zip(packets, senders, strict=True)
            ]
        )
        batch.execute(left.datagrams)
        assert left.replaced > 100
        snapshots = [engine.store.snapshot().to_dict() for engine in (whole, batch)]
        assert snapshots[0] == snapshots[1], seed
        assert [name for _, name in whole.saved] == [name for _, name in batch.saved]


def _random_packet(chance: random.Random) -> bytes:
    kind = chance.random()
    if kind < 0.75:
        return value(
            chance.choice(SIZES),
            chance.choice([chance.random(), chance.random() * 400.0, float("nan"), "x"]),
        )
    if kind < 0.95:
        elements = [
            value(chance.choice(SIZES), chance.random()) for _ in range(chance.randrange(1, 6))
        ]
        if kind > 0.92:
            elements.append(chance.choice([encode_message("/master/panic"), bundle(*elements[:1])]))
        return bundle(*elements)
    return chance.choice(
        [
            encode_message("/master/panic"),
            encode_message("/layer/*/angle", 5.0),
            encode_message("/preset/save", "x"),
        ]
    )


def test_a_fader_that_never_rests_does_not_keep_another_waiting(engine: Engine) -> None:
    """In each turn far more arrives than is executed; what waited at the first turn is finished in
    the second."""
    backlog = Backlog(engine.coalescer)
    executed: list[bytes] = []
    for turn in range(6):
        datagrams = [
            value(address, (1000 * turn + n) / 6000) for n in range(300) for address in FILLER
        ]
        backlog.add(engine.datagrams(value(C, turn / 8), *datagrams))
        backlog.begin_generation()
        executed += [data for data, _, _ in backlog.take(8)]
    values = [message.args[0] for data in executed if (message := decode_packet(data)).address == C]
    assert values == [n / 8 for n in range(6)], "one value of each generation"
    assert len(executed) == 6 * 5


def test_a_sync_is_answered_in_its_generation_although_more_arrives(engine: Engine) -> None:
    backlog = Backlog(engine.coalescer)
    sync = encode_message("/sync", 7)
    backlog.add(engine.datagrams(value(A, 1.0), sync, *[value(B, n / 100) for n in range(1000)]))
    backlog.begin_generation()
    backlog.add(engine.datagrams(*[value(A, n / 100) for n in range(1000)]))
    assert backlog.begin_generation() is None, "the first is not finished"
    assert [data for data, _, _ in backlog.take(100)] == [value(A, 1.0), value(B, 9.99), sync]


def test_waiting_packets_are_coalesced_early_so_that_memory_is_bounded(engine: Engine) -> None:
    backlog = Backlog(engine.coalescer)
    backlog.add(engine.datagrams(value(C, 1.0)))
    backlog.begin_generation()  # never finished here
    replaced, most = 0, 0
    for turn in range(40):
        batch = backlog.add(
            engine.datagrams(*[value(A, (turn * 1000 + n) / 1e6) for n in range(1000)])
        )
        replaced += batch.replaced if batch else 0
        most = max(most, len(backlog))
    assert most <= COALESCE_AT + 1001 and replaced + len(backlog) == 40_001
    backlog.take(1)
    backlog.begin_generation()
    message = decode_packet(backlog.take(1)[0][0])
    assert isinstance(message, Message) and message.args == pytest.approx((0.039999,))
    assert len(backlog) == 0
