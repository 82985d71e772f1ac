"""The meaning of messages and bundles, on a stepped clock and without a socket."""

import math
import random
import threading
import time
from typing import Any

import pytest

import osc_schema
from engine.control import Reply
from engine.control.outgoing.outbox import MAX_PACKETS
from engine.control.steps import VALUES_PER_SECOND
from engine.errors import PresetError
from engine.osc.decode import Message
from engine.osc.encode import encode_message, encode_reply
from engine.params import Tempo
from engine.params.fade_time import FadeTime
from engine.system.clock import SystemClock
from osc_schema import Rejected
from tests.control.dispatcher_rig import Hub
from tests.support.time_tags import encode_bundle, time_tag_of

ANGLE = "/layer/1/angle"


def raw(address: bytes, tags: bytes, data: bytes = b"") -> bytes:
    """A message that python-osc cannot build."""
    return b"".join(part + b"\0" * (4 - len(part) % 4) for part in (address, b"," + tags)) + data


# -- one message -------------------------------------------------------------------------------


def test_an_unambiguous_value_is_accepted(hub: Hub) -> None:
    for address, args, value in [
        (ANGLE, (30,), 30.0),  # node-osc sends whole numbers as i
        ("/layer/1/mute", (1.0,), True),  # Pd sends every number as f
        ("/layer/1/mute", (1,), True),  # sclang sends booleans as i
        ("/mode", (1.0,), "simple"),
        ("/mode", ("1",), "simple"),
        ("/multiverse/blend", ("screen",), 1.0),
        (ANGLE, ([30.0],), 30.0),
        (ANGLE, (190.0,), -170.0),  # wraps
        ("/multiverse/brightness", (9.0,), 4.0),  # clips
        ("/multiverse/brightness", (2**40,), 4.0),  # liblo sends large ints as h
    ]:
        assert hub.say(address, *args) == [], address
        assert hub[address] == value, address
        assert type(hub[address]) is type(value), address


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (encode_message(ANGLE), "needs a value"),
        (encode_message(ANGLE, 1.0, 2.0), "takes one value, not 2"),
        (
            encode_message(ANGLE, 1.0, "baar"),
            "and perhaps when: now, beat, bar, 4_bars; not 'baar'",
        ),
        (encode_message(ANGLE, "sideways"), "not a number"),
        (encode_message(ANGLE, math.nan), "not a finite number"),
        (encode_message(ANGLE, math.inf), "not a finite number"),
        (encode_message(ANGLE, None), "not a number"),
        (encode_message(ANGLE, b"blob"), "a blob cannot set this parameter"),
        (encode_message(ANGLE, []), "needs a value"),
        (raw(b"/layer/1/angle", b"t", bytes(8)), "a time tag cannot set this parameter"),
        (raw(b"/layer/1/angle", b"I"), "an impulse cannot set this parameter"),
        (raw(b"/layer/1/angle", b"r", bytes(4)), "a colour cannot set this parameter"),
        (encode_message("/mode", 7), "multiverse, simple"),
        (encode_message("/mode", (0, 0xF8, 0, 0)), "MIDI 00 f8 00 00 cannot set this parameter"),
    ],
)
def test_an_ambiguous_value_is_refused_and_explained(hub: Hub, packet: bytes, reason: str) -> None:
    before = hub.store.snapshot()
    (answer,) = hub.packet(packet)
    assert hub.store.snapshot() is before
    assert hub.counters.rejected == 1
    assert (
        answer.address == "/fail"
        and answer.args[0] in (ANGLE, "/mode")
        and reason in answer.args[1]
    )
    assert hub.reports.keys == ["osc.rejected"]


def midi(status: int, data1: int, data2: int) -> tuple[int, int, int, int]:
    return (0, status, data1, data2)


