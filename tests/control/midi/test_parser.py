"""Bytes of real and of broken devices become whole messages."""

from hypothesis import given
from hypothesis import strategies as st

from engine.control.foreign.midi_bridges import read_midi
from engine.control.midi.messages import (
    MAX_IN_ORDER,
    coalesce,
    control_message,
    device_slug,
    time_event,
)
from engine.control.midi.parser import MAX_SYSEX_BYTES, MidiParser
from engine.params.mapping.controls import MidiEvent

DATA_BYTES = {
    0x80: 2,
    0x90: 2,
    0xA0: 2,
    0xB0: 2,
    0xC0: 1,
    0xD0: 1,
    0xE0: 2,
    0xF1: 1,
    0xF2: 2,
    0xF3: 1,
}
REAL_TIME = (0xF8, 0xFA, 0xFB, 0xFC, 0xFE, 0xFF)


def parsed(*pieces: bytes) -> list[bytes]:
    parser = MidiParser()
    return [message for piece in pieces for message in parser.feed(piece)]


def test_running_status_continues_over_a_clock_and_ends_with_a_system_message() -> None:
    assert parsed(b"\xb0\x07\x40\x07\xf8\x41", b"\x08", b"\x01") == [
        b"\xb0\x07\x40", b"\xf8", b"\xb0\x07\x41", b"\xb0\x08\x01",
    ]  # fmt: skip
    assert parsed(b"\xb0\x07\x40\xf1\x23\x07\x41") == [b"\xb0\x07\x40", b"\xf1\x23"], (
        "data without a status"
    )


def test_a_full_frame_comes_in_pieces_with_a_clock_in_the_middle() -> None:
    pieces = b"\xf0\x7f\x7f\x01", b"\x01\x21\xf8\x02", b"\x03\x04\xf7"
    assert parsed(*pieces) == [b"\xf8", b"\xf0\x7f\x7f\x01\x01\x21\x02\x03\x04\xf7"]


def test_a_megabyte_of_system_exclusive_is_skipped_and_not_kept() -> None:
    parser = MidiParser()
    assert list(parser.feed(b"\xf0" + bytes(1 << 20))) == []
    assert len(parser._data) == MAX_SYSEX_BYTES + 1
    assert list(parser.feed(b"\xf7\xc0\x05")) == [b"\xc0\x05"]


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_any_bytes_give_whole_messages_however_they_are_cut(pieces: list[bytes]) -> None:
    messages = parsed(*pieces)
    assert messages == parsed(b"".join(pieces))
    for message in messages:
        status, data = message[0], message[1:]
        if status == 0xF0:
            assert data[-1] == 0xF7 and max(data[:-1], default=0) < 0x80
        elif status in REAL_TIME:
            assert not data
        else:
            kind = status if status >= 0xF0 else status & 0xF0
            assert len(data) == DATA_BYTES[kind] and max(data) < 0x80
        control_message(message, "desk")
        time_event(message, "desk")


def test_controls_are_read_as_from_a_bridge_that_names_its_devices() -> None:
    name = device_slug("Launchpad Mini / [MK3]")
    assert name == "launchpad_mini_mk3" and device_slug("шесть") == "midi"

    def read(midi: bytes) -> MidiEvent | None:
        message = control_message(midi, name)
        return message and read_midi(message)

    at = {"device": name, "channel": 3}
    assert read(b"\xb2\x07\x40") == MidiEvent(kind="cc", number=7, value=64, **at)
    assert read(b"\x82\x3c\x40") == MidiEvent(kind="note", number=60, value=0, **at)
    assert read(b"\xe2\x01\x40") == MidiEvent(kind="bend", value=8193, **at)
    assert read(b"\xc2\x05") == MidiEvent(kind="program", number=5, **at)
    assert read(b"\xd2\x09") == MidiEvent(kind="pressure", value=9, **at)
    assert read(b"\xf8") is None and read(b"\xa2\x3c\x40") is None


def retain(messages: list[bytes], down: set[bytes]) -> list[bytes]:
    """Coalesce messages that arrive one by one, each of which must keep the time of its arrival."""
    coalesced = coalesce([(midi, float(number)) for number, midi in enumerate(messages)], down)
    times = [at_s for _, at_s in coalesced]
    assert times == sorted(times) and all(messages[int(at_s)] == midi for midi, at_s in coalesced)
    return [midi for midi, _ in coalesced]


def test_under_overload_the_newest_of_each_knob_and_the_order_of_the_rest_are_retained() -> None:
    knobs = [bytes((0xB0, knob, value)) for value in range(128) for knob in (20, 21)]
    notes = [b"\x90\x3c\x7f", b"\x90\x3c\x00"]
    selecting = [b"\xb0\x63\x01", b"\xb0\x62\x02", b"\xb0\x06\x03"]
    assert retain([*knobs, *notes, *selecting], set()) == [
        b"\xb0\x14\x7f",
        b"\xb0\x15\x7f",
        *notes,
        *selecting,
    ]
    assert len(retain([b"\x90\x3c\x7f"] * 100_000, set())) == MAX_IN_ORDER


def test_a_key_that_is_down_is_released_under_any_overload() -> None:
    down: set[bytes] = set()
    press, releases = (
        b"\x90\x05\x7f",
        [bytes((0x80 | channel, key, 0)) for channel in range(16) for key in range(128)],
    )
    for release in (b"\x80\x05\x00", b"\x90\x05\x00"):
        assert retain([press], down) == [press]
        assert retain([press, release, *releases[128:]], down) == [
            release,
            *releases[-MAX_IN_ORDER:],
        ]
        assert release not in retain([release, *releases[128:]], down), "it is up already"
    again = [b"\x80\x05\x00", press, *releases[128:]]
    assert retain([press], down) == [press] and retain(again, down) == releases[-MAX_IN_ORDER:], (
        "it is down again"
    )
