"""Requests end in order, and the one in force is always known."""

from engine.live.kit.child_link import Requests


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
