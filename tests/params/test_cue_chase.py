"""Which cue a timecode starts: running, jumping, backward. Positions are the test's."""

import pytest

from engine.params.cue_chase import CueChase, DueCue, TimedCue

CUES = (TimedCue(number=1, at_s=10.0), TimedCue(number=2, at_s=20.0), TimedCue(number=5, at_s=30.0))


class ChaseRig:
    """Starts what the chase says, and counts."""

    def __init__(self) -> None:
        self.chase = CueChase()
        self.started: list[tuple[int, float]] = []
        self.active = 0

    def at(self, position_s: float, speed: float = 1.0) -> DueCue | None:
        due = self.chase.step(position_s, speed, CUES, self.active)
        if due is not None:
            self.started.append((due.number, round(due.passed_s, 6)))
            self.active = due.number
        return due

    def run(self, begin_s: float, end_s: float, speed: float = 1.0) -> list[int]:
        """The cues started while the time runs at 50 pictures per second."""
        count = len(self.started)
        step_s = 0.02 * speed
        for n in range(int((end_s - begin_s) / step_s) + 1):
            self.at(begin_s + n * step_s, speed)
        return [number for number, _ in self.started[count:]]


def test_each_cue_starts_once_at_any_speed_and_of_two_in_one_picture_the_last() -> None:
    rig = ChaseRig()
    assert rig.run(0.0, 9.99) == []
    assert rig.run(9.99, 35.0) == [1, 2, 5]
    assert {passed_s for _, passed_s in rig.started} == {0.0}
    for speed in [0.6, 2.0]:
        assert ChaseRig().run(0.0, 40.0, speed) == [1, 2, 5], speed
    rig = ChaseRig()
    chase = rig.chase
    cues = (
        TimedCue(number=1, at_s=1.0),
        TimedCue(number=2, at_s=1.0),
        TimedCue(number=3, at_s=1.01),
    )
    assert chase.step(0.99, 1.0, cues, 0) is None
    assert chase.step(1.005, 1.0, cues, 0) == DueCue(number=2, passed_s=0.0)
    assert chase.step(1.02, 1.0, cues, 2) == DueCue(number=3, passed_s=0.0)


def test_a_locate_recalls_the_last_cue_before_it_unless_it_is_active() -> None:
    rig = ChaseRig()
    rig.run(0.0, 5.0)
    rig.at(33.0)
    assert rig.started == [(5, 3.0)]
    assert rig.run(33.02, 40.0) == []
    rig.at(12.0)
    assert rig.started[1:] == [(1, 2.0)]
    assert rig.run(12.02, 21.0) == [2]
    rig.at(28.0)
    assert rig.started[3:] == [], "cue 2 is active already"
    rig = ChaseRig()
    rig.run(0.0, 21.0)
    rig.active = 0
    assert rig.run(21.0, 22.0) == []
    assert rig.run(25.0, 25.1) == [2]


def test_backward_starts_nothing_and_forward_again_is_a_locate_also_in_small_steps() -> None:
    rig = ChaseRig()
    rig.run(0.0, 31.0)
    assert rig.run(31.0, 15.0, -1.0) == []
    assert rig.run(15.0, 15.1) == [1]
    assert rig.run(15.1, 14.6, -1.0) == []
    assert rig.run(14.6, 21.0) == [2], "the part that was repeated starts nothing"
    rig = ChaseRig()
    rig.run(0.0, 21.0)
    for n in range(20):
        rig.at(21.0 - 0.3 * n, 0.0)
    assert rig.started[2:] == [(1, pytest.approx(9.8, abs=0.5))]
