"""MIDI learn: detection of the control that was moved."""

import pytest

from engine.params.mapping.controls import Control, MidiEvent, Movement, control_of
from engine.params.mapping.learner import ALL_ALONG, REST_S, Learned, Learner
from engine.params.mapping.movement_reader import MovementReader
from osc_schema import Rejected


class Controller:
    """A learner and a clock; `hear` is a movement after 10 ms, `cc` a controller's message after 2
    ms."""

    def __init__(self) -> None:
        self.learner = Learner()
        self.movements = MovementReader()
        self.now_s = 100.0

    def hear(self, name: str, *values: float) -> str:
        """The control learned while it sent `values`; "" for none."""
        for value in values:
            self.now_s += 0.01
            learned = self.learner.process(Movement(control_of(name), float(value)), self.now_s)
            if learned is not None:
                return learned.control.name
        return ""

    def cc(self, *messages: tuple[int, int]) -> Learned | None:
        """The control that is learned first while these controllers send these values."""
        for number, value in messages:
            self.now_s += 0.002
            event = MidiEvent(kind="cc", channel=1, number=number, value=value)
            for movement in self.movements.of_midi(event, self.now_s):
                if learned := self.learner.process(movement, self.now_s):
                    return learned
        return None


@pytest.fixture
def device() -> Controller:
    return Controller()


def test_a_control_is_learned_by_a_clear_movement(device: Controller) -> None:
    for before, messages in [
        ((), (("midi 1 cc 7", (64, 64, 64, 64), ""), ("midi 1 cc 7", (65,), "midi 1 cc 7"))),
        ((10,), (("midi 1 cc 7", (11,), ""),)),
        ((10,), (("midi 1 cc 7", (100,), "midi 1 cc 7"),)),
        ((1, 2, 3), (("midi 1 cc 7", (3, 4), "midi 1 cc 7"),)),
        ((), (("midi 1 note 60", (0,), ""), ("midi 1 note 61", (1,), "midi 1 note 61"))),
        ((), (("osc /1/fader1", (0.5,) * 100, ""),)),
        (
            (),
            (
                ("osc /sensor", (0.5, 0.501, 0.499, 0.5, 0.503), ""),
                ("osc /f", (0.5, 0.52), "osc /f"),
            ),
        ),
        ((), (("osc /hz", (500.0, 501.0, 499.0), ""),)),
        (
            (),
            (
                ("osc /xy 1", (0.1,), ""),
                ("osc /xy", (0.1, 0.1), ""),
                ("osc /xy 1", (0.4,), "osc /xy 1"),
            ),
        ),
    ]:
        device.hear("midi 1 cc 7", *before)
        device.learner.begin()
        for name, values, learned in messages:
            assert device.hear(name, *values) == learned, before


def test_a_motor_fader_is_learned_and_not_its_touch_note(device: Controller) -> None:
    """Mackie Control: notes 104 to 112, then pitch bend (TouchMCU's mackie_control_protocol.md,
    "Fader")."""
    device.learner.begin()
    assert device.hear("midi 1 note 104", 127) == ""
    assert device.hear("midi 1 bend", 8000, 8200) == "midi 1 bend"
    device.learner.begin()
    assert device.hear("midi 1 note 104", 0) == "", "released after the previous learning"
    assert [device.hear("midi 1 note 104", value) for value in (127, 0)] == ["", "midi 1 note 104"]
    device.learner.begin(may_turn=False)
    assert device.hear("midi 1 note 104", 127) == "midi 1 note 104", "a switch is for a button"


def test_a_control_that_moves_all_the_time_is_ignored_until_it_rests(device: Controller) -> None:
    device.hear("osc /clip/position", *[n / 100 for n in range(ALL_ALONG + 1)])
    device.learner.begin()
    assert device.hear("osc /clip/position", 0.5, 0.6, 0.7) == ""
    assert device.hear("osc /1/fader1", 0.1, 0.9) == "osc /1/fader1"
    device.now_s += REST_S
    assert device.hear("osc /clip/position", 0.1, 0.3) == "osc /clip/position"


def test_a_message_without_a_value_is_learned_at_once_but_not_a_heartbeat(
    device: Controller,
) -> None:
    beat, press = control_of("osc /alive"), control_of("osc /go")
    for _ in range(ALL_ALONG):
        device.now_s += 0.1
        device.learner.process(Movement(beat, 1.0, is_bang=True), device.now_s)
    device.learner.begin()
    assert device.learner.process(Movement(beat, 1.0, is_bang=True), device.now_s + 0.1) is None
    assert device.learner.process(
        Movement(press, 1.0, is_bang=True), device.now_s + 0.2
    ) == Learned(press)


def test_a_control_is_parsed_from_its_own_name_and_an_invalid_one_rejected_in_one_line() -> None:
    for name in [
        "osc /1/fader3",
        "osc /3/xy 1",
        "midi 1 cc 7",
        "midi 16 cc14 31 nano:0",
        "midi 1 nrpn 16383 nano:0",
        "midi 10 note 127",
        "midi 2 pressure nano:0",
    ]:
        assert control_of(name).name == name, name
        assert isinstance(control_of(name), Control), name
    for name in [
        "",
        "osc fader",
        "osc /a b",
        "osc /a 64",
        "midi 17 cc 7",
        "midi 1 cc14 32",
        "midi 1 nrpn 16384",
        "midi 1 note x",
        "midi 1 bend a b",
        "midi 1 cc 7.5",
        "midi ¹ cc 7",
        "o" * 300,
    ]:
        with pytest.raises(Rejected) as refused:
            control_of(name)
        assert str(refused.value).startswith("control "), name
        assert "\n" not in str(refused.value), name


