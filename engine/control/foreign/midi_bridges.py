"""MIDI in OSC, in the form of the bridges: reads messages, and writes those that set a control's
light. Pure.

Received, by address and arguments:

Open Stage Control
    `/control`, `/note`, `/program`, `/pitch`, `/channel_pressure`: channel 1..16, then the data
    with its option `rpn`: `/nrpn`: channel, number 0..16383, value 0..16383
    MIDI timecode: `/mtc`: `hh:mm:ss:ff` (every second frame, without the rate)
    with MTC off and SysEx on: `/sysex`: a full frame message as hex digits
Sonic Pi from 3.3 on
    `/midi:<device>:<port>:<channel>/control_change`, `/midi:<device>:<port>/clock`: data
osmid, Sonic Pi before
    `/midi/<device>/<port>/<channel>/control_change`, `/midi/<device>/<port>/clock`: data
    osmid with a template: `/midi/<channel>/control_change`: data
    MIDI timecode: `.../MTC`, `.../mtc`, `.../syscommon_MTC`, `.../sysex`: data, or one blob
patches of one's own
    `/mtc`: the data byte of a quarter frame
    `/mtc`: `hh:mm:ss:ff` and 24, 25 or 30: the frame that begins
anything
    any address: one `m`: port, status, data 1, data 2

A bend is one number of 14 bits. Numbers may be floats: Open Stage Control sends floats by default.
Sources: Open Stage Control's manual ("MIDI messages") and its mtc.py, osmid's midiinprocessor.cpp,
Sonic Pi's tutorial 11.1, and MIDI 1.0.

Sent, to set a control's light, ring or motor:

`stage`, taken by Open Stage Control
    `/control` channel, number, value; `/note`, `/pitch`, `/channel_pressure`
`o2m`, taken by osmid's o2m
    `/<device>/control_change` channel, number, value; `note_on`, `pitch_bend`, `channel_pressure`
`midi`, taken by programs that read OSC's own MIDI type
    `/midi`, one `m`: port 0, status, data 1, data 2

Open Stage Control needs a custom module that passes them on.

Sources: Open Stage Control's `main.py` (`send_midi`; `/control` is taken with and without its
option `rpn`), osmid's `oscinprocessor.cpp`: whole numbers only, a device as its `safeOscString`
writes it and `*` for all of them. A note with velocity 0 switches a light off in all three forms.
"""

from collections.abc import Sequence
from typing import Final, Literal

from engine.osc.decode import Message, Midi
from engine.osc.encode import encode_message, encode_reply
from engine.params.mapping.controls import FIRST_FINE, MAX_VALUES, Control, MidiEvent, MidiKind
from engine.params.mapping.nrpn import DATA_COARSE, DATA_FINE, NRPN_COARSE, NRPN_FINE
from engine.params.mtc import text_rate
from engine.params.timecode import parse_label

_Event = MidiKind | Literal["note_off", "rpn"]

_OPEN_STAGE_CONTROL: Final[dict[str, tuple[_Event, int]]] = {
    "/note": ("note", 2),
    "/note_off": ("note_off", 2),
    "/control": ("cc", 2),
    "/program": ("program", 1),
    "/pitch": ("bend", 1),
    "/channel_pressure": ("pressure", 1),
    "/key_pressure": ("other", 2),
    "/nrpn": ("nrpn", 2),
    "/rpn": ("rpn", 2),
}
_TYPES: Final[dict[str, tuple[_Event, int]]] = {
    "note_on": ("note", 2),
    "note_off": ("note_off", 2),
    "control_change": ("cc", 2),
    "program_change": ("program", 1),
    "pitch_bend": ("bend", 1),
    "channel_pressure": ("pressure", 1),
    "polyphonic_key_pressure": ("other", 2),
    "poly_pressure": ("other", 2),
}
_WITHOUT_CHANNEL: Final[dict[str, MidiKind]] = {
    "clock": "clock", "start": "start", "continue": "continue", "stop": "stop",
    "song_position": "other", "song_select": "other", "tune_request": "other",
    "active_sensing": "other",
    "reset": "other", "syscommon_undefined": "other", "sysrt_undefined": "other",
    "unknown_message": "other",
    "heartbeat": "other",
}  # fmt: skip
_TIMECODE: Final = {"mtc": "mtc", "MTC": "mtc", "syscommon_MTC": "mtc", "sysex": "sysex"}
_FULL_FRAME: Final = (0x01, 0x01)  # sub-IDs of a full frame, after F0 7F and the device
_CHANNEL_STATUS: Final[dict[int, _Event]] = {
    0x80: "note_off",
    0x90: "note",
    0xA0: "other",
    0xB0: "cc",
    0xC0: "program",
    0xD0: "pressure",
    0xE0: "bend",
}
SYSTEM_STATUS: Final[dict[int, MidiKind]] = {
    0xF8: "clock",
    0xFA: "start",
    0xFB: "continue",
    0xFC: "stop",
}
PORT_FORM: Final = "port"
"""The form for a port of the engine: bytes of MIDI instead of OSC."""
_STAGE_CONTROL: Final = {
    "cc": "/control",
    "note": "/note",
    "bend": "/pitch",
    "pressure": "/channel_pressure",
}
_O2M: Final = {
    "cc": "control_change",
    "note": "note_on",
    "bend": "pitch_bend",
    "pressure": "channel_pressure",
}
_STATUS: Final = {"cc": 0xB0, "note": 0x90, "bend": 0xE0, "pressure": 0xD0}


