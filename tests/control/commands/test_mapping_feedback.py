"""Lights, rings and motor faders follow the parameters that they are mapped to: the real map on a stepped clock."""

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
from tests.control.commands.show_rig import make_tools


class Stage:
    """A map and its feedback; `peer` is a bridge, which sends from one port and may listen on another."""

    def __init__(self, path: Path, report: Any, peer: Any) -> None:
        self.peer = peer
        self.clock, self.store, table = SteppedClock(start_s=100.0), ParamStore(), CommandTable()
        self.store.set("/layer/1/curve", 0.0)
        outgoing = Feedback(self.store, report)
        self.busy: set[str] = set()
        self.feedback = MapFeedback(
            self.store, listener_of=outgoing.listener_of, is_behind=self.busy.__contains__, report=report
        )
        self.map = MapControl(make_tools(report, self.store, self.clock), path, clock={}, feedback=self.feedback)
        self.map.add_commands(table)
        self.dispatcher = Dispatcher(self.store, table, self.clock, report, self.map, feedback=outgoing)
        self.dispatcher.add_question("/map/feedback", self.feedback.on_feedback)

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
        done, *shown = self.after(INTERVAL_S)
        assert done[:3] == ("/done", "/map/feedback", 1), done
        return shown

    def after(self, seconds: float) -> list[tuple]:
        """Advance the time in turns of the sending thread; returns the messages to the bridge."""
        end_s = self.clock.now_s() + seconds
        while self.clock.now_s() < end_s - 1e-9:
            self.clock.advance(min(INTERVAL_S, end_s - self.clock.now_s()))
            self.feedback.poll(self.clock.now_s())
        return self.take()


@pytest.fixture
def stage(tmp_path: Path, reports: Any, make_peer: Any) -> Iterator[Stage]:
    stage = Stage(tmp_path / "mapping.toml", reports, make_peer())
    yield stage
    stage.map.close()


def test_a_subscriber_gets_every_position_and_then_changes(stage: Stage) -> None:
    stage.add("midi 1 cc 7", "/layer/1/curve")
    stage.add("midi 10 note 36", "/layer/1/mute")
    stage.add("midi 1 program 5", "/master/panic")
    stage.store.set("/layer/1/curve", 0.5)
    assert stage.after(1.0) == [], "nobody has asked"
    assert stage.follow() == [("/control", 1, 7, 64), ("/note", 10, 36, 0)]
    stage.store.set("/layer/1/curve", 1.0, by="page")
    stage.store.set("/layer/1/mute", True, by="preset")
    stage.store.set("/layer/2/curve", 0.3, by="page")
    assert stage.after(INTERVAL_S) == [("/control", 1, 7, 127), ("/note", 10, 36, 127)]
    assert stage.after(5.0) == []
    stage.say("/map/feedback", 0)
    stage.store.set("/layer/1/curve", 0.0, by="page")
    assert stage.after(1.0) == [("/done", "/map/feedback", 0, "stage")]


def test_a_motor_fader_gets_nothing_while_it_is_being_moved(stage: Stage) -> None:
    stage.add("midi 1 bend", "/layer/1/curve")
    stage.follow()
    stage.say("/pitch", 1, 0)
    for at in (4000, 8000, 12000):
        stage.say("/pitch", 1, at)
        assert stage.after(0.3) == []
    stage.store.set("/layer/1/curve", 0.25, by="a cue")  # not yet at rest for long enough
    assert stage.after(REST_S - 0.3 - 2 * INTERVAL_S) == []
    assert stage.after(3 * INTERVAL_S) == [("/pitch", 1, 4096)]


def test_a_motor_fader_gets_its_own_last_position(stage: Stage) -> None:
    """In Mackie's protocol, a motor fader without feedback returns to its last received position."""
    stage.add("midi 1 bend", "/layer/1/curve", takeover=0)
    assert stage.follow() == [("/pitch", 1, 0)]
    stage.say("/pitch", 1, 12000)
    assert stage.after(REST_S + 2 * INTERVAL_S) == [("/pitch", 1, 12000)]


@pytest.mark.parametrize("was", [0, 16383, None])
def test_a_motor_fader_takes_over_at_the_value_that_it_was_sent(stage: Stage, was: int | None) -> None:
    stage.add("midi 1 bend", "/layer/1/curve")
    stage.follow()
    if was is not None:
        stage.say("/pitch", 1, was)
        stage.after(1.0)
    stage.store.set("/layer/1/curve", 0.25, by="a cue")
    assert stage.after(1.0) == [("/pitch", 1, 4096)]
    stage.say("/pitch", 1, 4096 + 800)  # fast: farther than the step within which any fader takes over
    assert stage.store.get("/layer/1/curve") == pytest.approx(4896 / 16383)


