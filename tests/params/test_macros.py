"""Macros: one knob moves many parameters by range and curve; presets, fades and panic set them
themselves."""

from typing import Any

import pytest

from engine.control import CommandTable, Reply
from engine.control.commands.modulation import ModulationControl
from engine.errors import MultiverseError
from engine.params import ParamStore
from engine.params.macros import Macros, breathe, conditions, moves_of, spread
from osc_schema import Rejected
from tests.control.commands.show_rig import run_command

BLOOM, ANGLE, MUTE, MIRROR = "/post/bloom", "/layer/1/angle", "/layer/2/mute", "/mirror/segments"


class Knob:
    def __init__(self, reports: Any) -> None:
        self.store, self.table = ParamStore(), CommandTable()
        for address, check in conditions():
            self.store.add_condition(address, check)
        self.macros = Macros(self.store, reports)
        ModulationControl(self.store).add_commands(self.table)
        self.store.set("/macro/moves/1", f"{BLOOM} 0.2 1; {ANGLE} 90 0 1; {MUTE}; {MIRROR} 2 8")

    def turn(self, position: float, by: str = "udp") -> list[object]:
        self.store.set("/macro/1", position, by=by)
        self.macros.step(0.0)
        return [self.store.get(address) for address in (BLOOM, ANGLE, MUTE, MIRROR)]

    def say(self, address: str, *args: object) -> None:
        run_command(self.table, address, args, Reply(address, lambda packet: None))


@pytest.fixture
def knob(reports: Any) -> Knob:
    return Knob(reports)


def test_a_macro_moves_its_parameters_by_range_and_curve(knob: Knob) -> None:
    assert knob.turn(1.0) == pytest.approx([1.0, 0.0, True, 8])
    assert knob.turn(0.5) == pytest.approx([0.6, 90.0 * (1.0 - 0.5**4), True, 5])
    assert knob.turn(0.25) == pytest.approx([0.4, 90.0 * (1.0 - 0.25**4), False, 4])


def test_a_fader_moved_afterwards_wins_until_the_macro_moves_again(knob: Knob) -> None:
    knob.turn(1.0)
    knob.store.set(BLOOM, 0.33)
    knob.macros.step(0.0)
    assert knob.store.get(BLOOM) == pytest.approx(0.33)
    knob.store.set("/macro/1", 0.0)
    knob.store.set(BLOOM, 0.44, by="phone")
    knob.macros.step(0.0)  # the same frame shows both
    assert knob.store.get(BLOOM) == pytest.approx(0.44) and knob.store.get(ANGLE) == pytest.approx(
        90.0
    )
    assert knob.turn(0.5)[0] == pytest.approx(0.6)


def test_of_two_macros_in_one_group_the_later_one_wins(knob: Knob) -> None:
    knob.turn(0.1)
    knob.store.set("/macro/moves/2", f"{BLOOM} 0 1")
    for order, bloom in ((("/macro/2", "/macro/1"), 0.6), (("/macro/1", "/macro/2"), 0.5)):
        knob.store.set_many([(address, 0.0) for address in order], by="udp")
        knob.macros.step(0.0)
        knob.store.set_many([(address, 0.5) for address in order], by="udp")
        knob.macros.step(0.0)
        assert knob.store.get(BLOOM) == pytest.approx(bloom)


@pytest.mark.parametrize("by", ["preset Aurora", "fade", "resume", "panic"])
def test_a_look_that_brings_the_macro_brings_its_parameters_too(knob: Knob, by: str) -> None:
    before = knob.turn(0.0)
    assert knob.turn(1.0, by=by) == before


def test_modulation_moves_its_floats_for_a_frame_unless_a_route_does(knob: Knob) -> None:
    moved = {"/macro/1": 0.5, ANGLE: 12.0}
    spread(knob.store.snapshot(), moved)
    assert moved == pytest.approx({"/macro/1": 0.5, ANGLE: 12.0, BLOOM: 0.6})
    assert knob.store.get(BLOOM) != pytest.approx(0.6)


