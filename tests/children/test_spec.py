"""How a child is, in the two words that callers ask for."""

from typing import get_args

from engine.children import ChildStatus
from engine.children.spec import State


def test_a_child_is_at_work_away_or_back_in_a_moment() -> None:
    statuses = [ChildStatus(name="toy", state=state) for state in get_args(State)]
    assert {status.state for status in statuses if status.is_at_work} == {"ready", "busy"}
    assert {status.state for status in statuses if status.is_away} == {"off", "loading", "hung", "restarting", "failed"}
    assert {status.state for status in statuses if not status.is_at_work and not status.is_away} == {"compiling"}
