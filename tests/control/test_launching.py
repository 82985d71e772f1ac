"""Launching on the beat, by known beats: what waits, when it starts, what is told, and how it is taken back."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.control import Args, Reply
from engine.control.answering import Launched
from engine.params.fade_time import Pulse
from tests.control.dispatcher_desk import Desk

ANGLE = "/layer/1/angle"


class Launch(Desk):
    """Frames at known beats, and a command that may wait."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.ran: list[Args] = []
        self.read: list[Callable[[], None]] = []
        """Goes on with the looks that begin with `new`, once they are read."""
        self.commands.add("/preset/load", self._load, launched_as=self._launched_as)
        self.commands.add("/launch/drop", self.launching.on_drop)
        self.commands.add("/launch/list", self.launching.on_list)

    def _launched_as(self, args: Args) -> Any:
        is_new = str(args[0]).startswith("new") and len(self.read) < 2
        return (lambda again, fail: self.read.append(again)) if is_new else Launched(str(args[0]), str(args[0]))

    def _load(self, args: Args, reply: Reply) -> None:
        self.ran.append(args)
        reply.done(str(args[0]))

    def at(self, beat: float, **more: Any) -> list[tuple]:
        """A frame on this beat; what was told in it."""
        self.pulse = Pulse(beat=beat, **more)
        self.told.clear()
        self.answers = [(each.address, *each.args) for each in self.frame()]
        return self.told[:]


@pytest.fixture
def desk(reports: Any, make_peer: Any) -> Launch:
    desk = Launch(reports, make_peer())
    desk.at(5.3)
    return desk


def test_a_command_waits_for_its_beat_and_each_beat_is_counted(desk: Launch) -> None:
    assert desk.say("/preset/load", "Aurora", 4, "bar") == [] and desk.ran == []
    assert desk.told == [("/launch/queued", "Aurora", 3, "Aurora")]
    assert [desk.at(beat) for beat in (5.9, 6.1, 7.2)] == [
        [], [("/launch/queued", "Aurora", 2, "Aurora")], [("/launch/queued", "Aurora", 1, "Aurora")]
    ]  # fmt: skip
    assert desk.at(7.99) == [] and desk.ran == []
    assert desk.at(8.01) == [("/launch/started", "Aurora")]
    assert desk.ran == [("Aurora", 4)] and desk.answers == [("/done", "/preset/load", "Aurora")]
    assert desk.at(12.0) == [] and len(desk.ran) == 1


def test_the_setting_counts_where_the_message_names_no_beat(desk: Launch) -> None:
    for quantise, beat in (("beat", 6.0), ("bar", 8.0), ("4_bars", 16.0), ("4 bars", 16.0)):
        desk.say("/launch/quantise", quantise)
        desk.at(5.3)
        desk.say("/preset/load", quantise)
        desk.at(beat - 0.01)
        assert desk.ran == []
        desk.at(beat)
        assert [desk.ran.pop()] == [(quantise,)]
    desk.say("/preset/load", "Aurora", "now")
    assert desk.ran == [("Aurora",)]
    desk.say("/launch/quantise", "now")
    desk.say("/preset/load", "bar")
    assert desk.ran[1:] == [("bar",)], "the first argument is a name"


@pytest.mark.parametrize(
    ("between", "by", "ran"),
    [
        (("/preset/load", "Silk", "beat"), "Silk", ["Silk"]),
        (("/launch/drop",), "/launch/drop", []),
        (("/master/panic",), "/master/panic", []),
        (("/preset/load", "Silk", "now"), "", ["Silk", "new 2"]),
    ],
)
def test_of_looks_that_have_to_be_read_first_the_newest_waits(
    desk: Launch, between: tuple, by: str, ran: list[str]
) -> None:
    desk.say("/preset/load", "new 1", "bar")
    desk.say("/preset/load", "new 2", "bar")
    desk.say(*between)
    for read in reversed(desk.read):  # the older one comes last
        read()
    answers = [(each.address, *each.args) for each in desk.peer.take()]
    reasons = [f"superseded by {by or 'new 2'}"] * (2 if by else 1)
    assert answers == [("/fail", "/preset/load", reason) for reason in reasons]
    queued = {name for address, name, *_ in desk.told if address == "/launch/queued"}
    assert queued == {name for name in ran if name != "Silk" or between[-1] == "beat"}
    desk.at(6.0)
    desk.at(8.0)
    assert [name for name, *_ in desk.ran] == ran


def test_what_waits_is_listed_and_can_be_taken_back(desk: Launch) -> None:
    desk.say("/preset/load", "Aurora", "bar")
    desk.say(ANGLE, 90.0, "beat")
    listed = [(each.address, *each.args) for each in desk.say("/launch/list")]
    assert listed == [
        ("/launch/queued", ANGLE, 1, ""),
        ("/launch/queued", "Aurora", 3, "Aurora"),
        ("/done", "/launch/list"),
    ]
    assert [each.args for each in desk.say("/launch/drop", "Silk")] == [("/launch/drop", 0)]
    answers = [each.args for each in desk.say("/launch/drop")]
    assert answers == [("/preset/load", "taken back"), ("/launch/drop", 2)]
    assert desk.at(8.0) == [] and desk.ran == [] and desk[ANGLE] == 0.0


