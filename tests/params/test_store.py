"""The store: groups set from any thread appear as a whole, and later changes can be listed."""

import itertools
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

import osc_schema
from engine.params import Change, ParamStore
from osc_schema import PARAMS, Accepted, ParamType, Rejected


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    """Switches threads a thousand times more often than usual, to provoke torn groups."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def test_a_set_value_is_in_the_next_snapshot_and_not_in_the_last() -> None:
    store = ParamStore()
    before = store.snapshot()
    assert store.set("/layer/1/angle", 190) == Accepted(-170.0)
    between = store.snapshot()
    store.set("/layer/1/angle", 20)
    after = store.snapshot()
    assert [snapshot["/layer/1/angle"] for snapshot in (before, between, after)] == [0.0, -170.0, 20.0]
    assert store.get("/layer/1/angle") == 20.0
    assert [snapshot.version for snapshot in (before, between, after)] == [0, 1, 2]
    after.to_dict()["/mode"] = "simple"
    with pytest.raises(TypeError):
        after["/mode"] = "simple"  # type: ignore[index]
    assert after["/mode"] == "multiverse"


def test_valid_entries_of_a_group_are_set_together_and_invalid_ones_returned() -> None:
    store = ParamStore()
    group = [("/mode", 0), ("/mode", "simple"), ("/nothing", 1), ("/layer/1/curve", "x"), ("/multiverse/brightness", 9)]
    _, mode, unknown, wrong, clipped = store.set_many(group, by="night")
    assert mode == Change(address="/mode", value="simple", by="night", version=1)
    assert isinstance(unknown, Rejected) and "/nothing: no such parameter" in str(unknown)
    assert isinstance(wrong, Rejected) and str(wrong).startswith("/layer/1/curve: ")
    assert clipped == Change(address="/multiverse/brightness", value=4.0, by="night", version=1)
    assert store.version == 1, "one group makes one version"


def test_changes_since_a_version_are_the_newest_of_each_address_with_their_source() -> None:
    store = ParamStore()
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


def test_no_press_of_a_trigger_is_lost_between_two_frames() -> None:
    store = ParamStore()
    for pressed in (1, 0, 1.0, False, None):
        store.set("/sink/snapshot/take", pressed)
    assert store.snapshot()["/sink/snapshot/take"] == 3
    (change,), _ = store.changes_since(0)
    assert (change.value, change.version) == (3, 3)


def test_panic_resets_the_look_in_one_group_and_nothing_else() -> None:
    store = ParamStore()
    for param in PARAMS:
        other = {ParamType.BOOL: not param.default, ParamType.MENU: param.high, ParamType.INT: param.high}
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


def test_panic_reports_the_reset_values_to_its_sender_and_keeps_what_comes_after_it_in_its_group() -> None:
    store = ParamStore()
    store.set_many([("/layer/1/curve", 0.75), ("/master/panic", 1), ("/layer/2/curve", 0.25)], by="a desk")
    assert (store.get("/layer/1/curve"), store.get("/layer/2/curve")) == (1.0, 0.25)
    changes, version = store.changes_since(0)
    assert {change.address: change.by for change in changes} == {
        "/layer/1/curve": "panic", "/layer/2/curve": "a desk", "/master/panic": "a desk",
    }  # fmt: skip
    assert {change.version for change in changes} == {version} == {1}


def test_a_group_is_never_seen_in_part(frequent_switches: None, wait_for: Callable[..., object]) -> None:
    """Four writers set all layer angles to one value each time; every snapshot shows four equal angles."""
    store = ParamStore()
    angles = osc_schema.match("/layer/*/angle")
    store.apply([(param, 1.0) for param in angles], by="start")
    is_over = threading.Event()
    seen: set[tuple[object, ...]] = set()
    versions: set[int] = set()

    def write(offset: int) -> None:
        for step in itertools.count():
            if is_over.is_set():
                return
            value = float((step * 4 + offset) % 180)
            store.apply([(param, value) for param in angles], by=f"writer {offset}")

    def watch() -> None:
        while not is_over.is_set():
            snapshot = store.snapshot()
            seen.add(tuple(snapshot[param.address] for param in angles))
            changes, _ = store.changes_since(0)
            versions.add(len({change.version for change in changes}))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    threads.append(threading.Thread(target=watch))
    for thread in threads:
        thread.start()
    wait_for(lambda: len(seen) >= 50, "50 different snapshots")
    is_over.set()
    for thread in threads:
        thread.join()
    assert all(len(set(values)) == 1 for values in seen)
    assert versions == {1}


def test_presses_from_many_threads_are_all_counted(frequent_switches: None) -> None:
    store = ParamStore()
    threads = [threading.Thread(target=lambda: [store.set("/master/panic", 1) for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("/master/panic") == 800
    assert store.version == 800


def needs_a_model(value: object) -> None:
    if value:
        raise Rejected("/sd/enable: no model is configured")


def test_a_value_that_this_run_cannot_use_is_rejected_and_the_rest_of_its_group_is_set() -> None:
    store = ParamStore()
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


def test_a_glide_leaves_out_values_set_by_others_since() -> None:
    store = ParamStore()
    angle, curve = osc_schema.lookup("/layer/1/angle"), osc_schema.lookup("/layer/1/curve")
    store.set("/layer/1/angle", 5, by="before")
    taken, version = store.glide([(angle, 6.0), (curve, 0.5)], by="fade", since=store.version)
    assert (taken, store.get("/layer/1/angle"), store.get("/layer/1/curve")) == ({}, 6.0, 0.5)
    store.set("/layer/1/curve", 0.1, by="hand")
    taken, version = store.glide([(angle, 7.0), (curve, 0.6)], by="fade", since=version)
    assert (taken, store.get("/layer/1/angle"), store.get("/layer/1/curve")) == ({"/layer/1/curve": "hand"}, 7.0, 0.1)
    store.set("/master/panic", 1)
    taken, _ = store.glide([(angle, 8.0)], by="fade", since=version)
    assert (taken, store.get("/layer/1/angle")) == ({"/layer/1/angle": "/master/panic"}, 0.0)
