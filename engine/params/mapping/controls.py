"""Names of controls, and the movements received from them.

midi 1 cc 7                  controller 7 on channel 1, of any device
midi 1 cc 7 nanokey2:0       of one device, with the bridge's name of it
midi 1 cc14 7                the pair of controllers 7 and 39 as one fader of 14 bits
midi 1 nrpn 300              NRPN 300 (0..16383): controllers 99, 98, 6, 38 as one
midi 10 note 36, midi 1 program 5, midi 1 bend, midi 1 pressure
osc /1/fader3                the first argument of that address
osc /3/xy 1                  its second
"""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, cast

from osc_schema import Rejected

MidiKind = Literal[
    "note", "cc", "nrpn", "program", "bend", "pressure", "clock", "start", "continue", "stop",
    "mtc", "mtc_full",
    "mtc_text", "song_position", "other",
]  # fmt: skip
TIMECODE_KINDS: Final = ("mtc", "mtc_full", "mtc_text")
ControlKind = Literal["note", "cc", "cc14", "nrpn", "program", "bend", "pressure", "osc"]

MAX_VALUES: Final = {
    "note": 127,
    "cc": 127,
    "cc14": 16_383,
    "nrpn": 16_383,
    "program": 1,
    "bend": 16_383,
    "pressure": 127,
    "osc": 1,
}
"""The value of each kind of control at its upper end; the lower end is 0."""
NUMBERS: Final = {"note": 127, "cc": 127, "cc14": 31, "nrpn": 16_383, "program": 127}
"""Kinds that have a number, and its maximum."""
DMX: Final = "dmx"
"""First part of the addresses of lighting consoles: `/dmx/1/17`."""
MAX_ARGUMENTS = 64
MAX_CHARACTERS = 255
FIRST_FINE = 32
AFTER_FINE = 64
"""Controllers 0..31 are the coarse halves of pairs, 32..63 the fine halves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiEvent:
    """One MIDI message from any bridge."""

    kind: MidiKind
    channel: int = 0
    """1..16; 0 for a message without a channel."""
    number: int = 0
    """Note, controller or program, 0..127; an NRPN 0..16383."""
    value: int = 0
    """0..127; 0..16383 for bend and NRPN; 0 for a note off. MTC: the data byte of a quarter frame;
    for a full frame or a text hours, minutes, seconds and frames of seven bits each, hours first
    (bits 5 and 6 of a full frame's hours are the rate). A song position: sixteenth notes since the
    start."""
    device: str = ""
    """Name of the port, or given by the bridge; "" for none."""


class Control(NamedTuple):  # a tuple, because it is hashed for each message
    """A control of a device or program."""

    kind: ControlKind
    channel: int = 0
    number: int = 0
    """Note, controller, NRPN or program; for an OSC address the index of the argument."""
    source: str = ""
    """The OSC address, or the MIDI device; "" for any device."""

    @property
    def is_console(self) -> bool:
        """True for a channel of a lighting console."""
        return self.kind == "osc" and self.source.startswith(f"/{DMX}/")

    @property
    def name(self) -> str:
        if self.kind == "osc":
            return f"osc {self.source} {self.number}" if self.number else f"osc {self.source}"
        number = f" {self.number}" if self.kind in NUMBERS else ""
        device = f" {self.source}" if self.source else ""
        return f"midi {self.channel} {self.kind}{number}{device}"


class Movement(NamedTuple):
    """A value or a step received from a control."""

    control: Control
    value: float
    is_bang: bool = False
    """True if it has no value: a message without arguments, a program change."""
    steps: int = 0
    """A relative movement: an NRPN's increment (1) or decrement (-1); 0 for an absolute value."""
    bits: int = 7
    """Number of known bits of a cc, cc14 or nrpn: 7, 14, or 0 while its fine half is still to
    come."""
    part_of: Control | None = None
    """The control that this is a part of, or None; entries for that control have priority."""


def pair_of(control: Control) -> Control | None:
    """The 14-bit pair that a controller is a half of, or None."""
    if control.kind != "cc" or control.number >= AFTER_FINE:
        return None
    return control._replace(kind="cc14", number=control.number % FIRST_FINE)


def control_of(name: str) -> Control:
    """Parse the name of a control. Raises Rejected."""
    tokens = name.split() if len(name) <= MAX_CHARACTERS else []
    if tokens[:1] == ["osc"] and 2 <= len(tokens) <= 3 and tokens[1].startswith("/"):
        return Control(
            "osc",
            0,
            _number(name, tokens[2], MAX_ARGUMENTS - 1) if len(tokens) == 3 else 0,
            tokens[1],
        )
    if tokens[:1] == ["midi"] and len(tokens) >= 3:
        channel = _number(name, tokens[1], 16, 1)
        kind = tokens[2]
        rest = tokens[3:]
        if kind in MAX_VALUES and kind != "osc":
            number = _number(name, rest.pop(0), NUMBERS[kind]) if kind in NUMBERS and rest else None
            if len(rest) <= 1 and (number is None) == (kind not in NUMBERS):
                return Control(cast(ControlKind, kind), channel, number or 0, *rest)
    raise Rejected(
        f"control {_short(name)!r}: is neither `osc /ADDRESS [ARGUMENT]` nor `midi CHANNEL KIND "
        "NUMBER [DEVICE]` "
        f"with a kind of {', '.join(kind for kind in MAX_VALUES if kind != 'osc')} (bend and "
        "pressure have no number)"
    )


def _number(name: str, token: str, highest: int, lowest: int = 0) -> int:
    if token.isascii() and token.isdecimal() and len(token) < 6 and lowest <= int(token) <= highest:
        return int(token)
    raise Rejected(
        f"control {_short(name)!r}: {_short(token)!r} is not a whole number {lowest}..{highest}"
    )


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}..."
