"""The store: groups set from any thread appear as a whole, and later changes can be listed."""

import threading
from collections.abc import Callable

import pytest

import osc_schema
from engine.params import Change, ParamStore
from osc_schema import PARAMS, Accepted, ParamType, Rejected


def test_a_set_value_is_in_the_next_snapshot_and_not_in_the_last(store: ParamStore) -> None:
    before = store.snapshot()
    assert store.set("/layer/1/angle", 190) == Accepted(-170.0)
    between = store.snapshot()
    store.set("/layer/1/angle", 20)
    after = store.snapshot()
    assert [snapshot["/layer/1/angle"] for snapshot in (before, between, after)] == [
        0.0,
        -170.0,
        20.0,
    ]
    assert store.get("/layer/1/angle") == 20.0
    assert [snapshot.version for snapshot in (before, between, after)] == [0, 1, 2]
    after.to_dict()["/mode"] = "simple"
    with pytest.raises(TypeError):
        after["/mode"] = "simple"  # type: ignore[index]
    assert after["/mode"] == "multiverse"


def test_valid_entries_of_a_group_are_set_together_and_invalid_ones_returned(
    store: ParamStore,
) -> None:
    group = [
        ("/mode", 0),
        ("/mode", "simple"),
        ("/nothing", 1),
        ("/layer/1/curve", "x"),
        ("/multiverse/brightness", 9),
    ]
    _, mode, unknown, wrong, clipped = store.set_many(group, by="night")
    assert mode == Change(address="/mode", value="simple", by="night", version=1)
    assert isinstance(unknown, Rejected) and "/nothing: no such parameter" in str(unknown)
    assert isinstance(wrong, Rejected) and str(wrong).startswith("/layer/1/curve: ")
    assert clipped == Change(address="/multiverse/brightness", value=4.0, by="night", version=1)
    assert store.version == 1, "one group makes one version"


def test_changes_since_a_version_are_the_newest_of_each_address_with_their_source(
    store: ParamStore,
) -> None:
    store.set("/mirror/mode", "x", by="desk")
    store.set("/mode", "simple", by="desk")
    seen = store.version
    assert store.changes_since(seen) == ((), seen)
    store.set("/mirror/mode", "y", by="phone")
    store.set("/mirror/mode", "xy", by="tablet")
    newest = Change(address="/mirror/mode", value="xy", by="tablet", version=4)
    assert store.changes_since(seen) == ((newest,), 4)
    everything, version = store.changes_since(0)
    assert [change.address for change in everything] == ["/mode", "/mirror/mode"]
    assert version == 4


def test_no_press_of_a_trigger_is_lost_between_two_frames(store: ParamStore) -> None:
    for pressed in (1, 0, 1.0, False, None):
        store.set("/sink/snapshot/take", pressed)
    assert store.snapshot()["/sink/snapshot/take"] == 3
    (change,), _ = store.changes_since(0)
    assert (change.value, change.version) == (3, 3)


def test_panic_resets_the_look_in_one_group_and_nothing_else(store: ParamStore) -> None:
    for param in PARAMS:
        other = {
            ParamType.BOOL: not param.default,
            ParamType.MENU: param.high,
            ParamType.INT: param.high,
        }
        if param.type not in (ParamType.TEXT, ParamType.FILE):
            store.set(param.address, other.get(param.type, 0.5 * (param.low + param.high)))
    before, version = store.snapshot(), store.version
    store.set("/master/panic", 1, by="a desk")
    after = store.snapshot()
    assert store.version == version + 1
    for param in PARAMS:
        expected = param.default if param.is_look else before[param.address]
        if param.address != "/master/panic":
            assert after[param.address] == expected, param.address


def test_panic_reports_the_reset_values_to_its_sender_and_keeps_what_comes_after_it_in_its_group(
    store: ParamStore,
) -> None:
    store.set_many(
        [("/layer/1/curve", 0.75), ("/master/panic", 1), ("/layer/2/curve", 0.25)], by="a desk"
    )
    assert (store.get("/layer/1/curve"), store.get("/layer/2/curve")) == (1.0, 0.25)
    changes, version = store.changes_since(0)
    assert {change.address: change.by for change in changes} == {
        "/layer/1/curve": "panic", "/layer/2/curve": "a desk", "/master/panic": "a desk",
    }  # fmt: skip
    assert {change.version for change in changes} == {version} == {1}