def test_any_value_can_wait_and_a_wrong_one_is_refused_at_once(desk: Launch) -> None:
    before = desk["/layer/2/angle"]
    desk.say(ANGLE, 90.0, "beat")
    desk.say("/layer/*/angle", 45.0, "bar")
    desk.say(ANGLE, 9999.0, 3.0, "bar")
    desk.say("/master/panic", "bar")
    assert desk.reports.keys == ["osc.rejected"]
    assert desk[ANGLE] != 90.0
    desk.at(6.0)
    assert desk[ANGLE] == 90.0 and desk["/layer/2/angle"] == before
    desk.at(8.0)
    assert [desk[f"/layer/{n}/angle"] for n in (1, 2, 3, 4)] != [45.0] * 4, "panic, sent later, came after it"


def test_a_count_that_begins_anew_starts_what_waits_for_its_one(desk: Launch) -> None:
    desk.say("/preset/load", "Aurora", "bar")
    desk.at(0.02, jumped=-5.5)
    assert desk.ran == [("Aurora",)], "the performer pressed one"
    desk.say("/preset/load", "Silk", "bar")
    desk.at(41.0, jumped=35.0)
    desk.at(43.99, jumped=35.0)
    assert len(desk.ran) == 1
    desk.at(44.0, jumped=35.0)
    assert desk.ran[1:] == [("Silk",)]


def test_panic_drops_what_waits(desk: Launch) -> None:
    desk.say("/preset/load", "Aurora", "bar")
    desk.say("/master/panic")
    assert desk.at(5.5) == [("/launch/dropped", "Aurora")]
    assert desk.answers == [("/fail", "/preset/load", "superseded by /master/panic")]
    desk.at(8.0)
    assert desk.ran == []


def test_the_values_that_come_soon_are_known_until_the_frame_of_their_beat(desk: Launch) -> None:
    """A child gets them ahead, so that its picture changes on the beat."""
    desk.presets["Aurora"] = {"/sd/prompt": "ice", "/sd/strength": 0.7}
    desk.say("/preset/load", "Aurora", "bar")
    desk.say("/sd/prompts/*/weight", 0.5, "beat")
    desk.say("/sd/seed", 9, "beat")

    def coming(beat: float, within_s: float = 0.25) -> list[dict[str, object] | str]:
        desk.at(beat)
        return ["due" if each.is_due else dict(each.values) for each in desk.launching.coming(within_s)]

    weights = {f"/sd/prompts/{n}/weight": 0.5 for n in range(1, 9)}
    assert coming(5.4) == []
    assert coming(5.5) == coming(5.9) == [weights, {"/sd/seed": 9}]
    assert coming(6.0) == ["due", "due"] and desk["/sd/seed"] == 9
    assert coming(7.4) == []
    assert coming(7.6) == [{"/sd/prompt": "ice"}], "a number glides with the fade of the look"
    assert coming(8.0) == ["due"]
    assert coming(8.2) == []
    desk.say("/sd/seed", 3, "beat")
    assert coming(8.9) == [{"/sd/seed": 3}]
    desk.say("/launch/drop")
    assert coming(9.0) == [], "taken back, so never due"


def test_a_hand_that_is_a_little_late_starts_at_once_and_a_program_that_chains_waits(desk: Launch) -> None:
    def ran_at(sent: float, quantum: str, *beats: float) -> list[float]:
        """The first of these beats whose frame runs what was sent in that of `sent`."""
        desk.at(sent)
        desk.say("/preset/load", f"{sent}", quantum)
        return [beat for beat in beats if desk.at(beat) and desk.ran and desk.ran.pop()]

    desk.say("/launch/late_ms", 100)  # 0.2 beats at 120 a minute
    assert ran_at(8.19, "bar", 8.2, 12.0) == [8.2]
    assert ran_at(17.0, "bar", 17.1, 20.0) == [20.0]
    assert ran_at(21.19, "beat", 21.2, 22.0) == [21.2]
    assert ran_at(21.3, "beat", 21.4, 22.0) == [22.0]
    assert ran_at(24.0, "bar", 24.01, 28.0) == [24.01]
    assert ran_at(24.02, "bar", 24.1, 28.0) == [28.0], "one look a bar"
    assert ran_at(0.02, "bar", 0.1, 4.0) == [4.0], "sent with a reset"
    desk.say("/launch/late_ms", 0)
    assert ran_at(32.01, "bar", 32.1, 36.0) == [36.0]


def test_a_program_that_launches_ever_other_patterns_fills_no_memory(desk: Launch) -> None:
    for beat in range(6, 26):
        for number in range(50):
            desk.say(f"/layer/{{1,{beat}_{number}}}/angle", float(beat), "beat")
        desk.at(float(beat))
        desk.at(beat + 0.4)
    assert desk.store.get(ANGLE) == 25.0 and len(desk.launching._used) < 300
    desk.say(ANGLE, 1.0, "beat")
    desk.at(0.0, jumped=-26.0)
    assert desk.store.get(ANGLE) == 1.0 and set(desk.launching._used) == {ANGLE}, "the count began anew"


def test_a_launch_is_told_to_wait_before_it_is_told_to_start_although_a_frame_comes_between(desk: Launch) -> None:
    def tell(*message: object) -> None:
        if message[0] == "/launch/queued":
            desk.frame()  # of the render thread, before the thread that has sent it goes on
        desk.told.append(message)

    desk.at(8.01)
    desk.launching._tell = tell
    desk.say("/preset/load", "Aurora", "bar")
    desk.frame()
    assert [message[0] for message in desk.told] == ["/launch/queued", "/launch/started"]
    assert desk.ran == [("Aurora",)]