def read_midi(message: Message) -> MidiEvent | None:
    """The MIDI message in an OSC message, or None if it is not MIDI or not in the form that its
    bridge sends."""
    address, args, _ = message
    if len(args) == 1 and isinstance(args[0], Midi):
        return _of_bytes(args[0])
    known = _OPEN_STAGE_CONTROL.get(address)
    if known is not None:
        numbers = _numbers(args)
        return (
            _channel_event(known[0], numbers[0], numbers[1:], "")
            if len(numbers) == known[1] + 1
            else None
        )
    if address in ("/mtc", "/sysex"):
        return timecode_event(address[1:], args, "")
    if address.startswith(("/midi:", "/midi/")):
        return _of_named(address, args)
    return None


def _of_named(address: str, args: tuple[object, ...]) -> MidiEvent | None:
    """Read an address from Sonic Pi or osmid: device, channel and, as the last part, the kind of
    event."""
    device_path, _, what = address[6:].rpartition("/")
    if what in _TIMECODE:
        return timecode_event(_TIMECODE[what], args, _device(device_path))
    if what in _WITHOUT_CHANNEL:
        return MidiEvent(kind=_WITHOUT_CHANNEL[what], device=_device(device_path))
    known = _TYPES.get(what)
    numbers = _numbers(args)
    device, _, channel = device_path.rpartition("/" if address[5] == "/" else ":")
    is_channel = channel.isascii() and channel.isdecimal() and len(channel) < 3
    if known is None or len(numbers) != known[1] or not is_channel:
        return None
    return _channel_event(known[0], int(channel), numbers, _device(device))


def _device(path: str) -> str:
    """The device's name without blanks, `nanokey2:0`, the same for both programs."""
    return "_".join(path.replace("/", ":").split())


def _of_bytes(midi: Midi) -> MidiEvent:
    """Read an `m` argument. Bit 7 of a data byte is never set in MIDI and is ignored."""
    if midi.status == 0xF1:
        return MidiEvent(kind="mtc", value=midi.data1 & 0x7F)
    if midi.status >= 0xF0 or midi.status < 0x80:
        return MidiEvent(kind=SYSTEM_STATUS.get(midi.status, "other"))
    kind = _CHANNEL_STATUS[midi.status & 0xF0]
    first, second = midi.data1 & 0x7F, midi.data2 & 0x7F
    data = (
        [second << 7 | first]
        if kind == "bend"
        else [first]
        if kind in ("program", "pressure")
        else [first, second]
    )
    event = _channel_event(kind, (midi.status & 0x0F) + 1, data, "")
    assert event is not None  # seven bits are always in range
    return event