def test_moves_are_edited_one_by_one(knob: Knob) -> None:
    knob.say("/macro/remove", 1)
    knob.say("/macro/add", 1, "/layer/*/angle", 0, 45)
    knob.say("/macro/add", 1, BLOOM)
    knob.say("/macro/add", 1, "/layer/*/angle", 0.0, 60.0, -0.5)
    assert knob.store.get("/macro/moves/1") == f"{BLOOM}; /layer/*/angle 0 60 -0.5"
    knob.say("/macro/remove", 1, BLOOM)
    assert knob.store.get("/macro/moves/1") == "/layer/*/angle 0 60 -0.5"
    assert len(moves_of(str(knob.store.get("/macro/moves/1")))) == 4
    for args in (
        (9, BLOOM),
        (1,),
        (1, BLOOM, 1),
        (1, BLOOM, "a", "b"),
        (1, "/layer/1/nothing"),
        (1, "/master/fade"),
    ):
        with pytest.raises((MultiverseError, Rejected)):
            knob.say("/macro/add", *args)
    wrong = (f"{BLOOM} 0", f"{BLOOM} 0 one", f"{BLOOM} 0 inf", f"{BLOOM} 0 1 2")
    for moves in ("/nothing 0 1", "/macro/2", "/sd/prompt", *wrong):
        with pytest.raises(Rejected):
            knob.store.set("/macro/moves/1", moves)


@pytest.mark.parametrize("every", [4, 90], ids=["seldom", "every two seconds"])
def test_a_desk_that_fades_a_macro_and_one_of_its_parameters_shows_no_flicker(
    knob: Knob, every: int
) -> None:
    """The channels step at different rates, so most packets hold the macro alone."""
    values, rate_hz = [], 44.0
    for packet in range(every * 6):
        entries: list[tuple[str, object]] = [("/macro/1", 0.1 + packet / 1000)]
        if packet % every == 0:
            entries.append((BLOOM, 0.9 + packet / every / 1000))
        knob.store.set_many(entries, by="map sacn Desk")
        knob.macros.step(packet / rate_hz)
        values.append(knob.store.get(BLOOM))
    assert min(values[2 * every :]) > 0.85, "once two steps have shown how fast the fade is"
    assert every > rate_hz or min(values) > 0.85
    assert knob.store.get(ANGLE) != 0.0, "a value that the desk does not send itself"
    rested_s = (6 + 4) * every / rate_hz + 1.0
    knob.store.set("/macro/1", 0.5, by="map sacn Desk")
    knob.macros.step(rested_s)
    assert knob.store.get(BLOOM) == pytest.approx(0.6), "a macro that is moved alone, later"


def test_what_a_desk_has_left_for_a_minute_or_another_hand_has_moved_follows_the_macro_again(
    knob: Knob,
) -> None:
    for now_s, address, value, by, bloom in [
        (0.0, BLOOM, 0.3, "desk", 0.3),
        (60.0, BLOOM, 0.4, "desk", 0.4),
        (62.0, "/macro/1", 0.5, "desk", 0.6),
        (70.0, BLOOM, 0.9, "desk", 0.9),
        (70.1, "/macro/1", 0.25, "phone", 0.4),
        (70.2, "/macro/1", 0.5, "desk", 0.6),
    ]:
        knob.store.set(address, value, by=by)
        knob.macros.step(now_s)
        assert knob.store.get(BLOOM) == pytest.approx(bloom), now_s


def test_a_range_of_an_exponential_parameter_may_begin_at_0_and_refused_ranges_are_reported(
    knob: Knob, reports: Any
) -> None:
    def refuse(value: object) -> None:
        raise Rejected("/layer/2/mute: not in this run")

    knob.store.add_condition(MUTE, refuse)
    knob.store.set("/macro/moves/1", f"/layer/1/ratio 0 4; {MUTE}")
    knob.turn(0.5)
    assert (knob.store.get("/layer/1/ratio"), knob.store.get(MUTE)) == (2.0, False)
    assert reports.lines == [("macros/macro/1", "/macro/1: /layer/2/mute: not in this run")]


def test_a_breathing_macro_swings_its_parameters_around_where_they_are_and_one_at_its_end_rests(
    knob: Knob,
) -> None:
    knob.store.set_many(
        [("/macro/1", 0.5), ("/macro/2", 0.0), ("/macro/moves/2", "/layer/3/angle")], by="udp"
    )
    knob.store.set(BLOOM, 0.9, by="desk")  # off the macro's curve
    moved: list[dict[str, float]] = [{} for _ in range(32)]
    for beat in range(32):
        breathe(knob.store.snapshot(), moved[beat], 0.1, beat / 4.0)
    blooms = [each.get(BLOOM, 0.9) for each in moved]
    assert not any("/layer/3/angle" in each or MIRROR in each for each in moved)
    assert sum(blooms) / 32 == pytest.approx(0.9) and max(blooms) == pytest.approx(0.9 + 0.1 * 0.8)
