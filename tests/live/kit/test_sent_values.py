"""A child is sent each change once, and modulation only if it is large enough."""

from engine.live.kit.child_link import Requests
from engine.live.kit.sent_values import GENERATION, SentValues
from engine.params import ParamStore


def test_the_first_call_sends_all_values_and_later_ones_only_changes() -> None:
    store, sent = ParamStore(), SentValues("sam3")
    assert sent.snapshot is None
    first = sent.changes(store.snapshot())
    assert (
        sent.snapshot is not None
        and first["/sam3/prompt/1"] == "person"
        and "/sam3/opacity" not in first
    )
    assert sent.changes(store.snapshot()) == {}
    store.set("/sam3/prompt/1", "guitar")
    store.set("/layer/1/angle", 3.0)
    assert sent.changes(store.snapshot()) == {"/sam3/prompt/1": "guitar"}
    assert sent.changes(store.snapshot()) == {}


def test_modulated_values_are_sent_if_they_differ_enough_and_the_set_value_at_the_end() -> None:
    store, sent = ParamStore(), SentValues("sam3")
    snapshot = store.snapshot()
    sent.changes(snapshot)
    assert sent.changes(snapshot, {"/sam3/threshold": 0.7}) == {"/sam3/threshold": 0.7}
    # next to it: the same
    assert sent.changes(snapshot, {"/sam3/threshold": 0.701}) == {"/sam3/threshold": 0.7}
    assert sent.changes(snapshot, {"/sam3/threshold": 0.8, "/layer/1/angle": 9.0}) == {
        "/sam3/threshold": 0.8
    }
    assert sent.changes(snapshot) == {"/sam3/threshold": 0.5}
    assert sent.changes(snapshot) == {}


def test_a_change_that_makes_pictures_obsolete_includes_a_new_generation() -> None:
    store, sent = ParamStore(), SentValues("sd", obsoleting={"/sd/width"})
    assert sent.changes(store.snapshot())[GENERATION] == sent.generation == 1
    store.set("/sd/prompt", "fire")
    assert sent.changes(store.snapshot()) == {"/sd/prompt": "fire"}
    store.set("/sd/width", 128)
    assert sent.changes(store.snapshot()) == {"/sd/width": 128, GENERATION: 2}
    assert sent.generation == sent.valid_from == 2
    sent.mark()
    assert sent.changes(store.snapshot(), {"/sd/prompt": "ice"}) == {
        "/sd/prompt": "ice",
        GENERATION: 3,
    }
    assert (sent.generation, sent.valid_from) == (3, 2), "a mark makes no picture obsolete"
    assert sent.changes(store.snapshot(), {"/sd/prompt": "ice"}) == {"/sd/prompt": "ice"}
    assert sent.changes(store.snapshot()) == {"/sd/prompt": "fire"}


def test_a_successful_request_takes_effect_and_a_refused_one_does_not() -> None:
    models: Requests[str] = Requests("first")
    assert (models.newest, models.in_force) == ("first", "first")
    for name in ("second", "third"):
        models.begin(name)
    assert (models.newest, models.in_force) == ("third", "first")
    assert models.end(is_done=True) == ("second", False)
    assert (models.newest, models.in_force) == ("third", "second")
    assert models.end(is_done=False) == ("third", True)
    assert (models.newest, models.in_force) == ("second", "second")
