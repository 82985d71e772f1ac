"""The watchdog's decisions, with an injected clock."""

import pytest

from engine.system.clock import SteppedClock
from engine.system.standstill import LIMIT_S, STUCK_S, FrameMark, Watchdog


class Show:
    """A watchdog whose lines are kept, and the mark that it looks at."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.is_stopping = self.is_overloaded = False
        self.stuck = 0
        self.mark = FrameMark()
        self.watchdog = Watchdog(
            self.mark,
            SteppedClock(),
            describe=lambda: "drawing, with Ripple in generator",
            is_overloaded=lambda: self.is_overloaded,
            is_stopping=lambda: self.is_stopping,
            on_stuck=self._end,
            report=lambda key, line: self.lines.append(f"{key}: {line}"),
            notice=self.lines.append,
        )
        self.mark.begin(0.0)
        self.mark.end(is_published=True)

    def _end(self) -> None:
        self.stuck += 1


@pytest.fixture
def show() -> Show:
    return Show()


def test_a_frame_of_half_a_second_is_reported_once_with_its_stack_and_its_end(show: Show) -> None:
    show.mark.begin(10.0)
    for now_s in (10.1, 10.4):
        show.watchdog.step(now_s)
    assert show.lines == []
    for now_s in (10.6, 11.0, 13.0):
        show.watchdog.step(now_s)
    (line,) = show.lines
    assert line.startswith(
        "standstill: no picture for 0.6 s: drawing, with Ripple in generator; stack: "
    )
    assert "test_a_frame_of_half_a_second" in line and "\n" not in line
    show.mark.end(is_published=True)
    show.watchdog.step(13.1)
    assert show.lines[1:] == ["pictures come again, after 3.0 s without one"]
    show.mark.begin(13.2)
    show.watchdog.step(13.2 + LIMIT_S + 0.1)
    assert len(show.lines) == 3


@pytest.mark.parametrize("is_first", [False, True])
def test_the_end_of_a_run_waits_three_seconds_for_a_standing_frame(
    show: Show, is_first: bool
) -> None:
    # the first frame may compile for long, which is no standstill
    show.mark.is_watched = not is_first
    show.mark.begin(1.0)
    show.watchdog.step(2.0)
    show.is_stopping = True
    for now_s in (2.0, 4.0, 2.0 + STUCK_S - 0.1):
        show.watchdog.step(now_s)
        assert show.stuck == 0
    show.watchdog.step(2.0 + STUCK_S)
    assert show.stuck == 1 and len(show.lines) == (0 if is_first else 1)
