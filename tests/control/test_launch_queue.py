"""Launching on the beat, by known beats: what waits, when it starts, what is announced, and how it
is cancelled."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.control import Reply
from engine.control.command_runner import LaunchPlan
from engine.params.fade_time import FadeTime, Pulse
from tests.control.dispatcher_rig import Hub

ANGLE = "/layer/1/angle"


class Launch(Hub):
    """A hub that draws frames at known beats, with a command that may wait for the beat."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.ran: list[tuple[str, float]] = []
        self.read: list[Callable[[], None]] = []
        """Goes on with the looks that begin with `new`, once they are read."""
        self.commands.add("/preset/load", self._load, plan_launch=self._plan_launch)
        self.commands.add("/launch/drop", self.launch_queue.on_drop)
        self.commands.add("/launch/list", self.launch_queue.on_list)

    def _plan_launch(self, name: str, time: FadeTime) -> Any:
        is_new = name.startswith("new") and len(self.read) < 2
        return (
            (lambda again, fail: self.read.append(again))
            if is_new
            else LaunchPlan(name=name, preset=name)
        )

    def _load(self, reply: Reply, name: str, time: FadeTime) -> None:
        self.ran.append((name, time.amount))
        reply.done(name)

    def at(self, beat: float, **more: Any) -> list[tuple]:
        """Draw a frame on this beat; returns what was announced in it."""
        self.pulse = Pulse(beat=beat, **more)
        self.messages.clear()
        self.answers = [(each.address, *each.args) for each in self.frame()]
        return self.messages[:]


@pytest.fixture
def hub(reports: Any, make_peer: Any) -> Launch:
    hub = Launch(reports, make_peer())
    hub.at(5.3)
    return hub


def test_a_command_waits_for_its_beat_and_each_beat_is_counted(hub: Launch) -> None:
    assert hub.say("/preset/load", "Aurora", 4, "bar") == [] and hub.ran == []
    assert hub.messages == [("/launch/queued", "Aurora", 3, "Aurora")]
    assert [hub.at(beat) for beat in (5.9, 6.1, 7.2)] == [
        [], [("/launch/queued", "Aurora", 2, "Aurora")], [("/launch/queued", "Aurora", 1, "Aurora")]
    ]  # fmt: skip
    assert hub.at(7.99) == [] and hub.ran == []
    assert hub.at(8.01) == [("/launch/started", "Aurora")]
    assert hub.ran == [("Aurora", 4.0)] and hub.answers == [("/done", "/preset/load", "Aurora")]
    assert hub.at(12.0) == [] and len(hub.ran) == 1


def test_the_setting_counts_where_the_message_names_no_beat(hub: Launch) -> None:
    for quantise, beat in (("beat", 6.0), ("bar", 8.0), ("4_bars", 16.0), ("4 bars", 16.0)):
        hub.say("/launch/quantise", quantise)
        hub.at(5.3)
        hub.say("/preset/load", quantise)
        hub.at(beat - 0.01)
        assert hub.ran == []
        hub.at(beat)
        assert [hub.ran.pop()] == [(quantise, 0.0)]
    hub.say("/preset/load", "Aurora", "now")
    assert hub.ran == [("Aurora", 0.0)]
    hub.say("/launch/quantise", "now")
    hub.say("/preset/load", "bar")
    assert hub.ran[1:] == [("bar", 0.0)], "the first argument is a name"


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
    hub: Launch, between: tuple, by: str, ran: list[str]
) -> None:
    hub.say("/preset/load", "new 1", "bar")
    hub.say("/preset/load", "new 2", "bar")
    hub.say(*between)
    for read in reversed(hub.read):  # the older one comes last
        read()
    answers = [(each.address, *each.args) for each in hub.peer.take()]
    reasons = [f"superseded by {by or 'new 2'}"] * (2 if by else 1)
    assert answers == [("/fail", "/preset/load", reason) for reason in reasons]
    queued = {name for address, name, *_ in hub.messages if address == "/launch/queued"}
    assert queued == {name for name in ran if name != "Silk" or between[-1] == "beat"}
    hub.at(6.0)
    hub.at(8.0)
    assert [name for name, *_ in hub.ran] == ran


def test_what_waits_is_listed_and_can_be_taken_back(hub: Launch) -> None:
    hub.say("/preset/load", "Aurora", "bar")
    hub.say(ANGLE, 90.0, "beat")
    listed = [(each.address, *each.args) for each in hub.say("/launch/list")]
    assert listed == [
        ("/launch/queued", ANGLE, 1, ""), ("/launch/queued", "Aurora", 3, "Aurora"), ("/done",
            "/launch/list"),
    ]  # fmt: skip
    assert [each.args for each in hub.say("/launch/drop", "Silk")] == [("/launch/drop", 0)]
    assert [each.args for each in hub.say("/launch/drop")] == [
        ("/preset/load", "taken back"),
        ("/launch/drop", 2),
    ]
    assert hub.at(8.0) == [] and hub.ran == [] and hub[ANGLE] == 0.0


