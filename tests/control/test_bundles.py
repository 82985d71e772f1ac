"""Bundles: at once or at their time, whole, in order and bounded; on a stepped clock and without a socket."""

import pytest

from engine.control.dispatcher import MAX_VALUES_A_BUNDLE
from engine.control.steps import MAX_BUNDLES, MAX_PULLS, MAX_VALUES
from engine.osc.decode import Message
from engine.osc.encode import encode_bundle, encode_message, encode_reply
from osc_schema import match
from tests.control.dispatcher_desk import Desk
from tests.support.time_tags import time_tag_of

ANGLE = "/layer/1/angle"


def test_a_bundle_also_with_queries_lands_in_one_version_of_the_store(desk: Desk) -> None:
    before = desk.store.version
    inner = encode_bundle(0, [encode_reply("/layer/2/angle", 2.0)])
    now_s = desk.clock.wall_s()
    past = encode_bundle(time_tag_of(now_s - 5.0), [encode_reply("/layer/3/angle", 3.0)])
    later = encode_bundle(time_tag_of(now_s + 2.0), [encode_reply("/layer/4/angle", 4.0)])
    desk.bundle(encode_reply(ANGLE, 1.0), inner, past, later)
    assert [desk[f"/layer/{n}/angle"] for n in (1, 2, 3, 4)] == [1.0, 2.0, 3.0, 135.0]
    assert desk.store.version == before + 1
    desk.clock.advance(2.0)
    desk.frame()
    assert desk["/layer/4/angle"] == 4.0, "an inner bundle with a later time waits for it"
    before = desk.store.version
    (answer,) = desk.bundle(
        encode_reply(ANGLE, 5.0), encode_reply("/get", ANGLE), encode_reply("/sync", 1), encode_reply(ANGLE, 6.0)
    )
    assert answer == Message(ANGLE, (6.0,), "f")
    assert desk.store.version == before + 1
    assert desk.frame() == [Message("/synced", (1,), "i")]


def test_waiting_bundles_land_in_the_first_frame_after_their_times_in_order(desk: Desk) -> None:
    desk.bundle(encode_reply(ANGLE, 5.0), encode_reply("/mode", 1), after_s=2.0)
    desk.clock.advance(1.999)
    desk.frame()
    assert (desk[ANGLE], desk["/mode"]) == (0.0, "multiverse")
    desk.clock.advance(0.001)
    desk.frame()
    assert (desk[ANGLE], desk["/mode"]) == (5.0, "simple")
    assert desk.counters.scheduled == 1
    for after_s, value in ((3.0, 30.0), (1.0, 10.0), (2.0, 20.0), (2.0, 21.0)):
        desk.bundle(encode_reply(ANGLE, value), after_s=after_s)
    seen = []
    for _ in range(3):
        desk.clock.advance(1.0)
        desk.frame()
        seen.append(desk[ANGLE])
    assert seen == [10.0, 21.0, 30.0]


def test_a_bundle_too_far_ahead_is_refused_and_explained(desk: Desk) -> None:
    (answer,) = desk.bundle(encode_reply(ANGLE, 5.0), after_s=10.5)
    assert answer.args[0] == "#bundle" and "10.5 s ahead" in answer.args[1]
    desk.clock.advance(11.0)
    desk.frame()
    assert desk[ANGLE] == 0.0
    assert (desk.counters.scheduled, desk.counters.rejected) == (0, 1)


def test_a_deferred_bundle_is_not_overtaken(desk: Desk) -> None:
    desk.commands.add("/preset/load", lambda args, reply: desk.store.set(ANGLE, 50.0))
    desk.bundle(encode_reply("/preset/load", "x"), encode_reply("/mode", 1), after_s=1.0)
    desk.bundle(encode_reply(ANGLE, 7.0), after_s=1.0)
    desk.bundle(encode_reply(ANGLE, 8.0), after_s=2.0)
    for _ in range(2):
        desk.clock.advance(1.0)
        desk.frame()
    assert (desk[ANGLE], desk["/mode"]) == (0.0, "multiverse")
    desk.dispatcher.run_deferred()
    assert (desk[ANGLE], desk["/mode"]) == (7.0, "simple")
    desk.frame()
    assert desk[ANGLE] == 8.0


