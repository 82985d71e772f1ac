"""Which tempo goes to the session, and which reports count meanwhile."""

from engine.link.follower import TempoOrders
from engine.link.messages import SessionReport, TempoOrder
from engine.params import ParamStore


def report(order: int) -> SessionReport:
    return SessionReport(at_s=0.0, beat=0.0, bpm=120.0, peers=1, order=order)


def test_a_tempo_set_by_a_person_is_an_order_and_the_engines_own_is_none() -> None:
    store, orders = ParamStore(), TempoOrders()
    store.set("/tempo/bpm", 133.0, by="tempo")
    store.set("/layer/1/angle", 10.0, by="ws 127.0.0.1:1")
    changes, version = store.changes_since(0)
    assert orders.of_changes(changes) is None
    store.set("/tempo/bpm", 140.0, by="ws 127.0.0.1:1")
    changes, _ = store.changes_since(version)
    assert orders.of_changes(changes) == TempoOrder(bpm=140.0, order=1)


def test_reports_from_before_the_newest_order_do_not_pull_the_beat_back() -> None:
    store, orders = ParamStore(), TempoOrders()
    assert orders.are_in(report(0))
    for bpm in (140.0, 141.0):
        version = store.version
        store.set("/tempo/bpm", bpm, by="map")
        orders.of_changes(store.changes_since(version)[0])
    assert [orders.are_in(report(number)) for number in (0, 1, 2)] == [False, False, True]
