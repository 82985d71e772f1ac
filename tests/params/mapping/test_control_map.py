"""Mapped controls: the values that movements set."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import osc_schema
from engine.osc.decode import Message
from engine.params import ParamStore
from engine.params.mapping.built_in_maps import BUILT_IN, built_in, is_from
from engine.params.mapping.control_map import ControlMap, WildcardIndex
from engine.params.mapping.controls import MidiEvent, Movement, control_of
from engine.params.mapping.entry import make_entry
from engine.params.mapping.map_file import read_tables
from engine.params.mapping.movement_reader import MovementReader
from engine.params.mapping.policy import STEP, position_of, ticks, value_at


class Surface:
    """A map with a store, and a clock that advances 10 ms per movement."""

    def __init__(self, *entries: dict) -> None:
        self.store = ParamStore()
        self.store.set("/layer/1/curve", 0.0)
        self.map = ControlMap()
        self.movements = MovementReader()
        self.now_s = 0.0
        for entry in entries:
            self.map.add(make_entry(entry))

    def received(self, movements: list[Movement]) -> tuple[Message, ...] | None:
        self.now_s += 0.01
        messages = self.map.apply(movements, self.store.get, self.now_s)
        for message in messages or ():
            if osc_schema.lookup(message.address):
                self.store.set(message.address, message.args[0], by="map")
        return messages

    def move(self, name: str, *values: float) -> list[Message]:
        found = [self.received([Movement(control_of(name), float(value))]) for value in values]
        return [message for messages in found for message in messages or ()]

    def midi(
        self, kind: str, number: int, value: int = 0, device: str = ""
    ) -> tuple[Message, ...] | None:
        event = MidiEvent(kind=kind, channel=1, number=number, value=value, device=device)
        return self.received(self.movements.of_midi(event, self.now_s))

    def osc(self, address: str, *args: object) -> tuple[Message, ...] | None:
        return self.received(self.movements.of_osc(Message(address, args, "")))


FADER = {"control": "midi 1 cc 7", "target": "/layer/1/intensity", "takeover": False}


def test_a_fader_covers_the_range_of_its_entry() -> None:
    for control, target, more, moved, value in [
        ("midi 1 cc 7", "/layer/1/intensity", {}, 0, 0.0),
        ("midi 1 cc 7", "/layer/1/intensity", {}, 127, 1.5),
        ("midi 1 cc 7", "/layer/1/intensity", {"low": 1.0, "high": 0.25}, 127, 0.25),
        ("midi 1 cc 7", "/layer/1/intensity", {"low": 1.0, "high": 0.25, "invert": True}, 127, 1.0),
        (
            "osc /x",
            "/layer/1/ratio",
            {"low": 1, "high": 16},
            0.5,
            4.0,
        ),  # exponential: the geometric mean
        ("osc /x", "/layer/1/curve", {"curve": 2}, 0.0, 0.0),
        ("osc /x", "/layer/1/curve", {"curve": 2}, 0.5, 0.25),
        ("osc /x", "/layer/1/curve", {"curve": 2}, 1.0, 1.0),
        ("osc /db", "/layer/1/curve", {"in_low": -60, "in_high": 0}, -30.0, 0.5),
        ("osc /db", "/layer/1/curve", {"in_low": -60, "in_high": 0}, 12, 1.0),
        ("osc /x", "/layer/1/wrap", {}, 0.74, "repeat"),
        ("osc /x", "/multiverse/blend", {"high": "difference"}, 0.74, 1.48),
        ("osc /x", "/layer/2/mute", {}, 0.74, True),
        ("osc /x", "/sd/seed", {"low": 0, "high": 10}, 0.74, 7),
        ("midi 1 bend", "/layer/1/curve", {}, 8192, 0.5),  # released
        ("midi 1 bend", "/layer/1/curve", {}, 16383, 1.0),
    ]:
        surface = Surface({"control": control, "target": target, "takeover": False, **more})
        surface.move(control, moved)
        assert surface.store.get(target) == (
            pytest.approx(value, abs=1e-4) if type(value) is float else value
        ), value


def test_one_control_moves_several_parameters_and_its_device_is_optional() -> None:
    here = {"control": "midi 1 cc 7 nano:0", "target": "/layer/1/curve", "takeover": False}
    surface = Surface(FADER, here, {**FADER, "target": "/layer/2/intensity", "feedback": False})
    assert len(surface.midi("cc", 7, 127, device="nano:0") or ()) == 3
    assert len(surface.midi("cc", 7, 0, device="other:0") or ()) == 2
    assert surface.map.controls == {
        control_of("midi 1 cc 7"): True,
        control_of("midi 1 cc 7 nano:0"): True,
    }
    assert surface.store.get("/layer/1/curve") == 1.0
    assert surface.midi("cc", 8, 0) is None


# -- takeover --------------------------------------------------------------------------------------

CURVE_FADER = {"control": "midi 1 cc 7", "target": "/layer/1/curve"}


def test_a_fader_moves_nothing_until_it_passes_the_current_value_within_the_entrys_range() -> None:
    surface = Surface(CURVE_FADER)
    surface.store.set("/layer/1/curve", 0.5)
    assert surface.move("midi 1 cc 7", 0, 10, 40) == []
    assert surface.move("midi 1 cc 7", 100) != []
    assert surface.store.get("/layer/1/curve") == 100 / 127
    surface.store.set("/layer/1/curve", 0.1)
    assert surface.move("midi 1 cc 7", 101, 70, 40) == []
    assert surface.move("midi 1 cc 7", 10) != []
    surface.store.set("/layer/1/curve", 0.2)
    surface.move("midi 1 cc 7", 20, 120)
    surface.store.set("/layer/1/curve", 0.2)  # back to where it was picked up
    assert surface.move("midi 1 cc 7", 121) == []
    surface = Surface(CURVE_FADER)
    surface.store.set("/layer/1/curve", 0.5)
    assert surface.move("midi 1 cc 7", 64) != [], "less than a step away"
    assert (
        len(
            surface.received([Movement(control_of("midi 1 cc 7"), at) for at in (90.0, 120.0)])
            or ()
        )
        == 2
    )
    surface = Surface({**CURVE_FADER, "high": 0.5})
    surface.store.set("/layer/1/curve", 0.9)
    assert surface.move("midi 1 cc 7", 60, 100) == []
    assert surface.move("midi 1 cc 7", 127) == [Message("/layer/1/curve", (0.5,), "f")]


def test_a_fader_waits_for_three_seconds_after_its_last_movement_or_until_it_takes_over() -> None:
    surface = Surface(
        {"control": "midi 1 cc 7", "target": "/layer/1/curve", "low": 0.5, "takeover": True},
        {"control": "osc /x", "target": "/layer/1/ratio", "invert": True, "takeover": True},
        {"control": "midi 1 cc 9", "target": "/layer/2/curve", "takeover": False},
    )

    def waiting(later_s: float = 0.0) -> dict[str, float]:
        return surface.map.waiting(surface.now_s + later_s)

    surface.store.set("/layer/1/curve", 1.0)
    assert waiting() == {}
    surface.move("midi 1 cc 9", 30)
    assert waiting() == {}, "without takeover none waits"
    surface.move("midi 1 cc 7", 0)
    assert waiting() == {"/layer/1/curve": 0.5}, "on the range of the parameter, not of the entry"
    assert waiting(2.99) and not waiting(3.0)
    surface.now_s += 2.0
    surface.move("osc /x", 0.25)
    assert waiting() == {"/layer/1/curve": 0.5, "/layer/1/ratio": pytest.approx(0.75)}
    assert set(waiting(1.5)) == {"/layer/1/ratio"}
    surface.move("midi 1 cc 7", 127)
    assert set(waiting()) == {"/layer/1/ratio"}, "it has taken over"
    surface.map.clear()
    assert waiting() == {}


ways = st.fixed_dictionaries(
    {"target": st.sampled_from(["/layer/1/curve", "/layer/1/ratio", "/multiverse/window_ms"])},
    optional={"curve": st.floats(0.2, 5), "invert": st.booleans()},
)


@given(
    ways,
    st.lists(st.tuples(st.booleans(), st.integers(0, 127)), min_size=1, max_size=40),
    st.data(),
)
def test_no_movement_ever_makes_the_parameter_jump_further_than_the_control_moved(
    way: dict, steps: list[tuple[bool, int]], data: st.DataObject
) -> None:
    """After any sequence of movements and other changes. Once picked up, the fader holds until
    another change."""
    surface = Surface({"control": "midi 1 cc 7", **way})
    entry = surface.map.entry(1)
    param = entry.param
    was: float | None = None
    has_taken_over = False
    for is_move, number in steps:
        before = surface.store.get(entry.target)
        if not is_move:
            value = data.draw(st.floats(param.low, param.high))
            assume(value != before)
            surface.store.set(entry.target, value, by="page")
            has_taken_over = False
            continue
        sent = surface.move("midi 1 cc 7", number)
        at = 1 - number / 127 if entry.invert else number / 127
        stood = position_of(entry, before)
        if sent:
            assert abs(at - stood) <= max(STEP, abs(at - was) if was is not None else 0) + 1e-9
            has_taken_over = True
        if has_taken_over:
            assert surface.store.get(entry.target) == pytest.approx(value_at(entry, at))
        else:
            assert surface.store.get(entry.target) == before
        was = at


# -- encoders, buttons, programs -------------------------------------------------------------------


def test_an_encoder_moves_by_ticks_as_in_ableton_live_and_mackie_through_menus_and_angles() -> None:
    for mode, up, down in [("offset", 65, 63), ("twos", 1, 127), ("sign", 1, 65)]:
        surface = Surface({"control": "midi 1 cc 7", "target": "/layer/1/curve", "mode": mode})
        surface.store.set("/layer/1/curve", 0.5)
        surface.move("midi 1 cc 7", up, up)
        assert surface.store.get("/layer/1/curve") == pytest.approx(0.5 + 2 / 127), mode
        surface.move("midi 1 cc 7", down)
        assert surface.store.get("/layer/1/curve") == pytest.approx(0.5 + 1 / 127), mode
        surface.move("midi 1 cc 7", *[down] * 127)
        assert surface.store.get("/layer/1/curve") == 0.0, mode
    # Live's manual, "Mapping to Relative MIDI Controllers": the values for up and down. V-Pots:
    # 0x01, 0x41.
    up, down = range(1, 64), range(-1, -64, -1)
    assert [ticks("sign", value) for value in (*range(1, 64), *range(65, 128))] == [*up, *down]
    assert [ticks("twos", value) for value in (*range(1, 64), *range(127, 64, -1))] == [*up, *down]
    assert [ticks("offset", value) for value in (*range(65, 128), *range(63, 0, -1))] == [
        *up,
        *down,
    ]
    surface = Surface(
        {"control": "midi 1 cc 7", "target": "/layer/1/curve", "mode": "twos", "ticks": 24}
    )
    surface.move("midi 1 cc 7", *[1] * 12)
    assert surface.store.get("/layer/1/curve") == pytest.approx(0.5)
    surface = Surface(
        {"control": "midi 1 cc 1", "target": "/layer/1/wrap", "mode": "twos"},
        {"control": "midi 1 cc 2", "target": "/layer/1/angle", "mode": "twos"},
        {
            "control": "midi 1 cc 3",
            "target": "/layer/2/angle",
            "mode": "twos",
            "low": 0,
            "high": 90,
        },
    )
    surface.store.set("/layer/2/angle", 89.9)
    surface.move("midi 1 cc 3", 1)
    assert surface.store.get("/layer/2/angle") == 90.0, "a part of the circle ends"
    surface.move("midi 1 cc 1", 1)
    assert surface.store.get("/layer/1/wrap") == "repeat"
    surface.store.set("/layer/1/angle", 179.0)
    surface.move("midi 1 cc 2", 1)
    assert surface.store.get("/layer/1/angle") == pytest.approx(179 + 360 / 127 - 360)


@pytest.mark.parametrize(
    ("mode", "up", "down"), [("offset", 8194, 8190), ("twos", 2, 16382), ("sign", 2, 8194)]
)
@pytest.mark.parametrize("kind", ["cc14 7", "nrpn 300"])
def test_an_encoder_of_14_bits_counts_each_turn_once(
    kind: str, mode: str, up: int, down: int
) -> None:
    surface = Surface({"control": f"midi 1 {kind}", "target": "/layer/1/curve", "mode": mode})
    coarse, fine = (7, 39) if kind == "cc14 7" else (6, 38)

    def turn(value: int) -> float:
        surface.now_s += 0.2
        if kind != "cc14 7":
            surface.midi("cc", 99, 2), surface.midi("cc", 98, 44)
        surface.midi("cc", coarse, value >> 7), surface.midi("cc", fine, value & 127)
        return surface.store.get("/layer/1/curve")

    turn(up)  # the first one shows if there is a fine half
    surface.store.set("/layer/1/curve", 0.5)
    assert turn(up) == pytest.approx(0.5 + 2 / 127)
    assert turn(down) == pytest.approx(0.5)
    assert turn(down) == pytest.approx(0.5 - 2 / 127)


def test_buttons_toggle_fire_hold_and_move_numbers_between_their_ends() -> None:
    surface = Surface(
        {"control": "midi 1 note 36", "target": "/layer/1/mute"},
        {"control": "midi 1 note 37", "target": "/master/panic"},
    )
    for expected in (True, False, True):
        surface.midi("note", 36, 100)
        surface.midi("note", 36, 0)
        assert surface.store.get("/layer/1/mute") is expected
    assert surface.midi("note", 37, 1) == ()
    assert surface.midi("note", 37, 127) == (Message("/master/panic", (1,), "i"),)
    assert surface.midi("note", 37, 0) == ()
    surface = Surface(
        {"control": "midi 1 note 36", "target": "/master/blackout", "mode": "momentary"}
    )
    surface.midi("note", 36, 100)
    assert surface.store.get("/master/blackout") is True
    surface.midi("note", 36, 0)
    assert surface.store.get("/master/blackout") is False
    surface = Surface(
        {
            "control": "midi 1 cc 70",
            "target": "/layer/1/ratio",
            "mode": "toggle",
            "low": 1,
            "high": 4,
        },
        {"control": "midi 1 cc 71", "target": "/layer/1/wrap", "mode": "trigger", "high": "repeat"},
    )
    surface.move("midi 1 cc 70", 127, 0)
    assert surface.store.get("/layer/1/ratio") == 4
    surface.move("midi 1 cc 70", 127, 0)
    assert surface.store.get("/layer/1/ratio") == 1
    surface.store.set("/layer/1/ratio", 3)
    surface.move("midi 1 cc 70", 127, 0)
    assert surface.store.get("/layer/1/ratio") == 1, "it was nearer to 4"
    surface.move("midi 1 cc 71", 0, 127)
    assert surface.store.get("/layer/1/wrap") == "repeat"
    flash = {"target": "/preset/flash", "argument": "Night"}
    surface = Surface(*({"control": f"midi 1 {kind} 36", **flash} for kind in ("note", "cc")))
    # a key that was pulled out says no release
    for kind, sent in (("note", [1, 1, 0]), ("cc", [1, None, 0])):
        expected = [
            () if on is None else (Message("/preset/flash", ("Night", on), "si"),) for on in sent
        ]
        assert [surface.midi(kind, 36, value) for value in (100, 100, 0)] == expected
    entry = {"control": "osc /pad", "target": "/cue/go"}
    press = (Message("/cue/go", (), ""),)
    surface = Surface(entry)
    assert [surface.osc("/pad", value) for value in (1.0, 0.0, 1.0)] == [press, (), press]
    assert [surface.osc("/pad", 1) for _ in range(2)] == [press, press]
    assert [surface.osc("/pad") for _ in range(2)] == [press, press]
    faded = Surface(entry)
    assert [faded.osc("/pad", value) for value in (0.2, 0.6, 0.8, 1.0, 0.4)] == [
        (),
        press,
        (),
        (),
        (),
    ]


def test_programs_and_pairs_move_their_targets_and_a_clock_none() -> None:
    surface = Surface(
        {"control": "midi 1 program 5", "target": "/preset/load", "argument": "night"}
    )
    assert surface.midi("program", 5) == (Message("/preset/load", ("night",), "s"),)
    assert surface.midi("program", 6) is None
    surface = Surface({"control": "midi 1 cc14 7", "target": "/layer/1/curve", "takeover": False})
    surface.midi("cc", 7, 64)
    surface.midi("cc", 39, 5)
    assert surface.store.get("/layer/1/curve") == (64 * 128 + 5) / 16383
    assert surface.midi("clock", 0) is None
    surface = Surface({**FADER, "control": "osc /x"})
    assert [surface.osc("/x", value) for value in ("words", b"blob", math.nan, math.inf)] == [
        None
    ] * 4


# -- NRPNs: orders from Yoshimi's Using_NRPNs.txt, Open Stage Control's rpn.py, JUCE's
#    MidiRPNDetector

NRPN = {"control": "midi 1 nrpn 300", "target": "/layer/1/curve", "takeover": False}


def controllers(surface: Surface, *received: tuple[int, int]) -> float:
    """Send these controllers, and return the value of the parameter they are mapped to."""
    for number, value in received:
        surface.midi("cc", number, value)
    return surface.store.get("/layer/1/curve")


def test_a_nrpn_of_any_device_is_one_fader_or_encoder() -> None:
    for order in [(99, 98, 6, 38), (98, 99, 6, 38), (99, 98, 38, 6), (98, 99, 38, 6)]:
        surface = Surface(NRPN)
        for value in (9000, 9001, 8999, 16383, 0, 8192):
            halves = {99: 300 >> 7, 98: 300 & 127, 6: value >> 7, 38: value & 127}
            assert (
                controllers(surface, *((number, halves[number]) for number in order))
                == value / 16383
            ), order
    for more, start, received, value in [
        ({}, 0.0, ((6, 127),), 1.0),  # a device of 7 bits
        ({}, 0.0, ((6, 127), (6, 64)), 64 / 127),
        ({}, 0.5, ((6, 127), (6, 0)), 0.0),
        (
            {"mode": "offset"},
            0.5,
            ((6, 65), (6, 65), (6, 63)),
            0.5 + 1 / 127,
        ),  # an encoder of 7 bits
        ({"in_high": 127}, 0.0, ((38, 100), (38, 127)), 1.0),  # the fine half alone
        ({}, 0.5, ((96, 0), (96, 127)), 0.5 + 2 / 127),  # up, from where it is
        ({}, 0.5, ((96, 0), (96, 127), (97, 1)), 0.5 + 1 / 127),
    ]:
        surface = Surface({**NRPN, **more})
        surface.store.set("/layer/1/curve", start)
        assert controllers(surface, (99, 2), (98, 44), *received) == pytest.approx(value), value
    for number in [6, 38, 96, 97, 98, 99, 100, 101]:
        surface = Surface({**NRPN, "control": f"midi 1 cc {number}"})
        for value in (0, 127, 64):
            assert controllers(surface, (number, value)) == pytest.approx(value / 127), number


def test_an_nrpn_is_selected_once_by_each_device_and_no_rpn_is_taken_for_it() -> None:
    surface = Surface(
        NRPN, {"control": "midi 1 cc 6", "target": "/layer/2/curve", "takeover": False}
    )
    assert (
        controllers(surface, (99, 2), (98, 44), (6, 64), (38, 1), (38, 9)) == (64 * 128 + 9) / 16383
    )
    assert surface.store.get("/layer/2/curve") != 64 / 127, "here 6 is a part of it"
    assert controllers(surface, (98, 45), (6, 0)) == (64 * 128 + 9) / 16383, (
        "another one, with the same upper half"
    )
    assert controllers(surface, (98, 44), (6, 65), (38, 0)) == 65 * 128 / 16383
    surface = Surface({**NRPN, "control": "midi 1 nrpn 0"})
    assert controllers(surface, (99, 0), (98, 0), (6, 64), (38, 0)) == 8192 / 16383
    assert controllers(surface, (101, 0), (100, 0), (6, 2), (38, 0)) == 8192 / 16383
    assert controllers(surface, (96, 0)) == 8192 / 16383
    assert controllers(surface, (99, 0), (98, 0), (6, 0)) < 0.01
    surface = Surface({**NRPN, "control": "midi 1 nrpn 300 a:0"})
    for device, number, value in (
        ("a:0", 99, 2),
        ("b:0", 99, 7),
        ("a:0", 98, 44),
        ("b:0", 98, 1),
        ("b:0", 6, 127),
    ):
        surface.midi("cc", number, value, device)
    assert surface.store.get("/layer/1/curve") == 0.0
    surface.midi("cc", 6, 127, "a:0")
    assert surface.store.get("/layer/1/curve") == 1.0


def test_open_stage_control_sends_a_coarse_half_before_the_whole_nrpn() -> None:
    """`rpn.py`: a value with a fine half of 0 after controller 6, the whole after controller 38."""
    surface = Surface(NRPN)

    def sent(*values: int) -> float:
        for value in values:
            surface.midi("nrpn", 300, value)
        return surface.store.get("/layer/1/curve")

    assert sent(127 * 128) == 1.0, "a device of 7 bits"
    assert sent(64 * 128, 64 * 128 + 5) == (64 * 128 + 5) / 16383
    assert sent(63 * 128) == (63 * 128 + 127) / 16383, "no jump down by 128 in between"
    assert sent(63 * 128 + 127) == (63 * 128 + 127) / 16383
    assert sent(63 * 128, 63 * 128) == 63 * 128 / 16383


# -- built in ------------------------------------------------------------------------------------


def test_every_entry_of_a_built_in_map_can_be_used_also_for_other_layers() -> None:
    for name in list(BUILT_IN):
        loaded = read_tables(BUILT_IN[name])
        assert loaded.problems == (), name
        assert len({(entry.control, entry.target) for entry in loaded.entries}) == len(
            BUILT_IN[name]
        ), name
    for name in ["resolume:5", "Resolume:group2", "resolume:selected"]:
        loaded = read_tables(built_in(name))
        assert loaded.problems == (), name
        of_layers = [
            entry for entry in loaded.entries if entry.target.startswith(("/layer/1/", "/layer/4/"))
        ]
        assert of_layers and all(is_from("resolume", entry) for entry in of_layers), name


def test_resolume_moves_layers_the_crossfade_cues_and_the_tempo_and_a_playing_clip_its_layer() -> (
    None
):
    surface = Surface(*BUILT_IN["resolume"])
    surface.osc("/composition/layers/3/video/opacity", 0.25)
    surface.osc("/composition/crossfader/phase", 0.5)
    surface.osc("/composition/tempocontroller/tempo", (128 - 20) / 480)
    surface.osc("/composition/layers/2/clear", 1)
    assert surface.store.get("/layer/2/mute") is True
    surface.osc("/composition/layers/2/clips/40/connect", 1)
    assert surface.store.get("/layer/2/mute") is False
    surface.osc("/composition/layers/1/master", 0.75)
    assert surface.store.get("/layer/1/intensity") == 0.75
    assert surface.store.get("/layer/3/intensity") == 0.25
    assert surface.store.get("/layer/5/intensity") == 0.5
    assert math.isclose(surface.store.get("/tempo/bpm"), 128)
    assert surface.osc("/composition/columns/2/connect", 1) == (Message("/cue/2", (), ""),)
    assert surface.osc("/composition/layers/1/name", "x") is None
    # Empty, Disconnected, Previewing, Connected, Connected & previewing: ShowMeshSystems/showmesh,
    # docs/bench/resolume-control-surface.md, 4.3 and 6.3, and `args[0] > 2` in Chataigne modules
    # for Resolume.
    for state, is_playing in [(0, False), (1, False), (2, False), (3, True), (4, True)]:
        surface = Surface(*BUILT_IN["resolume"])
        surface.store.set("/layer/3/mute", True)
        surface.osc("/composition/layers/3/clips/12/connected", state)
        assert surface.store.get("/layer/3/mute") is not is_playing, state


# -- patterns ------------------------------------------------------------------------------------


def test_a_pattern_matches_one_part_and_each_address_has_its_own_state() -> None:
    surface = Surface(
        {"control": "osc /pad/*/pressed", "target": "/layer/1/mute", "mode": "toggle"},
        {"control": "osc /*/4/pressed", "target": "/layer/2/mute", "mode": "toggle"},
        {"control": "osc /pad/4/pressed", "target": "/layer/3/mute", "mode": "toggle"},
    )
    assert surface.osc("/pad/4/pressed", 1) is not None
    assert [surface.store.get(f"/layer/{n}/mute") for n in (1, 2, 3)] == [True, True, True]
    surface.osc("/pad/9/pressed", 1)
    assert [surface.store.get(f"/layer/{n}/mute") for n in (1, 2, 3)] == [False, True, True]
    for other in ("/pad/pressed", "/pad/4/5/pressed", "/pad/4/released", "/pad/4"):
        assert surface.osc(other, 1) is None
    # The stop of the old clip must not undo the start of the new one, in either order.
    surface = Surface(
        {
            "control": "osc /clip/*/state",
            "target": "/tempo/tap",
            "mode": "rise",
            "in_low": 2,
            "in_high": 4,
        }
    )
    sent = [(1, 3), (1, 3), (2, 3), (1, 1), (2, 3), (2, 1), (1, 3), (2, 3), (1, 4)]
    assert [bool(surface.osc(f"/clip/{clip}/state", state)) for clip, state in sent] == [
        True, False, True, False, False, False, True, True, False,
    ]  # fmt: skip
    # After learning during a show, a layer that was muted by hand stays muted.
    unmute = {
        "control": "osc /clip/*/state",
        "target": "/layer/1/mute",
        "mode": "rise",
        "in_high": 3,
        "high": False,
    }
    surface = Surface(unmute)
    surface.osc("/clip/1/state", 3)
    surface.store.set("/layer/1/mute", True)
    for number in (1, 2):
        surface.map.add(make_entry({"control": f"midi 1 cc {number}", "target": "/layer/1/curve"}))
    surface.osc("/clip/1/state", 3)
    assert surface.store.get("/layer/1/mute") is True
    surface.osc("/clip/1/state", 1)
    surface.osc("/clip/1/state", 3)
    assert surface.store.get("/layer/1/mute") is False


def test_thousands_of_addresses_evict_no_matched_one_and_fill_no_memory() -> None:
    index = WildcardIndex([(control_of("osc /a/*"), lambda control: object())])
    first = index.matches(control_of("osc /a/0"))
    for number in range(5000):
        index.matches(control_of(f"osc /b/{number}"))
    assert index.matches(control_of("osc /a/0")) is first, (
        "unmatched addresses do not evict matched ones"
    )
    for number in range(5000):
        index.matches(control_of(f"osc /a/{number}"))
    assert len(index._matched) <= 4096 and len(index._unmatched) <= 4096
