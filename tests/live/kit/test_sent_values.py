"""A child is told each change once, and of modulation what it would notice."""

from engine.live.kit.sent_values import ToldValues
from engine.params import ParamStore


def test_everything_first_then_only_what_changed() -> None:
    store, told = ParamStore(), ToldValues("sam3")
    assert not told.has_told
    first = told.news(store.snapshot())
    assert told.has_told and first["/sam3/prompt/1"] == "person" and "/sam3/opacity" not in first
    assert told.news(store.snapshot()) == {}
    store.set("/sam3/prompt/1", "guitar")
    store.set("/layer/1/angle", 3.0)
    assert told.news(store.snapshot()) == {"/sam3/prompt/1": "guitar"}
    assert told.news(store.snapshot()) == {}


def test_what_modulation_moves_is_told_where_it_matters_and_put_back_at_its_end() -> None:
    store, told = ParamStore(), ToldValues("sam3")
    snapshot = store.snapshot()
    told.news(snapshot)
    assert told.news(snapshot, {"/sam3/threshold": 0.7}) == {"/sam3/threshold": 0.7}
    assert told.news(snapshot, {"/sam3/threshold": 0.701}) == {"/sam3/threshold": 0.7}  # next to it: the same
    assert told.news(snapshot, {"/sam3/threshold": 0.8, "/layer/1/angle": 9.0}) == {"/sam3/threshold": 0.8}
    assert told.news(snapshot) == {"/sam3/threshold": 0.5}
    assert told.news(snapshot) == {}