def test_a_fader_without_a_motor_does_not_jump_to_what_it_was_sent(stage: Stage) -> None:
    stage.add("midi 1 bend", "/layer/1/curve")
    stage.follow()
    stage.say("/pitch", 1, 3000)
    stage.store.set("/layer/1/curve", 0.25, by="a cue")
    assert ("/pitch", 1, 4096) in stage.after(2.0)
    stage.say("/pitch", 1, 3100)
    assert stage.store.get("/layer/1/curve") == 0.25


def test_an_echo_of_feedback_does_not_loop(stage: Stage) -> None:
    stage.add("osc /on", "/layer/1/mute")
    stage.add("osc /fader", "/layer/1/curve", takeover=0)
    stage.add("midi 1 cc 7", "/layer/2/curve", takeover=0)
    stage.add("midi 1 cc14 8", "/layer/3/curve", takeover=0)
    stage.add("midi 1 nrpn 300", "/layer/3/curve", takeover=0)
    stage.store.set("/layer/2/curve", 0.5)
    stage.follow()
    for number in (1, 3):
        stage.store.set(f"/layer/{number}/curve", 1 / 3, by="page")
    told = []
    for _ in range(100):
        heard = stage.after(INTERVAL_S)
        told += heard
        for address, *values in heard:
            stage.say(address, *values)
    assert len(told) <= 2 + 2 + 4, "a fader (what comes back is of 32 bits), a pair and an NRPN"


def test_a_light_is_sent_at_once_and_again_when_its_button_is_released(stage: Stage) -> None:
    stage.add("midi 1 note 36", "/layer/1/mute")
    stage.follow()
    stage.say("/note", 1, 36, 100)
    assert stage.after(INTERVAL_S) == [("/note", 1, 36, 127)]
    stage.say("/note", 1, 36, 0)  # many devices switch the light off themselves
    assert stage.after(INTERVAL_S) == [("/note", 1, 36, 127)]
    stage.add("midi 1 cc 32", "/layer/2/mute")
    stage.say("/control", 1, 32, 127)
    assert stage.after(INTERVAL_S) == [("/control", 1, 32, 127)]


def test_the_ring_of_an_encoder_follows_its_turns_as_an_absolute_value(stage: Stage) -> None:
    stage.add("midi 1 cc 0", "/layer/1/curve", mode="offset")
    assert stage.follow() == [("/control", 1, 0, 0)]
    for _ in range(10):
        stage.say("/control", 1, 0, 65)
    assert stage.after(INTERVAL_S) == [("/control", 1, 0, 10)]


def test_lights_and_rings_are_sent_values_in_the_range_of_their_device(stage: Stage) -> None:
    """X-Touch Compact, "RX MIDI data": velocity 1 is on, 3 to 127 are ignored; rings have other controllers, 1 to 13.
    Mackie Control: ring 1 is controller 48, 0x21 to 0x2B are bars (TouchMCU's mackie_control_protocol.md)."""
    stage.add("midi 1 note 16", "/layer/1/mute", in_high=1)
    stage.add("midi 1 cc 26", "/layer/1/curve", in_low=1, in_high=13)
    stage.add("midi 1 cc 48", "/layer/1/curve", in_low=0x21, in_high=0x2B)
    stage.add("midi 1 cc 49", "/layer/1/curve", invert=1)
    rings = [("/control", 1, number, at) for number, at in ((26, 1), (48, 0x21), (49, 127))]
    assert stage.follow() == [("/note", 1, 16, 0), *rings]
    stage.say("/note", 1, 16, 127)
    stage.store.set("/layer/1/curve", 1.0)
    assert stage.store.get("/layer/1/mute") is True
    told = stage.after(INTERVAL_S)
    rings = [("/control", 1, number, at) for number, at in ((26, 13), (48, 0x2B), (49, 0))]
    assert sorted(told) == [*rings, ("/note", 1, 16, 1)]


