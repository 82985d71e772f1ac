"""Feedback to subscribers, and its timing: on a stepped clock, with the test as the sending
thread."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

import osc_schema
from engine.control import CommandTable, Dispatcher
from engine.control.outgoing.feedback import MAX_SUBSCRIBERS, PACKETS_TO_ALL
from engine.control.outgoing.outbox import (
    MAX_CACHED_RECEIVERS,
    MAX_PACKETS,
    PACKETS_A_SENDING,
    PACKETS_A_TURN,
)
from engine.osc.decode import Message
from engine.osc.encode import encode_message
from engine.params import ParamStore
from engine.system.clock import SteppedClock
from engine.values import BeatFeatures, ChannelFeatures

ANGLE = "/layer/1/angle"
FRAME_S = 1 / 60


class Hall:
    """A dispatcher on a stepped clock, with the test as its sending thread."""

    def __init__(self, reports: Any) -> None:
        self.clock = SteppedClock()
        self.store = ParamStore()
        self.dispatcher = Dispatcher(self.store, CommandTable(), self.clock, reports)
        self.feedback = self.dispatcher.feedback

    def say(self, peer: Any, address: str, *args: object) -> None:
        self.dispatcher.receive(encode_message(address, *args), peer.sender())

    def after(self, seconds: float) -> None:
        """Let time pass in steps of the sending thread."""
        end_s = self.clock.now_s() + seconds
        while self.clock.now_s() < end_s - 1e-9:
            self.clock.advance(min(FRAME_S, end_s - self.clock.now_s()))
            self.feedback.tick(self.clock.now_s())

    def subscribe(self, peer: Any) -> None:
        """Subscribe, and drop the messages that come at once."""
        self.say(peer, "/engine/notify", 1)
        self.after(0.5)
        peer.take()


@pytest.fixture
def hall(reports: Any) -> Hall:
    return Hall(reports)


@pytest.fixture
def one(make_peer: Callable[..., Any]) -> Any:
    return make_peer("udp 192.0.2.1:5000")


@pytest.fixture
def other(make_peer: Callable[..., Any]) -> Any:
    return make_peer("udp 192.0.2.2:5000")


def without_heartbeat(messages: list[Message]) -> list[Message]:
    return [message for message in messages if message.address != "/engine/heartbeat"]


def test_a_subscriber_gets_every_value_in_portions_then_silence(hall: Hall, one: Any) -> None:
    """The portions fit a small receive buffer."""
    hall.store.set("/mode", "simple")
    hall.say(one, "/engine/notify", 1)
    assert one.take()[0] == Message("/done", ("/engine/notify",), "s")
    values, portions = [], []
    while sum(portions) < len(osc_schema.PARAMS):
        hall.after(FRAME_S)
        values += (portion := without_heartbeat(one.take()))
        portions.append(len(portion))
    *full, rest = portions
    assert full == [PACKETS_A_SENDING] * len(full) and 0 < rest <= PACKETS_A_SENDING
    assert [message.address for message in values] == [param.address for param in osc_schema.PARAMS]
    assert {message.type_tags for message in values} == {"i", "f", "s"}
    assert Message("/mode", ("simple",), "s") in values
    hall.after(0.4)
    assert without_heartbeat(one.take()) == []


def test_changes_before_and_during_a_subscription_are_sent_once_in_order(
    hall: Hall, one: Any, other: Any
) -> None:
    """The last value is the end of a resync: no older value follows and overwrites a new one."""
    hall.store.set(osc_schema.PARAMS[-1].address, 640.0, by="configuration")
    hall.subscribe(other)
    for peer in (one, other):  # the second time, others have subscribed already
        hall.say(peer, "/engine/notify", 0)
        hall.store.set(osc_schema.PARAMS[-2].address, 480.0, by="a hand")
        peer.take()
        hall.say(peer, "/engine/notify", 1)
        hall.store.set(ANGLE, hall.store.get(ANGLE) + 1.0, by="a hand")
        hall.after(0.5)
        _, *values = without_heartbeat(peer.take())
        assert [message.address for message in values] == [
            param.address for param in osc_schema.PARAMS
        ]
        assert Message(ANGLE, (hall.store.get(ANGLE),), "f") in values


def test_a_change_goes_to_everybody_but_the_one_who_made_it(
    hall: Hall, one: Any, other: Any
) -> None:
    hall.subscribe(one)
    hall.subscribe(other)
    hall.say(one, ANGLE, 30.0)
    hall.after(0.1)
    assert without_heartbeat(one.take()) == []
    assert without_heartbeat(other.take()) == [Message(ANGLE, (30.0,), "f")]
    hall.store.set(ANGLE, 31.0, by="web")
    hall.after(0.1)
    assert one.take() == other.take() == [Message(ANGLE, (31.0,), "f")]


def test_a_value_is_sent_back_if_it_was_not_accepted_as_sent(hall: Hall, one: Any) -> None:
    hall.subscribe(one)
    clipped, wrapped, rounded = (
        ("/multiverse/brightness", 9.0, 4.0),
        (ANGLE, 190.0, -170.0),
        ("/mirror/segments", 7.4, 7),
    )
    for address, sent, received in (clipped, wrapped, rounded):
        # the second time nothing changes in the store, but the fader's position is still wrong
        for _ in range(2):
            hall.say(one, address, sent)
            hall.after(0.1)
            (message,) = without_heartbeat(one.take())
            assert message.address == address and message.args == pytest.approx((received,))
    for address, spelled in (("/layer/1/mute", 1), ("/mode", 1), (ANGLE, 30)):
        hall.say(one, address, spelled)
        hall.after(0.1)
        assert without_heartbeat(one.take()) == [], f"{address}: only spelled differently"


def test_of_many_changes_only_the_newest_is_sent_sixty_times_a_second(
    hall: Hall, one: Any, other: Any
) -> None:
    hall.subscribe(one)
    for step in range(1000):  # one second
        hall.say(other, ANGLE, step / 10)
        hall.clock.advance(0.001)
        hall.feedback.tick(hall.clock.now_s())
    values = [message.args[0] for message in without_heartbeat(one.take())]
    assert 55 <= len(values) <= 60
    hall.after(0.1)
    assert without_heartbeat(one.take())[-1].args == pytest.approx((99.9,))
    assert values == sorted(values)


def test_a_heartbeat_counts_the_seconds_and_a_trigger_is_sent_as_one_and_read_as_zero(
    hall: Hall, one: Any, other: Any
) -> None:
    hall.say(one, "/engine/notify", 1)
    hall.after(5.5)
    assert [
        message.args[0] for message in one.take() if message.address == "/engine/heartbeat"
    ] == [1, 2, 3, 4, 5, 6]
    hall.say(other, "/master/panic")
    hall.say(one, "/engine/notify", 1)
    hall.after(0.5)
    assert Message("/master/panic", (0,), "i") in one.take()
    hall.say(other, "/master/panic")
    hall.after(0.1)
    assert without_heartbeat(one.take()) == [Message("/master/panic", (1,), "i")]


def test_a_subscriber_may_listen_on_another_port_than_it_sends_from(
    hall: Hall, one: Any, other: Any
) -> None:
    """Max, TouchDesigner and Resolume do. Answers go to that port too, always on the sender's own
    host."""
    hall.say(one, "/engine/notify", 1, 9001)
    hall.after(0.5)
    listener = one.others[9001]
    assert listener.name == "udp 192.0.2.1:9001"
    assert len(without_heartbeat(listener.take())) == 1 + len(osc_schema.PARAMS)
    hall.say(one, ANGLE, 20.0)  # its own change, although it listens on another port
    hall.say(one, "/get", "/mode")
    hall.say(other, "/mode", 1)
    hall.after(0.1)
    assert [message.address for message in without_heartbeat(listener.take())] == ["/mode", "/mode"]
    assert one.take() == []
    hall.say(one, "/engine/notify", 0)
    assert listener.take() == [Message("/done", ("/engine/notify",), "s")]
    hall.say(other, ANGLE, 21.0)
    hall.after(2.0)
    assert listener.take() == []


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("on",),
        (1, 0),
        (1, 65_536),
        (1, -1),
        (1, "many"),
        (1, 9001, 2),
        (1, 9001, "x"),
        (1, 9001, "all", 1),
    ],
)
def test_an_invalid_subscription_fails(hall: Hall, one: Any, args: tuple) -> None:
    hall.say(one, "/engine/notify", *args)
    (answer,) = one.take()
    assert answer.address == "/fail" and answer.args[0] == "/engine/notify"
    assert hall.feedback.next_due_s() is None


def test_of_too_many_subscribers_the_oldest_is_removed(
    hall: Hall, make_peer: Callable[..., Any], reports: Any
) -> None:
    crowd = [make_peer(f"udp 192.0.2.1:{port}") for port in range(1, MAX_SUBSCRIBERS + 2)]
    for peer in crowd:
        hall.subscribe(peer)
    for peer in crowd:
        peer.take()
    hall.store.set(ANGLE, 12.0, by="web")
    hall.after(0.1)
    assert [bool(without_heartbeat(peer.take())) for peer in crowd] == [False] + [
        True
    ] * MAX_SUBSCRIBERS
    assert "osc.subscribers" in reports.keys


def test_a_program_with_many_ports_does_not_displace_a_page(
    hall: Hall, make_peer: Callable[..., Any]
) -> None:
    page, program = make_peer("ws 127.0.0.1:40000"), make_peer("udp 192.0.2.1:5000")
    hall.feedback.subscribe(dataclasses.replace(page.sender(), at_port=None), origin=page.name)
    for port in range(1, MAX_SUBSCRIBERS + 2):
        hall.say(program, "/engine/notify", 1, port)
    hall.after(6.0)
    page.take()
    hall.store.set(ANGLE, 12.0, by="a hand")
    hall.after(0.1)
    assert without_heartbeat(page.take()) == [Message(ANGLE, (12.0,), "f")]


# -- single addresses, and announcements -------------------------------------------------------


def listen(hall: Hall, peer: Any, address: str) -> None:
    sender = peer.sender()
    hall.feedback.listen(sender, origin=sender.name, address=address)


def test_a_listener_gets_the_current_value_and_then_the_changes_by_others(
    hall: Hall, one: Any, other: Any
) -> None:
    hall.say(one, ANGLE, 20.0)
    listen(hall, one, ANGLE)
    hall.after(0.1)
    assert one.take() == [Message(ANGLE, (20.0,), "f")]
    hall.say(other, ANGLE, 30.0)
    hall.say(other, "/layer/2/angle", 30.0)
    hall.after(0.1)
    assert one.take() == [Message(ANGLE, (30.0,), "f")]
    hall.say(one, ANGLE, 40.0)
    hall.after(2.0)
    assert one.take() == []  # neither its own change nor a heartbeat
    hall.say(one, ANGLE, 190.0)
    hall.after(0.1)
    assert one.take() == [Message(ANGLE, (-170.0,), "f")]


def test_announcements_reach_subscribers_only_and_none_from_before_they_subscribed(
    hall: Hall, one: Any, other: Any
) -> None:
    listen(hall, other, ANGLE)
    hall.feedback.notify("/cue/current", 1)
    hall.subscribe(one)
    other.take()
    hall.feedback.notify("/cue/current", 2, "finale")
    hall.after(0.1)
    assert without_heartbeat(one.take()) == [Message("/cue/current", (2, "finale"), "is")]
    assert other.take() == []


# -- features ----------------------------------------------------------------------------------


def test_features_are_sent_at_the_configured_rate_and_an_onset_or_a_hit_between_two_messages_once(
    hall: Hall, one: Any
) -> None:
    hall.subscribe(one)
    quiet = ChannelFeatures(
        rms=0.25, peak=0.5, pitch_hz=440.0, low=0.125, mid=0.0625, high=0.5, onset_count=7
    )
    hall.feedback.publish_features(
        (quiet,) * 4, BeatFeatures(beat=10.25, kick_count=3, snare_count=1)
    )
    hall.after(0.4)
    assert without_heartbeat(one.take()) == [], "off at first"
    hall.store.set("/audio/features/rate_hz", 10.0)
    hall.after(0.05)
    one.take()
    hall.after(1.0)
    received = without_heartbeat(one.take())
    assert len(received) == 10 * (4 * 7 + 5)
    of_channel = {
        "rms": 0.25,
        "peak": 0.5,
        "pitch": 440.0,
        "onset": 0.0,
        "low": 0.125,
        "mid": 0.0625,
        "high": 0.5,
    }
    expected = {
        f"/audio/{channel}/{name}": value
        for channel in (1, 2, 3, 4)
        for name, value in of_channel.items()
    }
    of_all = {"beat": 0.25, "bar": 0.5625, "kick": 0.0, "snare": 0.0, "hat": 0.0}
    expected |= {f"/audio/{name}": value for name, value in of_all.items()}
    assert {message.address: message.args[0] for message in received} == expected
    loud = dataclasses.replace(quiet, onset_count=9)
    hall.feedback.publish_features(
        (loud, quiet, quiet, quiet), BeatFeatures(beat=10.5, kick_count=5, snare_count=1)
    )
    hall.after(0.4)
    events = [
        each
        for each in one.take()
        if each.address.endswith(("/onset", "/kick", "/snare")) and each.args[0]
    ]
    assert events == [Message("/audio/1/onset", (1.0,), "f"), Message("/audio/kick", (1.0,), "f")]
    hall.store.set("/audio/features/rate_hz", 0.0)
    hall.after(0.1)
    one.take()
    hall.after(0.4)
    assert without_heartbeat(one.take()) == []


# -- the outbox --------------------------------------------------------------------------------


def test_packets_beyond_the_queue_are_dropped_and_counted_and_other_receivers_unaffected(
    hall: Hall, reports: Any
) -> None:
    outbox, counters = hall.dispatcher.outbox, hall.dispatcher.counters
    sent: list[str] = []

    def put(port: int, packet: str) -> None:
        outbox.put(
            f"udp 192.0.2.9:{port}", lambda packet: sent.append(packet.decode()), packet.encode()
        )

    for number in range(MAX_PACKETS + 3):
        put(1, str(number))
    assert counters.dropped == 3 and reports.keys == ["osc.dropped"] * 3
    outbox.send(0.0, 2 * MAX_PACKETS)
    assert sent == [str(number) for number in range(MAX_PACKETS)]
    sent.clear()
    for number in range(10 * MAX_PACKETS):
        put(number % 80, "flood")
    own = [str(number) for number in range(50)]
    for packet in own:
        put(5000, packet)
    outbox.send(0.0, 100 * PACKETS_A_TURN)  # every receiver has had its turn
    assert [packet for packet in sent if packet != "flood"] == own[:PACKETS_A_TURN]
    outbox.send(0.0, 2 * MAX_PACKETS)
    assert [packet for packet in sent if packet != "flood"] == own and len(sent) == MAX_PACKETS + 50
    sent.clear()
    for number in range(3 * MAX_PACKETS):
        put(number, "one of many receivers")
    outbox.send(0.0, 3 * MAX_PACKETS)
    assert len(sent) == MAX_PACKETS


def test_datagrams_are_rate_limited_per_receiver_until_the_end(hall: Hall) -> None:
    outbox = hall.dispatcher.outbox
    listing, other, stream = [], [], []
    for number in range(300):
        outbox.put("udp 192.0.2.1:5000", listing.append, b"%d" % number, is_paced=True)
        outbox.put("tcp 192.0.2.2:5000", stream.append, b"%d" % number)
    outbox.put("udp 192.0.2.3:5000", other.append, b"", is_paced=True)
    next_send_s = outbox.send(5.0)
    assert (len(listing), len(stream), len(other)) == (64, 300, 1)
    assert next_send_s == pytest.approx(5.0 + FRAME_S)
    outbox.send(5.0 + FRAME_S / 2)
    assert len(listing) == 64 + 32
    outbox.put("udp 192.0.2.3:5000", other.append, b"", is_paced=True)
    for number in range(1, 5):
        for _ in range(2):
            outbox.send(5.0 + number * FRAME_S)
            assert (len(listing), len(other)) == (min(300, 64 + number * 64), 2)
    assert listing == [b"%d" % number for number in range(300)]
    for _ in range(300):
        outbox.put("udp 192.0.2.1:5000", listing.append, b"", is_paced=True)
    assert outbox.send(None, 2 * MAX_PACKETS) is None and len(listing) == 600
    for number in range(3 * MAX_CACHED_RECEIVERS):
        outbox.put(f"udp 192.0.2.9:{number}", other.append, b"", is_paced=True)
        outbox.send(number * FRAME_S)
    assert len(outbox._limits) <= MAX_CACHED_RECEIVERS


def test_an_older_change_by_another_sender_does_not_overwrite_an_own_one_and_lost_packets_are_made_up_for(
    hall: Hall, one: Any, other: Any
) -> None:
    hall.say(one, "/engine/notify", 1)
    hall.feedback.tick(hall.clock.now_s())  # the first portion; the rest is still queued
    late = osc_schema.PARAMS[-1]
    hall.say(other, late.address, 100.0)
    hall.say(one, late.address, 50.0)
    one.take()
    hall.after(0.5)
    assert late.address not in [message.address for message in one.take()]
    listen(hall, other, ANGLE)
    hall.after(0.1)
    other.take()
    for name in (one.name, other.name, "ws 192.0.2.3:5000"):  # the last has gone already
        hall.feedback.resend(name)
    hall.after(0.5)
    assert [message.address for message in other.take()] == [ANGLE]
    received = {message.address: message.args for message in without_heartbeat(one.take())}
    assert len(received) == len(osc_schema.PARAMS) and received[late.address] == (50.0,)


def test_features_alone_go_to_their_own_port_as_numbers_only(hall: Hall, one: Any) -> None:
    hall.say(one, "/engine/notify", 1, 9001, "values")
    hall.say(one, "/engine/notify", 1, 9002, "features")
    hall.store.set("/audio/features/rate_hz", 30.0)
    hall.feedback.publish_features((ChannelFeatures(rms=0.25),) * 4)
    hall.after(1.0)
    values, features = one.others[9001].take(), one.others[9002].take()
    assert [message.args for message in values if message.address == "/done"] == [
        ("/engine/notify",)
    ] * 2
    assert ANGLE in {message.address for message in values}
    assert not any(message.address.endswith("/rms") for message in values)
    assert len({message.address for message in features}) == 4 * 7 + 5 and {
        each.type_tags for each in features
    } == {"f"}
    hall.say(one, "/engine/notify", 0, 9002, "features")
    hall.after(0.5)
    assert one.others[9002].take() == [] and one.others[9001].take()


def test_many_subscribers_get_everything_slower_and_in_turn(
    hall: Hall, make_peer: Callable[..., Any]
) -> None:
    crowd = [make_peer(f"ws 127.0.0.1:{port}") for port in range(1, 61)]
    for peer in crowd:
        hall.say(peer, "/engine/notify", 1)
    seen = [0] * len(crowd)
    for _ in range(60):  # two rounds
        hall.after(FRAME_S)
        received = [len(without_heartbeat(peer.take())) for peer in crowd]
        assert sum(received) <= PACKETS_TO_ALL + len(crowd)  # and the answers at once
        seen = [before + now for before, now in zip(seen, received, strict=True)]
    assert min(seen) >= max(seen) / 2 and sum(seen) >= 60 * PACKETS_TO_ALL
