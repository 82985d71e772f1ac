"""Builds the MIDI messages that set a control's light, ring or motor, as OSC for a bridge. Pure.

| form | a controller | taken by |
|---|---|---|
| `stage` | `/control` channel, number, value; `/note`, `/pitch`, `/channel_pressure` | Open Stage Control |
| `o2m` | `/<device>/control_change` channel, number, value; `note_on`, `pitch_bend`, `channel_pressure` | osmid's o2m |
| `midi` | `/midi`, one `m`: port 0, status, data 1, data 2 | programs that read OSC's own MIDI type |

Open Stage Control needs a custom module that passes them on.

Sources: Open Stage Control's `main.py` (`send_midi`; `/control` is taken with and without its option `rpn`), osmid's
`oscinprocessor.cpp`: whole numbers only, a device as its `safeOscString` writes it and `*` for all of them. A note with
velocity 0 switches a light off in all three forms.
"""

from typing import Final, Literal

from engine.osc import encode_message, encode_reply
from engine.params.mapping.controls import FIRST_FINE, MAX_VALUES, Control
from engine.params.mapping.nrpn import DATA_COARSE, DATA_FINE, NRPN_COARSE, NRPN_FINE

MidiForm = Literal["stage", "o2m", "midi"]

_STAGE: Final = {"cc": "/control", "note": "/note", "bend": "/pitch", "pressure": "/channel_pressure"}
_O2M: Final = {"cc": "control_change", "note": "note_on", "bend": "pitch_bend", "pressure": "channel_pressure"}
_STATUS: Final = {"cc": 0xB0, "note": 0x90, "bend": 0xE0, "pressure": 0xD0}


def midi_packets(control: Control, value: float, form: MidiForm) -> list[bytes]:
    """The OSC packets in sending order; `value` is in the control's own unit. Empty for a program change."""
    if control.kind not in MAX_VALUES or control.kind in ("osc", "program"):
        return []
    number = round(min(max(value, 0.0), MAX_VALUES[control.kind]))
    coarse, fine = number >> 7, number & 0x7F
    if control.kind == "cc14":
        data = [(control.number, coarse), (control.number + FIRST_FINE, fine)]
    elif control.kind == "nrpn":
        data = [
            (NRPN_COARSE, control.number >> 7),
            (NRPN_FINE, control.number & 0x7F),
            (DATA_COARSE, coarse),
            (DATA_FINE, fine),
        ]
    else:
        return [_packet(control.kind, control, control.number, number, form)]
    return [_packet("cc", control, controller, half, form) for controller, half in data]


def _packet(kind: str, control: Control, number: int, value: int, form: MidiForm) -> bytes:
    """One MIDI message."""
    has_number = kind in ("cc", "note")
    if form == "midi":
        data = (number, value) if has_number else (value & 0x7F, value >> 7) if kind == "bend" else (value, 0)
        return encode_message("/midi", (0, _STATUS[kind] | (control.channel - 1), *data))
    values = (control.channel, number, value) if has_number else (control.channel, value)
    if form == "stage":
        return encode_reply(_STAGE[kind], *values)
    return encode_reply(f"/{_device(control.place)}/{_O2M[kind]}", *values)


def _device(place: str) -> str:
    """The device without the port number that m2o and Sonic Pi append: `nanokey2` of `nanokey2:0`."""
    name, _, port = place.rpartition(":")
    return (name if name and port.isdecimal() else place) or "*"
