"""Grid controllers at their ports: the exact bytes of their lights, and what their pads do."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from engine.control.midi.ports import SEARCH_INTERVAL_S
from engine.params.banks import BankState, PadState
from tests.control.midi.midi_rig import MidiRig

STATES: tuple[tuple[PadState, str], ...] = (
    ("on_air", ""),
    ("prepared", ""),
    ("faulty", ""),
    ("idle", ""),
    ("idle", "#0000ff"),
)
BANK = BankState(bank=2, banks=3, pads=(*STATES, *((("empty", ""),) * 11)))


def plugged(rig: MidiRig, name: str) -> list[bytes]:
    """Plug a grid in; returns the messages that light its pads, without the dark ones."""
    rig.midi.plug(name)
    rig.after(SEARCH_INTERVAL_S + 0.1)
    return lit(rig.lights(name))


def lit(messages: list[bytes]) -> list[bytes]:
    return [midi for midi in messages if midi[0] == 0xF0 or midi[2] != 0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Programmer mode; green, amber, red, grey; banks 1 and 3 grey, 2 white; the second row's
        # first pad dim blue.
        (
            "Launchpad Mini MK3",
            "f0002029020d0e01f7 905115 905209 905305 905401 905501 905603 905701 90472e",
        ),
        ("LPX MIDI", "f0002029020c0e01f7 905115 905209 905305 905401 905501 905603 905701 90472e"),
        (
            "LPProMK3 MIDI",
            "f0002029020e0e01f7 905115 905209 905305 905401 905501 905603 905701 90472e",
        ),
        ("APC mini mk2", "963815 963909 963a05 963b01 963c01 963d03 963e01 96302e"),
        ("APC MINI", "903801 903906 903a03 903b05 903c05 903d01 903e05 903005"),
        ("APC40 mkII", "902015 902109 902205 902301 902401 902503 902601 90182e"),
    ],
)
def test_a_grid_shows_the_bank_in_its_own_bytes(open_midi: Any, name: str, expected: str) -> None:
    rig = open_midi("all")
    rig.bank = BANK
    assert plugged(rig, name) == [bytes.fromhex(midi) for midi in expected.split()]


def test_only_what_changes_is_sent_and_all_of_it_after_a_replug(open_midi: Any) -> None:
    rig = open_midi("all")
    rig.bank = BANK
    before = plugged(rig, "Launchpad Mini MK3")
    rig.after(2.0)
    assert rig.lights("Launchpad Mini MK3") == [], "nothing is sent twice"
    rig.bank = replace(BANK, pads=(("prepared", ""), *BANK.pads[1:]))
    rig.after(0.1)
    assert rig.lights("Launchpad Mini MK3") == [b"\x90\x51\x09"]
    rig.midi.pull("Launchpad Mini MK3")
    rig.after(SEARCH_INTERVAL_S)
    rig.bank = BANK
    assert plugged(rig, "Launchpad Mini MK3") == before


def test_what_is_queued_blinks_once_a_beat(open_midi: Any) -> None:
    rig = open_midi("all")
    rig.bank = BANK
    plugged(rig, "APC mini mk2")
    rig.bank = replace(BANK, pads=(("queued", ""), *BANK.pads[1:]))
    rig.after(4.0)  # eight beats
    sent = rig.lights("APC mini mk2")
    assert 14 <= len(sent) <= 17 and {midi[2] for midi in sent} == {21, 1}
    assert all(one != next_one for one, next_one in itertools.pairwise(sent))


def test_pads_press_and_banks_are_chosen_but_what_is_mapped_is_the_maps(open_midi: Any) -> None:
    rig = open_midi("all")
    presses: list[tuple] = []
    rig.commands.add("/pad/<n>", lambda reply, *args: presses.append(args))
    rig.bank = BANK
    plugged(rig, "Launchpad X")
    rig.hear("Launchpad X", b"\x90\x51\x7f", b"\x90\x51\x00", b"\x90\x47\x40", b"\x80\x47\x00")
    assert presses == [(1, 1), (1, 0), (5, 1), (5, 0)]
    rig.hear("Launchpad X", b"\x90\x44\x7f", b"\x90\x44\x00")
    assert rig.store.get("/bank/shown") == 12
    presses.clear()
    rig.hear("Launchpad X", b"\x90\x25\x7f", b"\x91\x51\x7f", b"\xb0\x5b\x7f")
    assert presses == [], "the lower half, another channel, the buttons around"
    rig.say("/map/add", "midi 1 note 81 launchpad_x", "/layer/1/mute")
    rig.lights("Launchpad X")
    rig.hear("Launchpad X", b"\x90\x51\x7f", b"\x90\x51\x00")
    rig.after(0.5)
    assert presses == [] and rig.store.get("/layer/1/mute") is True
    assert rig.lights("Launchpad X")[-1] == b"\x90\x51\x7f", "it shows what it is mapped to"
    rig.say("/map/clear")
    rig.after(0.1)
    assert rig.lights("Launchpad X") == [b"\x90\x51\x15"]
