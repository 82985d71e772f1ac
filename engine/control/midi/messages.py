"""Converts MIDI messages for the rest of the engine: controls to the OSC of a bridge, clocks to
events. Pure."""

import re
from collections.abc import Sequence, Set
from functools import lru_cache
from typing import Final

from engine.control.foreign.midi_bridges import SYSTEM_STATUS, timecode_event
from engine.osc.decode import Message
from engine.params.mapping.controls import TIMECODE_KINDS, MidiEvent

_NAMES: Final = {
    0x80: "note_off",
    0x90: "note_on",
    0xB0: "control_change",
    0xC0: "program_change",
    0xD0: "channel_pressure",
    0xE0: "pitch_bend",
}
_BETWEEN_WORDS: Final = re.compile(r"[^a-z0-9.+()-]+")
# controllers, pressure, bend: of these only the newest value counts
_PASSING: Final = (0xB0, 0xD0, 0xE0)
# controllers of NRPNs: their order counts
_SELECTING: Final = frozenset((6, 38, 96, 97, 98, 99, 100, 101))
MAX_IN_ORDER: Final = 32  # messages of one device in one turn; a cable carries 3 in that time
Timed = tuple[bytes, float]
"""A message and its time of arrival, in seconds of the engine's clock."""


def device_slug(name: str) -> str:
    """The name of a device without blanks, for its controls' names and addresses:
    `launchpad_mini_mk3`."""
    return _BETWEEN_WORDS.sub("_", name.casefold()).strip("_") or "midi"


def control_message(midi: bytes, device: str) -> Message | None:
    """A channel message in the form of osmid (`/midi/nanokontrol2/1/control_change 7 64`); None for
    other messages."""
    address = _address(midi[0], device)
    if address is None:
        return None
    data: Sequence[int] = (midi[2] << 7 | midi[1],) if midi[0] >= 0xE0 else midi[1:]
    return Message(address, tuple(data), "i" * len(data))


@lru_cache(maxsize=1024)
def _address(status: int, device: str) -> str | None:
    name = _NAMES.get(status & 0xF0)
    return f"/midi/{device}/{(status & 0x0F) + 1}/{name}" if name else None


def time_event(midi: bytes, device: str) -> MidiEvent | None:
    """The event of a clock, a song position or a timecode message; None for other messages."""
    status = midi[0]
    if status in SYSTEM_STATUS:
        return MidiEvent(kind=SYSTEM_STATUS[status], device=device)
    if status == 0xF2:
        return MidiEvent(kind="song_position", value=midi[2] << 7 | midi[1], device=device)
    what = {0xF0: "sysex", 0xF1: "mtc"}.get(status)
    event = timecode_event(what, (midi,), device) if what else None
    return event if event is not None and event.kind in TIMECODE_KINDS else None


def coalesce(waiting: list[Timed], down: set[bytes]) -> list[Timed]:
    """Coalesce waiting messages; all are kept if few wait. Of each controller, bend and pressure
    the newest is kept, of the others the newest `MAX_IN_ORDER` and the releases of keys that stay
    up. `down`: keys of the device whose press was executed but not yet their release; updated
    here."""
    retained = waiting if len(waiting) <= MAX_IN_ORDER else _newest(waiting, down)
    for midi, _ in retained:
        key = _key_of(midi)
        if key is not None:
            down.discard(key) if _is_release(midi) else down.add(key)
    return retained


def _newest(waiting: list[Timed], down: Set[bytes]) -> list[Timed]:
    retained: list[Timed] = []
    seen: set[bytes] = set()
    others = 0
    for timed in reversed(waiting):
        midi, _ = timed
        kind = midi[0] & 0xF0
        if kind in _PASSING and not (kind == 0xB0 and midi[1] in _SELECTING):
            key = midi[:2] if kind == 0xB0 else midi[:1]
            if key not in seen:
                seen.add(key)
                retained.append(timed)
            continue
        note = _key_of(midi)
        if others < MAX_IN_ORDER:
            others += 1
            retained.append(timed)
        elif note in down and note not in seen and _is_release(midi):
            retained.append(timed)
        if note is not None:
            seen.add(note)
    return retained[::-1]


def _key_of(midi: bytes) -> bytes | None:
    """The channel and the number of the key that a message presses or releases; None for others."""
    return bytes((midi[0] & 0x0F, midi[1])) if midi[0] & 0xE0 == 0x80 else None


def _is_release(midi: bytes) -> bool:
    return midi[0] & 0xF0 == 0x80 or midi[2] == 0
