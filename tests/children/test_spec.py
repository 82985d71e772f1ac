"""The status of a child: at work, away, or neither."""

from typing import get_args

from engine.children import ChildStatus
from engine.children.spec import State


def test_each_state_counts_as_at_work_away_or_neither() -> None:
    statuses = [ChildStatus(name="toy", state=state) for state in get_args(State)]
    assert {status.state for status in statuses if status.is_at_work} == {"ready", "busy"}
    assert {status.state for status in statuses if status.is_away} == {"off", "loading", "hung", "restarting", "failed"}
    assert {status.state for status in statuses if not status.is_at_work and not status.is_away} == {"compiling"}
