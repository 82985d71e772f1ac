"""Bundles: at once or at their time, whole, in order and bounded; on a stepped clock and without a
socket."""

import pytest

from engine.control.dispatcher import MAX_VALUES_A_BUNDLE
from engine.control.steps import MAX_BUNDLES, MAX_PULLS, MAX_VALUES
from engine.osc.decode import Message
from engine.osc.encode import encode_message, encode_reply
from osc_schema import match
from tests.control.dispatcher_rig import Hub
from tests.support.time_tags import encode_bundle, time_tag_of

ANGLE = "/layer/1/angle"


def test_a_bundle_also_with_queries_lands_in_one_version_of_the_store(hub: Hub) -> None:
    before = hub.store.version
    inner = encode_bundle(0, [encode_reply("/layer/2/angle", 2.0)])
    now_s = hub.clock.wall_s()
    past = encode_bundle(time_tag_of(now_s - 5.0), [encode_reply("/layer/3/angle", 3.0)])
    later = encode_bundle(time_tag_of(now_s + 2.0), [encode_reply("/layer/4/angle", 4.0)])
    hub.bundle(encode_reply(ANGLE, 1.0), inner, past, later)
    assert [hub[f"/layer/{n}/angle"] for n in (1, 2, 3, 4)] == [1.0, 2.0, 3.0, 135.0]
    assert hub.store.version == before + 1
    hub.clock.advance(2.0)
    hub.frame()
    assert hub["/layer/4/angle"] == 4.0, "an inner bundle with a later time waits for it"
    before = hub.store.version
    (answer,) = hub.bundle(
        encode_reply(ANGLE, 5.0),
        encode_reply("/get", ANGLE),
        encode_reply("/sync", 1),
        encode_reply(ANGLE, 6.0),
    )
    assert answer == Message(ANGLE, (6.0,), "f")
    assert hub.store.version == before + 1
    assert hub.frame() == [Message("/synced", (1,), "i")]


def test_waiting_bundles_land_in_the_first_frame_after_their_times_in_order(hub: Hub) -> None:
    hub.bundle(encode_reply(ANGLE, 5.0), encode_reply("/mode", 1), after_s=2.0)
    hub.clock.advance(1.999)
    hub.frame()
    assert (hub[ANGLE], hub["/mode"]) == (0.0, "multiverse")
    hub.clock.advance(0.001)
    hub.frame()
    assert (hub[ANGLE], hub["/mode"]) == (5.0, "simple")
    assert hub.counters.scheduled == 1
    for after_s, value in ((3.0, 30.0), (1.0, 10.0), (2.0, 20.0), (2.0, 21.0)):
        hub.bundle(encode_reply(ANGLE, value), after_s=after_s)
    seen = []
    for _ in range(3):
        hub.clock.advance(1.0)
        hub.frame()
        seen.append(hub[ANGLE])
    assert seen == [10.0, 21.0, 30.0]


def test_a_bundle_too_far_ahead_is_refused_and_explained(hub: Hub) -> None:
    (answer,) = hub.bundle(encode_reply(ANGLE, 5.0), after_s=10.5)
    assert answer.args[0] == "#bundle" and "10.5 s ahead" in answer.args[1]
    hub.clock.advance(11.0)
    hub.frame()
    assert hub[ANGLE] == 0.0
    assert (hub.counters.scheduled, hub.counters.rejected) == (0, 1)


def test_a_deferred_bundle_is_not_overtaken(hub: Hub) -> None:
    hub.commands.add("/preset/load", lambda reply, *args: hub.store.set(ANGLE, 50.0))
    hub.bundle(encode_reply("/preset/load", "x"), encode_reply("/mode", 1), after_s=1.0)
    hub.bundle(encode_reply(ANGLE, 7.0), after_s=1.0)
    hub.bundle(encode_reply(ANGLE, 8.0), after_s=2.0)
    for _ in range(2):
        hub.clock.advance(1.0)
        hub.frame()
    assert (hub[ANGLE], hub["/mode"]) == (0.0, "multiverse")
    hub.dispatcher.run_deferred()
    assert (hub[ANGLE], hub["/mode"]) == (7.0, "simple")
    hub.frame()
    assert hub[ANGLE] == 8.0