def test_midi_is_a_position_on_the_range(hub: Hub) -> None:
    for address, event, value in [
        ("/multiverse/brightness", midi(0xB0, 7, 127), 4.0),
        ("/multiverse/brightness", midi(0xB3, 7, 0), 0.0),
        (ANGLE, midi(0xE0, 127, 127), 180.0),  # pitch bend, 14 bits
        ("/layer/1/ratio", midi(0xB0, 1, 64), 0.0625 * 256.0 ** (64 / 127)),  # an exponential range
        ("/layer/1/mute", midi(0x90, 60, 1), True),
        ("/layer/1/mute", midi(0xB0, 60, 63), False),
        ("/layer/1/mute", midi(0xB0, 60, 64), True),
        ("/mode", midi(0xC0, 1, 0), "simple"),
        ("/mirror/segments", midi(0xB0, 1, 127), 24),
        ("/mirror/segments", midi(0xD0, 0, 0), 2),
    ]:
        assert hub.say(address, event) == [], address
        assert hub[address] == pytest.approx(value), address


@pytest.mark.parametrize(
    "pull",
    [
        encode_message("/master/panic"),
        encode_message("/master/panic", 1),
        encode_message("/master/panic", True),
        encode_message("/master/panic", None),
        encode_message("/master/panic", midi(0x90, 60, 100)),
        raw(b"/master/panic", b"I"),
    ],
)
def test_a_trigger_fires_once_and_not_when_the_button_is_released(hub: Hub, pull: bytes) -> None:
    hub.packet(pull)
    hub.say("/master/panic", 0)
    hub.say("/master/panic", midi(0x80, 60, 0))
    assert hub["/master/panic"] == 1


def test_a_pattern_sets_every_parameter_it_matches_also_its_whole_area(hub: Hub) -> None:
    assert hub.say("/layer/[1-3]/angle", 10.0) == []
    assert [hub[f"/layer/{n}/angle"] for n in (1, 2, 3, 4)] == [10.0, 10.0, 10.0, 135.0]
    assert hub.say("//mute", 1) == []
    assert all(hub[f"/layer/{n}/mute"] for n in (1, 2, 3, 4))
    answers = hub.say("//{mode,angle}", "simple")  # only /mode has a "simple"
    assert (hub["/mode"], hub["/colour/mode"], hub[ANGLE]) == ("simple", "palette", 10.0)
    assert [answer.address for answer in answers] == ["/fail"] * 10 and hub.counters.rejected == 11
    hub.say("/engine/*", 64)
    hub.say("/sink/*/enable", 1)
    hub.say("/master//*", 1)
    assert (hub["/engine/width"], hub["/sink/record/enable"], hub["/master/panic"]) == (64, True, 1)


@pytest.mark.parametrize(
    "pattern", ["//*", "//{mute,width,take,enable}", "/*/*", "/?*//*", "/{engine,sink,layer}//*"]
)
def test_a_pattern_with_a_wildcard_first_part_does_not_set_engine_sinks_or_triggers(
    hub: Hub, pattern: str
) -> None:
    before = hub.store.snapshot()
    hub.say(pattern, 1)
    changed = {
        address for address, value in hub.store.snapshot().items() if value != before[address]
    }
    assert changed
    assert all(
        osc_schema.lookup(address).area not in ("engine", "sink", "master", "sd")
        for address in changed
    )
    assert all(
        osc_schema.lookup(address).type is not osc_schema.ParamType.TRIGGER for address in changed
    )


@pytest.mark.parametrize(
    "pattern", ["//height", "/*/height", "/engin[e]/width", "/{engine,sink}/*", "//panic"]
)
def test_a_pattern_that_matches_only_fully_named_areas_is_refused_and_explained(
    hub: Hub, pattern: str
) -> None:
    (answer,) = hub.say(pattern, 64)
    assert answer.args[0] == pattern and "with the first part in full, as in /" in answer.args[1]
    assert (hub["/engine/width"], hub["/master/panic"]) == (
        osc_schema.lookup("/engine/width").default,
        0,
    )
    assert (hub.counters.rejected, hub.counters.changes) == (1, 0)