def test_any_value_can_wait_and_a_wrong_one_is_refused_at_once(hub: Launch) -> None:
    before = hub["/layer/2/angle"]
    hub.say(ANGLE, 90.0, "beat")
    hub.say("/layer/*/angle", 45.0, "bar")
    hub.say(ANGLE, 9999.0, 3.0, "bar")
    hub.say("/master/panic", "bar")
    assert hub.reports.keys == ["osc.rejected"]
    assert hub[ANGLE] != 90.0
    hub.at(6.0)
    assert hub[ANGLE] == 90.0 and hub["/layer/2/angle"] == before
    hub.at(8.0)
    assert [hub[f"/layer/{n}/angle"] for n in (1, 2, 3, 4)] != [45.0] * 4, (
        "panic, sent later, came after it"
    )


def test_a_count_that_restarts_starts_what_waits_for_its_one(hub: Launch) -> None:
    hub.say("/preset/load", "Aurora", "bar")
    hub.at(0.02, jumped=-5.5)
    assert hub.ran == [("Aurora", 0.0)], "the performer pressed one"
    hub.say("/preset/load", "Silk", "bar")
    hub.at(41.0, jumped=35.0)
    hub.at(43.99, jumped=35.0)
    assert len(hub.ran) == 1
    hub.at(44.0, jumped=35.0)
    assert hub.ran[1:] == [("Silk", 0.0)]


def test_panic_drops_what_waits(hub: Launch) -> None:
    hub.say("/preset/load", "Aurora", "bar")
    hub.say("/master/panic")
    assert hub.at(5.5) == [("/launch/dropped", "Aurora")]
    assert hub.answers == [("/fail", "/preset/load", "superseded by /master/panic")]
    hub.at(8.0)
    assert hub.ran == []


def test_the_values_that_come_soon_are_known_until_the_frame_of_their_beat(hub: Launch) -> None:
    """A child gets them ahead, so that its picture changes on the beat."""
    hub.presets["Aurora"] = {"/sd/prompt": "ice", "/sd/strength": 0.7}
    hub.say("/preset/load", "Aurora", "bar")
    hub.say("/sd/prompts/*/weight", 0.5, "beat")
    hub.say("/sd/seed", 9, "beat")

    def coming(beat: float, within_s: float = 0.25) -> list[dict[str, object] | str]:
        hub.at(beat)
        return [
            "due" if each.is_due else dict(each.values)
            for each in hub.launch_queue.upcoming(within_s)
        ]

    weights = {f"/sd/prompts/{n}/weight": 0.5 for n in range(1, 9)}
    assert coming(5.4) == []
    assert coming(5.5) == coming(5.9) == [weights, {"/sd/seed": 9}]
    assert coming(6.0) == ["due", "due"] and hub["/sd/seed"] == 9
    assert coming(7.4) == []
    assert coming(7.6) == [{"/sd/prompt": "ice"}], "a number glides with the fade of the look"
    assert coming(8.0) == ["due"]
    assert coming(8.2) == []
    hub.say("/sd/seed", 3, "beat")
    assert coming(8.9) == [{"/sd/seed": 3}]
    hub.say("/launch/drop")
    assert coming(9.0) == [], "taken back, so never due"


def test_a_hand_that_is_a_little_late_starts_at_once_and_a_program_that_chains_waits(
    hub: Launch,
) -> None:
    def ran_at(sent: float, quantum: str, *beats: float) -> list[float]:
        """The first of these beats whose frame runs what was sent in that of `sent`."""
        hub.at(sent)
        hub.say("/preset/load", f"{sent}", quantum)
        return [beat for beat in beats if hub.at(beat) and hub.ran and hub.ran.pop()]

    hub.say("/launch/late_ms", 100)  # 0.2 beats at 120 per minute
    assert ran_at(8.19, "bar", 8.2, 12.0) == [8.2]
    assert ran_at(17.0, "bar", 17.1, 20.0) == [20.0]
    assert ran_at(21.19, "beat", 21.2, 22.0) == [21.2]
    assert ran_at(21.3, "beat", 21.4, 22.0) == [22.0]
    assert ran_at(24.0, "bar", 24.01, 28.0) == [24.01]
    assert ran_at(24.02, "bar", 24.1, 28.0) == [28.0], "one look a bar"
    assert ran_at(0.02, "bar", 0.1, 4.0) == [4.0], "sent with a reset"
    hub.say("/launch/late_ms", 0)
    assert ran_at(32.01, "bar", 32.1, 36.0) == [36.0]


def test_a_program_that_launches_ever_other_patterns_fills_no_memory(hub: Launch) -> None:
    for beat in range(6, 26):
        for number in range(50):
            hub.say(f"/layer/{{1,{beat}_{number}}}/angle", float(beat), "beat")
        hub.at(float(beat))
        hub.at(beat + 0.4)
    assert hub.store.get(ANGLE) == 25.0 and len(hub.launch_queue._used) < 300
    hub.say(ANGLE, 1.0, "beat")
    hub.at(0.0, jumped=-26.0)
    assert hub.store.get(ANGLE) == 1.0 and set(hub.launch_queue._used) == {ANGLE}, (
        "the count restarted"
    )


def test_a_launch_is_announced_as_queued_before_its_start_although_a_frame_comes_between(
    hub: Launch,
) -> None:
    def notify(*message: object) -> None:
        if message[0] == "/launch/queued":
            hub.frame()  # of the render thread, before the thread that has sent it continues
        hub.messages.append(message)

    hub.at(8.01)
    hub.launch_queue._notify = notify
    hub.say("/preset/load", "Aurora", "bar")
    hub.frame()
    assert [message[0] for message in hub.messages] == ["/launch/queued", "/launch/started"]
    assert hub.ran == [("Aurora", 0.0)]
