"""MIDI messages as real bridges send them, and messages that only look like MIDI."""

from hypothesis import given
from hypothesis import strategies as st

from engine.control.foreign.midi_bridges import read_midi
from engine.osc.decode import Message, Midi, decode_packet
from engine.osc.encode import encode_message
from engine.params.mapping.controls import MidiEvent
from tests.support.mtc_signal import full_frame


def event_of(address: str, *args: object) -> MidiEvent | None:
    packet = decode_packet(encode_message(address, *args))
    assert isinstance(packet, Message)
    return read_midi(packet)


def event(
    kind: str, channel: int = 0, number: int = 0, value: int = 0, device: str = ""
) -> MidiEvent:
    return MidiEvent(kind=kind, channel=channel, number=number, value=value, device=device)


def test_open_stage_control_gives_the_channel_first() -> None:
    for address, args, expected in [
        ("/control", (16, 7, 64), event("cc", 16, 7, 64)),
        ("/control", (1.0, 7.0, 64.0), event("cc", 1, 7, 64)),
        ("/note", (10, 36, 127), event("note", 10, 36, 127)),
        ("/note", (10, 36, 0), event("note", 10, 36, 0)),
        ("/note_off", (10, 36, 64), event("note", 10, 36, 0)),
        ("/program", (1, 5), event("program", 1, 5)),
        ("/pitch", (1, 16383), event("bend", 1, 0, 16383)),
        ("/channel_pressure", (2, 99), event("pressure", 2, 0, 99)),
        ("/key_pressure", (2, 60, 99), event("other", 2, 60, 99)),
        (
            "/nrpn",
            (1, 300, 9000),
            event("nrpn", 1, 300, 9000),
        ),  # src/server/python/main.py, option `rpn`
        ("/rpn", (1, 0, 256), event("other", 1, 0, 256)),
    ]:
        assert event_of(address, *args) == expected, address


def test_sonic_pi_and_osmid_name_device_port_and_channel_if_there_is_one() -> None:
    for form in ["/midi:nano_key2:0:3", "/midi/nano_key2/0/3"]:
        for what, args, expected in [
            ("note_on", (53, 102), ("note", 53, 102)),
            ("note_off", (53, 64), ("note", 53, 0)),
            ("control_change", (7, 3), ("cc", 7, 3)),
            ("program_change", (12,), ("program", 12, 0)),
            ("pitch_bend", (8192,), ("bend", 0, 8192)),
            ("channel_pressure", (80,), ("pressure", 0, 80)),
            ("polyphonic_key_pressure", (60, 80), ("other", 60, 80)),
        ]:
            kind, number, value = expected
            assert event_of(f"{form}/{what}", *args) == event(
                kind, 3, number, value, "nano_key2:0"
            ), args
    for form in ["/midi:nano_key2:0", "/midi/nano_key2/0"]:
        for what in ["clock", "start", "continue", "stop"]:
            assert event_of(f"{form}/{what}") == event(what, device="nano_key2:0"), form
    assert event_of("/midi:mpk_mini_mk_ii_0:1/note_on", 60, 1) == event(
        "note", 1, 60, 1, "mpk_mini_mk_ii_0"
    )
    assert event_of("/midi/3/control_change", 7, 1) == event("cc", 3, 7, 1)
    assert event_of("/midi:a b:0:1/control_change", 7, 1).device == "a_b:0"


def test_other_midi_of_a_bridge_moves_nothing_nor_other_exclusive_messages() -> None:
    for what in ("active_sensing", "song_position", "sysex", "heartbeat"):
        assert event_of(f"/midi/dev/0/{what}", 1, 2).kind == "other"
    for body in ((0x7E, 0x7F, 6, 1), (0x7F, 0x7F, 1, 2, 1, 2, 3, 4), (0x7F,)):
        assert event_of("/midi/dev/0/sysex", *body) == event("other", device="dev:0")