def test_patterns_set_fifty_thousand_values_a_second_and_the_rest_is_refused_with_a_report(
    hub: Hub,
) -> None:
    most = VALUES_PER_SECOND // 4
    answers = [hub.say("/layer/*/angle", 1.0) for _ in range(most + 3)]
    assert hub.counters.changes == VALUES_PER_SECOND
    assert hub.counters.rejected == 3
    (refusal,) = answers[most]
    assert refusal.args[0] == "/layer/*/angle" and "values per second" in refusal.args[1]
    hub.say(ANGLE, 7.0)
    assert hub[ANGLE] == 7.0  # full addresses are not limited
    hub.clock.advance(0.001)
    hub.bundle(*[encode_reply("/layer/*/angle", 9.0)] * 20)
    assert hub.counters.changes == VALUES_PER_SECOND + 1 + 48  # a millisecond's worth


@pytest.mark.parametrize("address", ["/layr/1/angle", "/layer/1/angel", "/LAYER/1/ANGLE"])
def test_an_unknown_address_is_answered_with_the_nearest_or_with_our_word_for_subscribing(
    hub: Hub, address: str
) -> None:
    assert "here send /engine/notify 1" in hub.say("/sys/notify", 9002)[0].args[1]
    hub.clock.advance(1.0)
    (answer,) = hub.say(address, 1.0)
    assert answer.address == "/fail" and answer.args[0] == address
    assert (
        answer.args[1].startswith("no such parameter")
        and osc_schema.nearest(address)[0] in answer.args[1]
    )
    assert (hub.counters.unknown, hub.counters.rejected) == (1, 0)


def test_ten_mistakes_at_once_are_answered_then_one_a_second_but_not_to_countless(
    hub: Hub, make_peer: Any
) -> None:
    answers = [
        answer for number in range(12) for answer in hub.say(f"/layer/{number}/nowhere", 1.0)
    ]
    assert [answer.args[0] for answer in answers] == [
        f"/layer/{number}/nowhere" for number in range(10)
    ]
    assert len(hub.say("/layer/nowhere", 1.0, by=make_peer("udp 192.0.2.2:1"))) == 1
    hub.clock.advance(1.0)
    assert len(hub.say("/layer/nowhere", 1.0)) == 1
    assert hub.counters.unknown == 14
    answers = [
        len(hub.say("/nowhere", 1.0, by=make_peer(f"udp 192.0.2.9:{port}"))) for port in range(500)
    ]
    assert sum(answers) <= 50


def test_a_refused_value_is_answered_with_the_one_that_holds(hub: Hub) -> None:
    """Else a menu of a surface goes on showing the refused item."""
    feedback = hub.dispatcher.feedback
    feedback.subscribe(hub.peer.sender(), hub.peer.name, features=False)
    hub.say("/mirror/mode", "xy")

    def hear() -> list[Message]:
        messages = []
        for _ in range(20):  # all values, 64 packets at a time
            hub.clock.advance(0.02)
            feedback.tick(hub.clock.now_s())
            messages += hub.peer.take()
        return messages

    hear()
    answers = hub.say("/mirror/mode", "banana") + hear()
    assert [answer.args for answer in answers if answer.address == "/mirror/mode"] == [("xy",)]
    assert answers[0].address == "/fail"


def test_ten_thousand_mutated_packets_leave_the_dispatcher_working(hub: Hub) -> None:
    """Seeded. No exception escapes, nothing hangs, and the next packet is executed."""
    chance = random.Random(7)
    seeds = [
        encode_message(ANGLE, 45.0),
        encode_message("/layer/*/angle", 45.0),
        encode_message("/sync", 3),
        encode_message("/get", "//angle"),
        encode_message("/engine/notify", 1, 9001),
        encode_message("/mode", "simple", b"blob", None, [1, [2.0]]),
        encode_bundle(1, [encode_reply(ANGLE, 1.0), encode_bundle(5, [encode_reply("/mode", 1)])]),
        encode_bundle(time_tag_of(hub.clock.wall_s() + 5.0), [encode_reply(ANGLE, 1.0)]),
    ]

    for number in range(10_000):
        data = bytearray(seeds[number % len(seeds)])
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        hub.packet(bytes(data))
    assert hub.counters.packets == 10_000
    assert hub.counters.errors == 0
    assert min(hub.counters.malformed, hub.counters.changes, hub.counters.unknown) > 500
    hub.say(ANGLE, 12.0)
    assert hub[ANGLE] == 12.0