def test_osc_controls_get_their_value_at_their_own_address(stage: Stage) -> None:
    stage.add("osc /1/fader3", "/layer/1/curve", takeover=0)
    stage.add("osc /3/xy", "/layer/1/ratio", low=1, high=16)
    stage.add("osc /3/xy 1", "/layer/2/curve")
    stage.add("osc /4/xy 1", "/layer/2/curve")  # the first argument is not mapped
    stage.add("osc /5/*/on", "/layer/3/mute")  # a pattern is not an address to send to
    stage.store.set("/layer/1/ratio", 4.0)
    stage.store.set("/layer/2/curve", 0.25)
    assert stage.follow("osc") == [("/1/fader3", 0.0), ("/3/xy", 0.5, 0.25)]
    stage.say("/1/fader3", 0.75)
    assert stage.after(REST_S - INTERVAL_S) == []
    stage.store.set("/layer/1/curve", 0.5, by="page")
    assert stage.after(3 * INTERVAL_S) == [("/1/fader3", 0.5)]


def test_an_osc_trigger_is_not_fired_by_its_own_feedback(stage: Stage) -> None:
    """Muting a layer on the page must not clear a layer of Resolume, or stop all of them."""
    stage.say("/map/load", "resolume")
    stage.take()
    stage.follow("osc")
    stage.after(1.0)
    stage.store.set("/layer/1/mute", True, by="page")
    assert stage.after(1.0) == [("/composition/layers/1/bypassed", 1.0)]
    stage.say("/map/clear")
    stage.add("osc /pad/1", "/layer/2/mute", mode="trigger", feedback=1)
    stage.store.set("/layer/2/mute", True, by="page")
    assert ("/pad/1", 1.0) in stage.after(1.0)


def test_each_form_covers_the_controls_that_its_program_supports(stage: Stage) -> None:
    stage.add("midi 1 cc 7 nano:0", "/layer/1/curve")
    stage.add("osc /1/fader3", "/layer/2/curve")
    stage.add("midi 1 cc 8", "/layer/1/curve", feedback=0)  # switched off
    stage.store.set("/layer/2/curve", 0.0)
    assert stage.follow() == [("/control", 1, 7, 0), ("/1/fader3", 0.0)]
    assert stage.follow("o2m") == [("/nano/control_change", 1, 7, 0)]
    assert [address for address, _ in stage.follow("midi")] == ["/midi"]
    assert stage.follow("osc") == [("/1/fader3", 0.0)]


def test_another_port_gets_feedback_and_a_mistake_is_answered(stage: Stage, reports: Any) -> None:
    stage.add("midi 1 cc 7", "/layer/1/curve")
    assert stage.follow(57200, "o2m") == []
    (message,) = stage.peer.others[57200].take()
    assert (message.address, *message.args) == ("/*/control_change", 1, 7, 0)
    for wrong in ((), ("on",), (1, 0), (1, "mackie"), (1, 9000, "o2m", 1), (1, 70000)):
        stage.say("/map/feedback", *wrong)
        (answer,) = stage.take()
        assert answer[:2] == ("/fail", "/map/feedback")
        assert "takes 1 or 0, optionally the port 1..65535" in answer[2]
    assert "/map/feedback: takes 1 or 0" in reports.lines[-1][1]


def test_feedback_for_many_controls_is_sent_in_portions_with_backpressure(stage: Stage) -> None:
    for number in range(40):
        stage.add(f"midi 1 cc {number}", "/layer/1/curve")
    assert len(stage.follow()) == MAX_PACKETS_A_TURN
    assert len(stage.after(INTERVAL_S)) == MAX_PACKETS_A_TURN
    assert len(stage.after(1.0)) == 40 - 2 * MAX_PACKETS_A_TURN
    stage.busy.add(stage.peer.name)
    for value in (0.1, 0.9, 0.5):
        stage.store.set("/layer/1/curve", value)
        assert stage.after(INTERVAL_S) == []
    stage.busy.clear()
    assert {told[3] for told in stage.after(1.0)} == {64}, "the newest value alone"


def test_the_oldest_subscription_is_removed_when_there_are_too_many_and_a_configured_one_last(
    stage: Stage, reports: Any
) -> None:
    """It is subscribed once, at the start, and would never subscribe again."""
    stage.add("midi 1 cc 7", "/layer/1/curve")
    stage.feedback.subscribe(stage.peer.sender(), "stage", is_kept=True)
    stage.say("/map/feedback", 1)  # it may also subscribe itself
    for port in range(MAX_SUBSCRIBERS):
        stage.say("/map/feedback", 1, 6000 + port)
    assert [key for key, _ in reports.lines] == ["map.feedback"]
    assert "6000, the oldest, is removed" in reports.lines[0][1]
    stage.after(1.0)
    stage.store.set("/layer/1/curve", 1.0)
    assert stage.after(1.0) == [("/control", 1, 7, 127)]