def test_a_midi_argument_is_midi_at_any_address() -> None:
    for data, expected in [
        ((0xB2, 7, 100), event("cc", 3, 7, 100)),
        ((0x8F, 60, 64), event("note", 16, 60, 0)),
        ((0xC0, 9, 0), event("program", 1, 9)),
        ((0xD0, 9, 0), event("pressure", 1, 0, 9)),
        ((0xE0, 0, 0x40), event("bend", 1, 0, 8192)),
        ((0xA0, 60, 9), event("other", 1, 60, 9)),
        ((0xF8, 0, 0), event("clock")),
        ((0xFA, 0, 0), event("start")),
        ((0xFC, 0, 0), event("stop")),
        ((0x12, 1, 1), event("other")),
    ]:
        assert event_of("/anything/at/all", (0, *data)) == expected, data


def test_messages_that_no_bridge_sends_are_not_midi() -> None:
    for address, args in [
        ("/control", (1, 7)),
        ("/control", (0, 7, 64)),
        ("/control", (1, 7, 128)),
        ("/control", (1, 7, 0.5)),
        ("/control", (1, 7, float("nan"))),
        ("/control", (1, 7, True)),
        ("/pitch", (1, 16384)),
        ("/nrpn", (1, 16384, 0)),
        ("/midi:", ()),
        ("/midi/x/control_change", (7, 3)),
        ("/midi:a:0:1/unknown", (7,)),
        ("/composition/master", (0.5,)),
    ]:
        assert event_of(address, *args) is None, address


@given(st.binary(min_size=4, max_size=4))
def test_any_four_bytes_are_a_midi_message_in_range(data: bytes) -> None:
    found = read_midi(Message("/x", (Midi(*data),), "m"))
    assert found is not None
    assert 0 <= found.channel <= 16
    assert 0 <= found.number <= 127
    assert 0 <= found.value <= (16_383 if found.kind == "bend" else 127)


def packed(hours: int, minutes: int, seconds: int, frames: int) -> int:
    return hours << 21 | minutes << 14 | seconds << 7 | frames


def test_midi_timecode_is_read_from_every_bridge_and_as_a_full_frame() -> None:
    for address, args, expected in [
        (
            "/mtc",
            ("01:02:03:04",),
            event("mtc_text", value=packed(1, 2, 3, 4)),
        ),  # Open Stage Control, mtc.py
        ("/mtc", ("01:02:03:04", 30), event("mtc_text", value=packed(1, 2, 3, 4) | 4 << 28)),
        ("/mtc", ("00:00:00:00", 24.0), event("mtc_text", value=1 << 28)),
        ("/mtc", (0x35,), event("mtc", value=0x35)),
        ("/midi/nano_key2/0/MTC", (0x71,), event("mtc", value=0x71, device="nano_key2:0")),  # osmid
        ("/midi:nano_key2:0/mtc", (0x71,), event("mtc", value=0x71, device="nano_key2:0")),
        (
            "/midi/3/syscommon_MTC",
            (3, "nano_key2", 0x71),
            event("mtc", value=0x71, device="3"),
        ),  # osmid before 0.4
        (
            "/midi/nano_key2/0/MTC",
            (b"\xf1\x71",),
            event("mtc", value=0x71, device="nano_key2:0"),
        ),  # option -r
        ("/any", (Midi(0, 0xF1, 0x21, 0),), event("mtc", value=0x21)),
    ]:
        assert event_of(address, *args) == expected, address
    message = full_frame((1, 2, 3, 4), rate="30")
    expected = packed(1 | 3 << 5, 2, 3, 4)
    assert event_of("/sysex", message.hex(" ")) == event("mtc_full", value=expected)
    assert event_of("/midi/dev/0/sysex", *message[1:-1]) == event(
        "mtc_full", value=expected, device="dev:0"
    )
    assert event_of("/midi:dev:0/sysex", bytes(message)) == event(
        "mtc_full", value=expected, device="dev:0"
    )
    for address, args in [
        ("/mtc", ("01:02:03:04", 60)),
        ("/mtc", ("now", 30)),
        ("/mtc", (200,)),
        ("/sysex", ("xyz",)),
    ]:
        assert event_of(address, *args) is None, address