# -- queries and commands ----------------------------------------------------------------------


def test_patterns_in_get_get_eight_full_listings_at_once_then_one_a_second(hub: Hub) -> None:
    """Otherwise sixteen bytes from a forged address would send a hundred packets to its owner."""
    full = len(osc_schema.PARAMS)
    answers = [hub.say("/get", "//*") for _ in range(20)]
    assert [len(answer) for answer in answers] == [full] * 8 + [1] * 10 + [0] * 2
    (failure,) = answers[8]
    assert (
        failure.address == "/fail"
        and failure.args[0] == "/get"
        and "too many patterns" in failure.args[1]
    )
    hub.peer.name = "udp 192.0.2.1:5001"  # another port of that host shares its limit
    assert len(hub.say("/get", "//*")) == 1
    hub.peer.name = "udp 192.0.2.2:5000"
    assert len(hub.say("/get", "//*")) == full
    hub.peer.name = "udp 192.0.2.1:5000"
    assert hub.say("/get", ANGLE) == [
        Message(ANGLE, (0.0,), "f")
    ]  # one value per query: never refused
    hub.clock.advance(1.0)
    assert [len(hub.say("/get", "//*")) for _ in range(2)] == [full, 1]
    assert hub.counters.rejected == 14


def test_repeated_long_lists_are_rate_limited(hub: Hub) -> None:
    """200 lists of a thousand entries would delay everybody else's messages for seconds."""
    entries = 1000

    def list_them(reply: Reply) -> None:
        for number in range(entries):
            reply.send("/map/entry", number)
        reply.done()

    hub.commands.add("/map/list", list_them, is_listing=True)
    hub.commands.add("/cue/go", lambda reply, *args: reply.done())
    whole = MAX_PACKETS // entries + 1  # a list that has begun is sent completely
    answers = [hub.say("/map/list") for _ in range(200)]
    assert [len(answer) for answer in answers] == [entries + 1] * whole + [1] * (200 - whole)
    assert answers[-1] == [Message("/fail", ("/map/list", "asked too often"), "ss")]
    assert hub.counters.rejected == 200 - whole
    assert hub.say("/cue/go") == [Message("/done", ("/cue/go",), "s")]
    hub.peer.name = "udp 192.0.2.2:5000"
    assert len(hub.say("/map/list")) == entries + 1
    hub.peer.name = "udp 192.0.2.1:5000"
    hub.clock.advance(1.0)
    answers = [hub.say("/map/list") for _ in range(5)]
    # 3840 per second, and the first lists exceeded that by 192.
    assert [len(answer) for answer in answers] == [entries + 1] * 4 + [1]


def test_sync_is_answered_with_its_argument_by_the_first_frame_that_begins_after_it(
    hub: Hub,
) -> None:
    old = hub.store.snapshot().version
    hub.say(ANGLE, 5.0)
    assert hub.say("/sync", 42) == []
    hub.dispatcher.frame_drawn(old)  # a frame that had begun when the value arrived
    assert hub.peer.take() == []
    assert hub.frame() == [Message("/synced", (42,), "i")]
    assert hub.frame() == []
    # Work that a command posts to the frame loop runs after the start of a frame, and shows in that
    # frame.
    hub.dispatcher.tick()
    hub.say("/sync", 42)
    hub.dispatcher.frame_drawn(hub.store.snapshot().version)  # begun before the query arrived
    assert hub.peer.take() == []
    assert hub.frame() == [Message("/synced", (42,), "i")]
    for args in ((), ("cue 7",), (2.5,)):
        hub.say("/sync", *args)
    assert [message.args for message in hub.frame()] == [(), ("cue 7",), (2.5,)]
    (answer,) = hub.say("/sync", b"blob")
    assert answer.args[0] == "/sync" and answer.address == "/fail"