def test_of_many_values_the_last_stands_and_a_panic_resets_the_earlier(hub: Hub) -> None:
    hub.bundle(
        *(encode_reply("/layer/*/angle", float(value)) for value in range(1000)),
        encode_reply(ANGLE, 3.0),
    )
    assert [hub[f"/layer/{n}/angle"] for n in (1, 2, 3, 4)] == pytest.approx(
        [3.0, -81.0, -81.0, -81.0]
    )
    assert hub.store.version == 1
    panic = encode_message("/master/panic")
    after = encode_reply("/layer/2/angle", 6.0)
    hub.bundle(
        after, panic, encode_reply(ANGLE, 5.0), panic, after, encode_reply("/master/panic", 0)
    )
    assert (hub[ANGLE], hub["/layer/2/angle"], hub["/master/panic"]) == (0.0, 6.0, 2)
    hub.bundle(*[panic] * 1000)
    assert hub["/master/panic"] == 2 + MAX_PULLS


def test_the_values_of_a_bundle_are_bounded(hub: Hub) -> None:
    """A datagram has room for 4000 patterns that match everything."""
    count = MAX_VALUES_A_BUNDLE // len(match("//mute")) + 10
    (answer,) = hub.bundle(*[encode_reply("//mute", 1)] * count, encode_reply(ANGLE, 9.0))
    assert answer.args == (
        "#bundle",
        f"sets more than {MAX_VALUES_A_BUNDLE} values; the last 11 messages are left out",
    )
    assert hub["/layer/1/mute"] is True and hub[ANGLE] == 0.0
    assert (hub.counters.rejected, hub.counters.changes) == (11, MAX_VALUES_A_BUNDLE)


PATTERNS = ("//angle", "//{intensity,mute,ratio}")


@pytest.mark.parametrize(
    ("elements", "fitting"),
    [
        ([encode_reply(ANGLE, 5.0)], MAX_BUNDLES),
        (
            [encode_reply(pattern, 1.0) for pattern in PATTERNS],
            MAX_VALUES // sum(len(match(each)) for each in PATTERNS),
        ),
        (
            [encode_reply("/preset/save", "x" * 60_000)],
            4,
        ),  # commands count with the size of their arguments
    ],
)
def test_bundles_that_wait_for_their_time_are_bounded(
    hub: Hub, elements: list[bytes], fitting: int
) -> None:
    hub.commands.add("/preset/save", lambda reply, *args: None)
    for _ in range(fitting + 3):
        hub.bundle(*elements, after_s=1.0)
    assert (hub.counters.scheduled, hub.counters.rejected) == (fitting, 3)
    hub.clock.advance(1.0)
    hub.frame()
    hub.bundle(*elements, after_s=1.0)
    assert hub.counters.scheduled == fitting + 1


@pytest.mark.parametrize("after_s", [None, 1.0])
def test_a_command_that_sets_values_keeps_its_place_among_others(
    hub: Hub, after_s: float | None
) -> None:
    preset = [(ANGLE, 50.0), ("/layer/2/angle", 50.0)]
    hub.commands.add("/preset/load", lambda reply, *args: hub.store.set_many(preset, by="preset"))
    elements = (
        encode_reply(ANGLE, 1.0),
        encode_reply("/preset/load", "x"),
        encode_reply("/layer/2/angle", 2.0),
    )
    hub.bundle(*elements, after_s=after_s)
    hub.clock.advance(1.0)
    hub.frame()
    hub.dispatcher.run_deferred()  # on an OSC thread, as a handler may read a disk
    assert (hub[ANGLE], hub["/layer/2/angle"]) == (50.0, 2.0)
