"""Validation of an entry of the map, and the map file."""

import pytest

import osc_schema
from engine.errors import MappingError
from engine.params.mapping.entry import make_entry, with_change
from engine.params.mapping.map_file import LoadedMap, map_text, read_map, read_tables
from osc_schema import Rejected
from tests.support.cases import cases_of

FADER = {"control": "midi 1 cc 7", "target": "/layer/1/intensity", "takeover": False}


def test_an_invalid_entry_is_rejected_in_one_line() -> None:
    cases = cases_of(__file__)
    changed = [({**FADER, **change}, message) for change, message in cases["changes"]]
    for entry, message in [*cases["whole"], *changed]:
        with pytest.raises(Rejected) as refused:
            make_entry(entry)
        assert message in str(refused.value), entry
        assert "\n" not in str(refused.value), entry


def test_changing_a_key_updates_the_defaults_that_depend_on_it() -> None:
    entry = make_entry({**FADER, "high": 1.0, "curve": 2})
    turned = with_change(entry, "mode", "twos")
    assert (turned.mode, turned.high, turned.curve, turned.takeover) == ("twos", 1.0, 1.0, False)
    elsewhere = with_change(entry, "target", "/layer/1/ratio")
    assert (elsewhere.low, elsewhere.high, elsewhere.takeover) == (0.0625, 16.0, True)
    by_note = with_change(
        make_entry({"control": "osc /x", "target": "/layer/1/mute"}), "control", "midi 1 note 3"
    )
    assert (by_note.mode, by_note.in_high) == ("toggle", 127.0)
    dmx = with_change(entry, "control", "osc /dmx/1/17")
    assert (dmx.takeover, with_change(dmx, "takeover", 1).takeover) == (False, True)
    assert with_change(entry, "high", "0.5").high == 0.5
    with pytest.raises(Rejected, match="no such key"):
        with_change(entry, "colour", 1)


def test_a_file_round_trips(tmp_path) -> None:
    tables = (
        FADER,
        {"control": "midi 1 cc 2", "target": "/layer/1/angle", "mode": "twos", "invert": True},
        {"control": "midi 1 program 5", "target": "/preset/load", "argument": 'n"ight'},
        {
            "control": "osc /x 3",
            "target": "/layer/1/ratio",
            "low": 16,
            "high": 0.1,
            "curve": 0.3,
            "in_low": -1,
        },
        {
            "control": "osc /x",
            "target": "/layer/1/mute",
            "high": False,
            "mode": "trigger",
            "feedback": False,
        },
        {"control": "midi 1 nrpn 300", "target": "/layer/1/angle", "mode": "offset", "ticks": 48},
    )
    entries = read_tables(tables).entries
    assert len(entries) == len(tables)
    file = tmp_path / "map.toml"
    file.write_text(map_text(entries), encoding="utf-8")
    assert read_map(file) == LoadedMap(entries=entries)


def test_an_invalid_entry_or_old_address_is_reported_and_stays_in_the_file(tmp_path) -> None:
    file = tmp_path / "map.toml"
    file.write_text(
        '[[entry]]\ncontrol = "midi 1 cc 1"\ntarget = "/mode"\n[[entry]]\ncontrol = "knob"\nx = 3\n'
    )
    loaded = read_map(file)
    assert [entry.target for entry in loaded.entries] == ["/mode"]
    assert loaded.problems == (
        "entry 2 (knob): 'x': no such key (known: " + ", ".join(osc_schema.mapping.KEYS) + ")",
    )
    file.write_text(map_text(loaded.entries, loaded.unread))
    assert read_map(file) == loaded
    file = tmp_path / "map.toml"
    file.write_text(
        '[map]\nschema = 2\n[[entry]]\ncontrol = "midi 1 cc 7"\ntarget = "/lfo/1/sync"\n'
    )
    loaded = read_map(file)
    assert [entry.target for entry in loaded.entries] == [
        "/lfo/1/tempo_sync"
    ] and loaded.problems == ()


def test_an_invalid_file_is_an_error_and_not_an_empty_map(tmp_path) -> None:
    for text in ["entry = 3", "[[entry", 'entry = ["x"]', "[entry]\na = 1", "\x00"]:
        file = tmp_path / "map.toml"
        file.write_text(text)
        with pytest.raises(MappingError, match=r"map\.toml"):
            read_map(file)
        assert read_map(tmp_path / "none.toml") == LoadedMap(entries=()), text