NRPN = "midi 1 nrpn 300"
# how devices send an NRPN: Yoshimi's Using_NRPNs.txt, Open Stage Control's rpn.py, JUCE's
# MidiRPNDetector
ORDERS = {
    "MIDI 1.0": (99, 98, 6, 38),
    "number's fine half first": (98, 99, 6, 38),
    "value's fine half first": (99, 98, 38, 6),
    "seven bits": (99, 98, 6),
    "seven bits, fine half first": (98, 99, 6),
}


def nrpn(order: tuple[int, ...], number: int, value: int) -> list[tuple[int, int]]:
    """Controllers and values that select an NRPN and set it, in this order of controllers."""
    halves = {99: number >> 7, 98: number & 127, 6: value >> 7, 38: value & 127}
    return [(controller, halves[controller]) for controller in order]


def pairs(*positions: int, fine_first: bool = False) -> list[tuple[int, int]]:
    """Controllers and values that send these positions, 0..16383, as pairs of 7 and 39."""
    halves = [[(7, at >> 7), (39, at & 127)] for at in positions]
    return [half for pair in halves for half in (reversed(pair) if fine_first else pair)]


KNOB = range(20, 120, 10)
Messages = list[tuple[int, int]]


@pytest.mark.parametrize(
    ("before", "messages", "learned"),
    [
        ([], pairs(8000, 8100, 8200), "midi 1 cc14 7"),
        ([], pairs(8000, 8100, 8200, fine_first=True), "midi 1 cc14 7"),
        (pairs(0, 1), [(7, 100), (39, 5), (7, 101)], "midi 1 cc14 7"),  # not its coarse half
        *(
            # Another one before: its number is not mistaken for a knob on 98 or 99.
            (
                nrpn(order, 1000, 9000),
                [half for at in (3000, 3500, 4000) for half in nrpn(order, 300, at)],
                NRPN,
            )
            for order in ORDERS.values()
        ),
        (
            nrpn((99, 98, 6, 38), 300, 3000),
            [(6, 24), (38, 1), (6, 25)],
            NRPN,
        ),  # without being selected again
        ([], [(99, 2), (98, 44), (97, 0)], NRPN),  # an increment
        (
            [(99, 2), (98, 44), (6, 64), (99, 127), (98, 127)],
            [(6, 64), (6, 90), (6, 100)],
            "midi 1 cc 6",
        ),
        (
            [],
            [half for at in (0, 40, 80, 120) for half in ((101, 0), (100, 0), (6, at), (38, 0))],
            None,
        ),  # an RPN
        # A keyboard has set the range of its bend when it was switched on.
        ([(101, 0), (100, 0), (6, 2), (38, 0)], [(6, at) for at in KNOB], "midi 1 cc 6"),
        *(
            [[], [(number, at) for at in KNOB], f"midi 1 cc {number}"]
            for number in (6, 38, 96, 97, 98, 99, 100, 101)
        ),
    ],
)
def test_controllers_that_belong_together_are_learned_as_one(
    device: Controller, before: Messages, messages: Messages, learned: str | None
) -> None:
    device.cc(*before)
    device.now_s += 1.0
    device.learner.begin()
    result = device.cc(*messages)
    assert (result and result.control.name) == learned


def test_an_encoder_is_detected_by_its_values_and_a_fader_in_their_range_is_a_fader() -> None:
    """By the tables of Ableton Live's manual, "Mapping to Relative MIDI Controllers"."""
    for values, mode in [
        ((1, 1, 1, 127), "twos"),
        ((1, 1, 2, 1, 65), "sign"),  # Mackie's V-Pots
        ((65, 65, 66, 65, 63), "offset"),
        ((65, 65, 1), "sign"),
        ((65,) * 12, "offset"),
        ((65,) * 11, ""),
        ((127, 1, 127), "twos"),
        ((65, 63, 65), "offset"),
        *(
            (values, None)
            for values in ((1, 2, 3), (2, 1, 0), (127, 126, 125), (66, 65, 64), (62, 63, 64))
        ),
        *((values, None) for values in ((1, 20), (127, 100), (64, 64, 65), (0, 127))),
    ]:
        device = Controller()
        device.learner.begin()
        learned = device.cc(*((70, value) for value in values))
        assert (learned.mode if learned else "") == mode, values


@pytest.mark.parametrize(
    ("mode", "right", "left"), [("twos", 1, 16383), ("offset", 8193, 8191), ("sign", 1, 8193)]
)
@pytest.mark.parametrize("kind", ["cc14", "nrpn"])
def test_an_encoder_of_14_bits_is_recognised(
    device: Controller, kind: str, mode: str, right: int, left: int
) -> None:
    device.learner.begin()
    for value in (right, right, right, left):
        device.now_s += 0.1
        learned = device.cc(
            *(nrpn((99, 98, 6, 38), 300, value) if kind == "nrpn" else pairs(value))
        )
        assert (learned is not None) == (value == left)
    assert learned is not None and (learned.control.kind, learned.mode) == (kind, mode)