ANGLE = osc_schema.lookup("/layer/1/angle")


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.snapshot(),
        lambda store: store.changes_since(0),
        lambda store: store.group_of("/macro/1"),
        lambda store: store.apply([(ANGLE, 6.0)], by="b"),
        lambda store: store.set_many([("/layer/1/angle", 6.0)], by="b"),
        lambda store: store.glide([(ANGLE, 6.0)], by="fade", since=0),
    ],
)
def test_another_thread_sees_or_changes_no_part_of_a_group(
    use: Callable[[ParamStore], object], store: ParamStore
) -> None:
    store.remember_groups(["/macro/1"])
    other = threading.Thread(target=use, args=(store,))

    def in_the_middle(arrived_s: float | None) -> None:
        other.start()
        other.join(0.02)
        assert other.is_alive()

    store.on_trigger("/tempo/tap", in_the_middle)
    store.set_many([("/layer/1/angle", 5), ("/tempo/tap", 1), ("/layer/1/curve", 0.5)], by="a")
    other.join()


def test_what_was_set_together_is_remembered_and_every_wish_counted(store: ParamStore) -> None:
    store.remember_groups(["/macro/1"])
    store.count_sets(["/layer/1/mute"])
    store.set_many([("/macro/1", 0.5), ("/layer/1/angle", 0)], by="a")
    assert store.group_of("/macro/1") == (1, {"/macro/1", "/layer/1/angle"}), (
        "also what had its value"
    )
    store.apply(
        [(osc_schema.lookup("/macro/1"), 0.6)], by="a", together=["/macro/1", "/layer/1/curve"]
    )
    assert store.group_of("/macro/1") == (2, {"/macro/1", "/layer/1/curve"}), (
        "also what follows later"
    )
    for value in (True, True, False):
        store.set("/layer/1/mute", value)
    assert store.set_count(["/layer/1/mute"]) == 2


def needs_a_model(value: object) -> None:
    if value:
        raise Rejected("/sd/enable: no model is configured")


def test_a_value_that_this_run_cannot_use_is_rejected_and_the_rest_of_its_group_is_set(
    store: ParamStore,
) -> None:
    store.add_condition("/sd/enable", needs_a_model)
    with pytest.raises(Rejected, match="no model is configured"):
        store.set("/sd/enable", 1)
    refused, landed = store.set_many([("/sd/enable", True), ("/layer/1/angle", 5)], by="preset")
    assert isinstance(refused, Rejected) and isinstance(landed, Change)
    assert (store.get("/sd/enable"), store.get("/layer/1/angle")) == (False, 5.0)
    store.set("/sd/enable", 0)


def test_a_trigger_calls_its_hook_at_once_and_its_release_does_not() -> None:
    store, pulls = ParamStore(), []
    store.on_trigger("/tempo/tap", lambda arrived_s: pulls.append("tap"))
    store.set("/tempo/tap", 1)
    store.set("/tempo/tap", 0)
    store.set_many([("/tempo/tap", 1), ("/tempo/reset", 1), ("/tempo/tap", 1)], by="bundle")
    assert pulls == ["tap"] * 3 and store.get("/tempo/tap") == 3


def test_a_glide_leaves_out_values_set_by_others_since(store: ParamStore) -> None:
    curve = osc_schema.lookup("/layer/1/curve")
    store.set("/layer/1/angle", 5, by="before")
    overridden, version = store.glide([(ANGLE, 6.0), (curve, 0.5)], by="fade", since=store.version)
    assert (overridden, store.get("/layer/1/angle"), store.get("/layer/1/curve")) == ({}, 6.0, 0.5)
    store.set("/layer/1/curve", 0.1, by="hand")
    overridden, version = store.glide([(ANGLE, 7.0), (curve, 0.6)], by="fade", since=version)
    assert overridden == {"/layer/1/curve": "hand"}
    assert (store.get("/layer/1/angle"), store.get("/layer/1/curve")) == (7.0, 0.1)
    store.set("/master/panic", 1)
    overridden, _ = store.glide([(ANGLE, 8.0)], by="fade", since=version)
    assert (overridden, store.get("/layer/1/angle")) == ({"/layer/1/angle": "/master/panic"}, 0.0)
