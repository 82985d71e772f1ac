"""Lights, rings and motor faders follow the parameters that they are mapped to: the real map on a
stepped clock."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.control import CommandTable, Dispatcher, Feedback
from engine.control.commands.mapping import MapControl
from engine.control.commands.mapping_feedback import (
    INTERVAL_S,
    MAX_PACKETS_A_TURN,
    MAX_SUBSCRIBERS,
    REST_S,
    MapFeedback,
)
from engine.osc.encode import encode_message
from engine.params import ParamStore
from engine.system.clock import SteppedClock
from tests.control.commands.show_rig import make_context


class FeedbackRig:
    """A map and its feedback; `peer` is a bridge, which sends from one port and may listen on
    another."""

    def __init__(self, path: Path, report: Any, peer: Any) -> None:
        self.peer = peer
        self.clock, self.store, table = SteppedClock(start_s=100.0), ParamStore(), CommandTable()
        self.store.set("/layer/1/curve", 0.0)
        outgoing = Feedback(self.store, report)
        self.busy: set[str] = set()
        self.feedback = MapFeedback(
            self.store,
            listener_of=outgoing.listener_of,
            is_behind=self.busy.__contains__,
            report=report,
        )
        self.map = MapControl(
            make_context(report, self.store, self.clock), path, clock={}, feedback=self.feedback
        )
        self.map.add_commands(table)
        self.dispatcher = Dispatcher(
            self.store, table, self.clock, report, self.map, feedback=outgoing
        )
        self.dispatcher.add_query("/map/feedback", self.feedback.on_feedback)

    def say(self, address: str, *args: object) -> None:
        self.dispatcher.receive(encode_message(address, *args), self.peer.sender())

    def take(self) -> list[tuple]:
        """Address and arguments of the messages to the bridge since the last call."""
        return [(message.address, *message.args) for message in self.peer.take()]

    def add(self, control: str, target: str, **keys: object) -> None:
        self.say("/map/add", control, target)
        answer = self.take()[-1]
        assert answer[0] == "/done", answer
        for key, value in keys.items():
            self.say("/map/set", answer[2], key, value)
            assert self.take()[-1][0] == "/done"

    def follow(self, *args: object) -> list[tuple]:
        """Subscribe to feedback; returns the messages that come at once."""
        self.say("/map/feedback", 1, *args)
        done, *feedback = self.after(INTERVAL_S)
        assert done[:3] == ("/done", "/map/feedback", 1), done
        return feedback

    def after(self, seconds: float) -> list[tuple]:
        """Advance the time in turns of the sending thread; returns the messages to the bridge."""
        end_s = self.clock.now_s() + seconds
        while self.clock.now_s() < end_s - 1e-9:
            self.clock.advance(min(INTERVAL_S, end_s - self.clock.now_s()))
            self.feedback.poll(self.clock.now_s())
        return self.take()


@pytest.fixture
def rig(tmp_path: Path, reports: Any, make_peer: Any) -> Iterator[FeedbackRig]:
    rig = FeedbackRig(tmp_path / "mapping.toml", reports, make_peer())
    yield rig
    rig.map.close()


def test_a_subscriber_gets_every_position_and_then_changes(rig: FeedbackRig) -> None:
    rig.add("midi 1 cc 7", "/layer/1/curve")
    rig.add("midi 10 note 36", "/layer/1/mute")
    rig.add("midi 1 program 5", "/master/panic")
    rig.store.set("/layer/1/curve", 0.5)
    assert rig.after(1.0) == [], "nobody has asked"
    assert rig.follow() == [("/control", 1, 7, 64), ("/note", 10, 36, 0)]
    rig.store.set("/layer/1/curve", 1.0, by="page")
    rig.store.set("/layer/1/mute", True, by="preset")
    rig.store.set("/layer/2/curve", 0.3, by="page")
    assert rig.after(INTERVAL_S) == [("/control", 1, 7, 127), ("/note", 10, 36, 127)]
    assert rig.after(5.0) == []
    rig.say("/map/feedback", 0)
    rig.store.set("/layer/1/curve", 0.0, by="page")
    assert rig.after(1.0) == [("/done", "/map/feedback", 0, "stage")]


def test_a_motor_fader_gets_nothing_while_it_is_being_moved(rig: FeedbackRig) -> None:
    rig.add("midi 1 bend", "/layer/1/curve")
    rig.follow()
    rig.say("/pitch", 1, 0)
    for at in (4000, 8000, 12000):
        rig.say("/pitch", 1, at)
        assert rig.after(0.3) == []
    rig.store.set("/layer/1/curve", 0.25, by="a cue")  # not yet at rest for long enough
    assert rig.after(REST_S - 0.3 - 2 * INTERVAL_S) == []
    assert rig.after(3 * INTERVAL_S) == [("/pitch", 1, 4096)]


def test_a_motor_fader_gets_its_own_last_position(rig: FeedbackRig) -> None:
    """In Mackie's protocol, a motor fader without feedback returns to its last received
    position."""
    rig.add("midi 1 bend", "/layer/1/curve", takeover=0)
    assert rig.follow() == [("/pitch", 1, 0)]
    rig.say("/pitch", 1, 12000)
    assert rig.after(REST_S + 2 * INTERVAL_S) == [("/pitch", 1, 12000)]


@pytest.mark.parametrize("was", [0, 16383, None])
def test_a_motor_fader_takes_over_at_the_value_that_it_was_sent(
    rig: FeedbackRig, was: int | None
) -> None:
    rig.add("midi 1 bend", "/layer/1/curve")
    rig.follow()
    if was is not None:
        rig.say("/pitch", 1, was)
        rig.after(1.0)
    rig.store.set("/layer/1/curve", 0.25, by="a cue")
    assert rig.after(1.0) == [("/pitch", 1, 4096)]
    # fast: farther than the step within which any fader takes over
    rig.say("/pitch", 1, 4096 + 800)
    assert rig.store.get("/layer/1/curve") == pytest.approx(4896 / 16383)


def test_a_fader_without_a_motor_does_not_jump_to_what_it_was_sent(rig: FeedbackRig) -> None:
    rig.add("midi 1 bend", "/layer/1/curve")
    rig.follow()
    rig.say("/pitch", 1, 3000)
    rig.store.set("/layer/1/curve", 0.25, by="a cue")
    assert ("/pitch", 1, 4096) in rig.after(2.0)
    rig.say("/pitch", 1, 3100)
    assert rig.store.get("/layer/1/curve") == 0.25


def test_an_echo_of_feedback_does_not_loop(rig: FeedbackRig) -> None:
    rig.add("osc /on", "/layer/1/mute")
    rig.add("osc /fader", "/layer/1/curve", takeover=0)
    rig.add("midi 1 cc 7", "/layer/2/curve", takeover=0)
    rig.add("midi 1 cc14 8", "/layer/3/curve", takeover=0)
    rig.add("midi 1 nrpn 300", "/layer/3/curve", takeover=0)
    rig.store.set("/layer/2/curve", 0.5)
    rig.follow()
    for number in (1, 3):
        rig.store.set(f"/layer/{number}/curve", 1 / 3, by="page")
    sent = []
    for _ in range(100):
        received = rig.after(INTERVAL_S)
        sent += received
        for address, *values in received:
            rig.say(address, *values)
    assert len(sent) <= 2 + 2 + 4, "a fader (what comes back is of 32 bits), a pair and an NRPN"


def test_a_light_is_sent_at_once_and_again_when_its_button_is_released(rig: FeedbackRig) -> None:
    rig.add("midi 1 note 36", "/layer/1/mute")
    rig.follow()
    rig.say("/note", 1, 36, 100)
    assert rig.after(INTERVAL_S) == [("/note", 1, 36, 127)]
    rig.say("/note", 1, 36, 0)  # many devices switch the light off themselves
    assert rig.after(INTERVAL_S) == [("/note", 1, 36, 127)]
    rig.add("midi 1 cc 32", "/layer/2/mute")
    rig.say("/control", 1, 32, 127)
    assert rig.after(INTERVAL_S) == [("/control", 1, 32, 127)]


def test_the_ring_of_an_encoder_follows_its_turns_as_an_absolute_value(rig: FeedbackRig) -> None:
    rig.add("midi 1 cc 0", "/layer/1/curve", mode="offset")
    assert rig.follow() == [("/control", 1, 0, 0)]
    for _ in range(10):
        rig.say("/control", 1, 0, 65)
    assert rig.after(INTERVAL_S) == [("/control", 1, 0, 10)]


def test_lights_and_rings_are_sent_values_in_the_range_of_their_device(rig: FeedbackRig) -> None:
    """X-Touch Compact, "RX MIDI data": velocity 1 is on, 3 to 127 are ignored; rings have other
    controllers, 1 to 13. Mackie Control: ring 1 is controller 48, 0x21 to 0x2B are bars (TouchMCU's
    mackie_control_protocol.md)."""
    rig.add("midi 1 note 16", "/layer/1/mute", in_high=1)
    rig.add("midi 1 cc 26", "/layer/1/curve", in_low=1, in_high=13)
    rig.add("midi 1 cc 48", "/layer/1/curve", in_low=0x21, in_high=0x2B)
    rig.add("midi 1 cc 49", "/layer/1/curve", invert=1)
    rings = [("/control", 1, number, at) for number, at in ((26, 1), (48, 0x21), (49, 127))]
    assert rig.follow() == [("/note", 1, 16, 0), *rings]
    rig.say("/note", 1, 16, 127)
    rig.store.set("/layer/1/curve", 1.0)
    assert rig.store.get("/layer/1/mute") is True
    sent = rig.after(INTERVAL_S)
    rings = [("/control", 1, number, at) for number, at in ((26, 13), (48, 0x2B), (49, 0))]
    assert sorted(sent) == [*rings, ("/note", 1, 16, 1)]


def test_osc_controls_get_their_value_at_their_own_address(rig: FeedbackRig) -> None:
    rig.add("osc /1/fader3", "/layer/1/curve", takeover=0)
    rig.add("osc /3/xy", "/layer/1/ratio", low=1, high=16)
    rig.add("osc /3/xy 1", "/layer/2/curve")
    rig.add("osc /4/xy 1", "/layer/2/curve")  # the first argument is not mapped
    rig.add("osc /5/*/on", "/layer/3/mute")  # a pattern is not an address to send to
    rig.store.set("/layer/1/ratio", 4.0)
    rig.store.set("/layer/2/curve", 0.25)
    assert rig.follow("osc") == [("/1/fader3", 0.0), ("/3/xy", 0.5, 0.25)]
    rig.say("/1/fader3", 0.75)
    assert rig.after(REST_S - INTERVAL_S) == []
    rig.store.set("/layer/1/curve", 0.5, by="page")
    assert rig.after(3 * INTERVAL_S) == [("/1/fader3", 0.5)]


def test_an_osc_trigger_is_not_fired_by_its_own_feedback(rig: FeedbackRig) -> None:
    """Muting a layer on the page must not clear a layer of Resolume, or stop all of them."""
    rig.say("/map/load", "resolume")
    rig.take()
    rig.follow("osc")
    rig.after(1.0)
    rig.store.set("/layer/1/mute", True, by="page")
    assert rig.after(1.0) == [("/composition/layers/1/bypassed", 1.0)]
    rig.say("/map/clear")
    rig.add("osc /pad/1", "/layer/2/mute", mode="trigger", feedback=1)
    rig.store.set("/layer/2/mute", True, by="page")
    assert ("/pad/1", 1.0) in rig.after(1.0)


def test_each_form_covers_the_controls_that_its_program_supports(rig: FeedbackRig) -> None:
    rig.add("midi 1 cc 7 nano:0", "/layer/1/curve")
    rig.add("osc /1/fader3", "/layer/2/curve")
    rig.add("midi 1 cc 8", "/layer/1/curve", feedback=0)  # switched off
    rig.store.set("/layer/2/curve", 0.0)
    assert rig.follow() == [("/control", 1, 7, 0), ("/1/fader3", 0.0)]
    assert rig.follow("o2m") == [("/nano/control_change", 1, 7, 0)]
    assert [address for address, _ in rig.follow("midi")] == ["/midi"]
    assert rig.follow("osc") == [("/1/fader3", 0.0)]


def test_another_port_gets_feedback_and_a_mistake_is_answered(
    rig: FeedbackRig, reports: Any
) -> None:
    rig.add("midi 1 cc 7", "/layer/1/curve")
    assert rig.follow(57200, "o2m") == []
    (message,) = rig.peer.others[57200].take()
    assert (message.address, *message.args) == ("/*/control_change", 1, 7, 0)
    for wrong in ((), ("on",), (1, 0), (1, "mackie"), (1, 9000, "o2m", 1), (1, 70000)):
        rig.say("/map/feedback", *wrong)
        (answer,) = rig.take()
        assert answer[:2] == ("/fail", "/map/feedback")
        assert "takes " in answer[2]
    assert "/map/feedback: port: takes a whole number 1..65535" in reports.lines[-1][1]


def test_feedback_for_many_controls_is_sent_in_portions_with_backpressure(rig: FeedbackRig) -> None:
    for number in range(40):
        rig.add(f"midi 1 cc {number}", "/layer/1/curve")
    assert len(rig.follow()) == MAX_PACKETS_A_TURN
    assert len(rig.after(INTERVAL_S)) == MAX_PACKETS_A_TURN
    assert len(rig.after(1.0)) == 40 - 2 * MAX_PACKETS_A_TURN
    rig.busy.add(rig.peer.name)
    for value in (0.1, 0.9, 0.5):
        rig.store.set("/layer/1/curve", value)
        assert rig.after(INTERVAL_S) == []
    rig.busy.clear()
    assert {sent[3] for sent in rig.after(1.0)} == {64}, "the newest value alone"


def test_the_oldest_subscription_is_removed_when_there_are_too_many_and_a_configured_one_last(
    rig: FeedbackRig, reports: Any
) -> None:
    """It is subscribed once, at the start, and would never subscribe again."""
    rig.add("midi 1 cc 7", "/layer/1/curve")
    rig.feedback.subscribe(rig.peer.sender(), "stage", is_configured=True)
    rig.say("/map/feedback", 1)  # it may also subscribe itself
    for port in range(MAX_SUBSCRIBERS):
        rig.say("/map/feedback", 1, 6000 + port)
    assert [key for key, _ in reports.lines] == ["map.feedback"]
    assert "6000, the oldest, is removed" in reports.lines[0][1]
    rig.after(1.0)
    rig.store.set("/layer/1/curve", 1.0)
    assert rig.after(1.0) == [("/control", 1, 7, 127)]
