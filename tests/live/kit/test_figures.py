"""Statistics of a child of pictures, and when it asks for a picture, on an injected clock."""

import pytest

from engine.live.kit.picture_loop import ask_from_s
from engine.live.kit.progress import PieceTimes


def test_the_longest_piece_scales_up_with_the_work_and_never_down_and_is_forgotten() -> None:
    pieces = PieceTimes()
    assert pieces.longest_s(1000.0) == 0.0
    pieces.count(2.0, 1000.0)
    pieces.count(0.5, 1000.0)
    assert [pieces.longest_s(work) for work in (500.0, 1000.0, 4000.0)] == [2.0, 2.0, 8.0]
    for _ in range(64):
        pieces.count(1.0, 1000.0)
    assert pieces.longest_s(1000.0) == 1.0


def test_a_fast_child_always_requests_a_picture_and_others_shortly_before_they_can_use_it() -> None:
    assert ask_from_s(call_began_s=10.0, call_s=0.03, due_s=10.0) < 10.0
    assert ask_from_s(call_began_s=10.0, call_s=0.8, due_s=10.0) == pytest.approx(10.7), (
        "before it is done"
    )
    assert ask_from_s(call_began_s=10.0, call_s=0.8, due_s=11.5) == pytest.approx(11.4), (
        "before its interval ends"
    )