def test_of_many_values_the_last_stands_and_a_panic_resets_the_earlier(desk: Desk) -> None:
    desk.bundle(*(encode_reply("/layer/*/angle", float(value)) for value in range(1000)), encode_reply(ANGLE, 3.0))
    assert [desk[f"/layer/{n}/angle"] for n in (1, 2, 3, 4)] == pytest.approx([3.0, -81.0, -81.0, -81.0])
    assert desk.store.version == 1
    panic = encode_message("/master/panic")
    after = encode_reply("/layer/2/angle", 6.0)
    desk.bundle(after, panic, encode_reply(ANGLE, 5.0), panic, after, encode_reply("/master/panic", 0))
    assert (desk[ANGLE], desk["/layer/2/angle"], desk["/master/panic"]) == (0.0, 6.0, 2)
    desk.bundle(*[panic] * 1000)
    assert desk["/master/panic"] == 2 + MAX_PULLS


def test_the_values_of_a_bundle_are_bounded(desk: Desk) -> None:
    """A datagram has room for 4000 patterns that match everything."""
    count = MAX_VALUES_A_BUNDLE // len(match("//mute")) + 10
    (answer,) = desk.bundle(*[encode_reply("//mute", 1)] * count, encode_reply(ANGLE, 9.0))
    assert answer.args == ("#bundle", f"sets more than {MAX_VALUES_A_BUNDLE} values; the last 11 messages are left out")
    assert desk["/layer/1/mute"] is True and desk[ANGLE] == 0.0
    assert (desk.counters.rejected, desk.counters.changes) == (11, MAX_VALUES_A_BUNDLE)


PATTERNS = ("//angle", "//{intensity,mute,ratio}")


@pytest.mark.parametrize(
    ("elements", "fitting"),
    [
        ([encode_reply(ANGLE, 5.0)], MAX_BUNDLES),
        (
            [encode_reply(pattern, 1.0) for pattern in PATTERNS],
            MAX_VALUES // sum(len(match(each)) for each in PATTERNS),
        ),
        ([encode_reply("/preset/save", "x" * 60_000)], 4),  # commands count with the size of their arguments
    ],
)
def test_bundles_that_wait_for_their_time_are_bounded(desk: Desk, elements: list[bytes], fitting: int) -> None:
    desk.commands.add("/preset/save", lambda args, reply: None)
    for _ in range(fitting + 3):
        desk.bundle(*elements, after_s=1.0)
    assert (desk.counters.scheduled, desk.counters.rejected) == (fitting, 3)
    desk.clock.advance(1.0)
    desk.frame()
    desk.bundle(*elements, after_s=1.0)
    assert desk.counters.scheduled == fitting + 1


@pytest.mark.parametrize("after_s", [None, 1.0])
def test_a_command_that_sets_values_keeps_its_place_among_others(desk: Desk, after_s: float | None) -> None:
    preset = [(ANGLE, 50.0), ("/layer/2/angle", 50.0)]
    desk.commands.add("/preset/load", lambda args, reply: desk.store.set_many(preset, by="preset"))
    elements = (encode_reply(ANGLE, 1.0), encode_reply("/preset/load", "x"), encode_reply("/layer/2/angle", 2.0))
    desk.bundle(*elements, after_s=after_s)
    desk.clock.advance(1.0)
    desk.frame()
    desk.dispatcher.run_deferred()  # on an OSC thread, as a handler may read a disk
    assert (desk[ANGLE], desk["/layer/2/angle"]) == (50.0, 2.0)