def timecode_event(what: str, args: tuple[object, ...], device: str) -> MidiEvent | None:
    """Read a quarter frame (`mtc`) or a system exclusive message (`sysex`); None if it is not in a
    known form."""
    if what == "mtc" and len(args) == 1 and isinstance(args[0], str):
        label = parse_label(args[0])
        return (
            None if label is None else MidiEvent(kind="mtc_text", value=_pack(label), device=device)
        )
    if what == "mtc" and len(args) == 2 and isinstance(args[0], str):
        label = parse_label(args[0])
        rate = text_rate(args[1])
        return (
            MidiEvent(kind="mtc_text", value=_pack(label) | rate, device=device)
            if label and rate
            else None
        )
    data = _bytes(args)
    if what == "mtc":
        data = data[1:] if data[:1] == [0xF1] else data
        return (
            MidiEvent(kind="mtc", value=data[0], device=device)
            if len(data) == 1 and data[0] < 0x80
            else None
        )
    data = data[1:] if data[:1] == [0xF0] else data
    data = data[:-1] if data[-1:] == [0xF7] else data
    if len(data) == 8 and data[0] == 0x7F and tuple(data[2:4]) == _FULL_FRAME and max(data) < 0x80:
        return MidiEvent(kind="mtc_full", value=_pack(data[4:]), device=device)
    return MidiEvent(kind="other", device=device) if data else None


def _bytes(args: tuple[object, ...]) -> list[int]:
    """The bytes of a message: one blob, hex digits, or numbers (after the port and its name in an
    early osmid)."""
    if len(args) == 1 and isinstance(args[0], bytes):
        return list(args[0])
    if len(args) == 1 and isinstance(args[0], str):
        try:
            return list(bytes.fromhex(args[0]))
        except ValueError:
            return []
    if len(args) > 2 and isinstance(args[1], str):
        return _bytes(args[2:])
    numbers = _numbers(args)
    return numbers if all(0 <= number < 256 for number in numbers) else []


def _pack(label: Sequence[int]) -> int:
    """Hours, minutes, seconds and frames of seven bits each, hours first."""
    hours, minutes, seconds, frames = label
    return hours << 21 | minutes << 14 | seconds << 7 | frames


def _channel_event(kind: _Event, channel: int, data: list[int], device: str) -> MidiEvent | None:
    largest = 16_383 if kind in ("bend", "nrpn", "rpn") else 127
    if not 1 <= channel <= 16 or not all(0 <= value <= largest for value in data):
        return None
    if kind == "note_off":
        return MidiEvent(kind="note", channel=channel, number=data[0], device=device)
    if kind == "rpn":
        return MidiEvent(
            kind="other", channel=channel, number=data[0], value=data[1], device=device
        )
    if kind in ("bend", "pressure"):
        return MidiEvent(kind=kind, channel=channel, value=data[0], device=device)
    value = data[1] if len(data) == 2 else 0
    return MidiEvent(kind=kind, channel=channel, number=data[0], value=value, device=device)


def _numbers(args: tuple[object, ...]) -> list[int]:
    """The arguments as whole numbers; empty if one of them is not a whole number."""
    numbers = [
        value for value in args if isinstance(value, int | float) and type(value) in (int, float)
    ]
    return [int(value) for value in numbers] if [value // 1 for value in numbers] == [*args] else []


MidiForm = Literal["stage", "o2m", "midi", "port"]


def midi_packets(control: Control, value: float, form: MidiForm) -> list[bytes]:
    """The OSC packets, for a port the MIDI messages, in sending order; `value` is in the control's
    own unit. Empty for a program change."""
    if control.kind not in MAX_VALUES or control.kind in ("osc", "program"):
        return []
    number = round(min(max(value, 0.0), MAX_VALUES[control.kind]))
    coarse = number >> 7
    fine = number & 0x7F
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
    has_number = kind in ("cc", "note")
    if form in ("midi", "port"):
        data = (
            (number, value)
            if has_number
            else (value & 0x7F, value >> 7)
            if kind == "bend"
            else (value, 0)
        )
        status = _STATUS[kind] | (control.channel - 1)
        if form == "port":
            return bytes((status, *data[: 1 if kind == "pressure" else 2]))
        return encode_message("/midi", (0, status, *data))
    values = (control.channel, number, value) if has_number else (control.channel, value)
    if form == "stage":
        return encode_reply(_STAGE_CONTROL[kind], *values)
    return encode_reply(f"/{_without_port(control.source)}/{_O2M[kind]}", *values)


def _without_port(device: str) -> str:
    """The device without the port number that m2o and Sonic Pi append: `nanokey2` of
    `nanokey2:0`."""
    name, _, port = device.rpartition(":")
    return (name if name and port.isdecimal() else device) or "*"