def test_a_handler_may_answer_later_and_its_failure_is_logged_unless_it_was_superseded(
    hub: Hub,
) -> None:
    replies: list[Reply] = []

    def load(reply: Reply, name: str, time: FadeTime) -> None:
        if name == "old":
            reply.fail("superseded by preset new", is_logged=False)
            return
        raise ZeroDivisionError if name == "broken" else PresetError(f"no preset {name}")

    hub.commands.add("/sink/start", lambda reply, *args: replies.append(reply))
    hub.commands.add("/preset/load", load)
    assert hub.say("/sink/start", "record", "out.mp4") == []
    replies[0].send("/sink/record", 1)
    replies[0].done("record")
    assert hub.peer.take() == [
        Message("/sink/record", (1,), "i"),
        Message("/done", ("/sink/start", "record"), "ss"),
    ]
    assert hub.counters.commands == 1
    hub.say("/preset/load", "old")
    assert hub.reports.lines == []
    assert hub.say("/preset/load", "lost") == [
        Message("/fail", ("/preset/load", "no preset lost"), "ss")
    ]
    hub.say("/engine/notify", "loud")
    assert hub.reports.lines == [
        ("osc.command", "/preset/load: no preset lost (from udp 192.0.2.1:5000)"),
        ("osc.command", "/engine/notify: on: takes 1 or 0, not 'loud' (from udp 192.0.2.1:5000)"),
    ]
    assert hub.counters.errors == 0
    (answer,) = hub.say("/preset/load", "broken")
    assert answer.args == ("/preset/load", "internal error: ZeroDivisionError (see the log)")
    assert hub.counters.errors == 1 and "osc.error" in hub.reports.keys


def test_a_bundle_is_carried_out_whole_before_a_packet_of_another_transport(hub: Hub) -> None:
    """The page's and the OSC thread receive concurrently; values after a command belong to the
    command's bundle."""
    page = threading.Thread(
        target=hub.dispatcher.receive, args=(encode_message(ANGLE, 5.0), hub.peer.sender())
    )

    def meanwhile(reply: Any) -> None:
        page.start()
        page.join(0.05)
        assert page.is_alive(), "the page's packet did not wait"

    hub.commands.add("/test/meanwhile", meanwhile)
    hub.bundle(encode_message("/test/meanwhile"), encode_message(ANGLE, 7.0))
    page.join(120.0)
    assert hub.store.get(ANGLE) == 5.0
    assert hub.dispatcher.counters.errors == 0


def test_taps_count_from_their_arrival_however_late_they_are_carried_out(hub: Hub) -> None:
    """Four taps at 124 beats per minute, all carried out at once, in each form in which they can
    come."""
    hub.store.set("/tempo/source", "manual")
    tap = encode_message("/tempo/tap", 1)
    for data in [
        tap,
        encode_message("/tempo/tap"),
        encode_bundle(1, [tap]),
        encode_message("/tempo/t*p", 1),
    ]:
        tempo, first_s = Tempo(hub.store, SystemClock()), time.perf_counter() - 3.0
        for beat in range(4):
            hub.dispatcher.receive(data, hub.peer.sender(), first_s + beat * 60 / 124)
        assert tempo.bpm == pytest.approx(124.0, rel=1e-6), data
        assert (tempo.beat_at(first_s) + 0.5) % 1.0 == pytest.approx(0.5, abs=1e-3), data


@pytest.mark.parametrize("is_bundled", [False, True])
def test_a_value_that_this_run_cannot_use_is_answered_with_the_reason(
    hub: Hub, is_bundled: bool
) -> None:
    def refuse(value: object) -> None:
        raise Rejected("/sd/enable: no model is configured")

    hub.store.add_condition("/sd/enable", refuse)
    message = encode_message("/sd/enable", 1)
    (answer,) = hub.bundle(message) if is_bundled else hub.packet(message)
    assert answer.args == ("/sd/enable", "no model is configured") and hub["/sd/enable"] is False
