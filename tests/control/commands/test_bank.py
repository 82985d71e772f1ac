"""Banks of pads over OSC: taps, holds and edits on real presets, at times that the test sets; the
file; the engine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.control.commands.bank import (
    BOUNCE_S,
    FILE_NAME,
    FLASH_AFTER_S,
    PREVIOUS_NAME,
    BankControl,
)
from engine.control.commands.preset_mixer import TAKE_FADE
from engine.control.launch_queue import LaunchQueue
from engine.control.midi.grids import AMBER, GREEN, GREY
from engine.osc.encode import encode_message
from engine.params import PresetFolder
from engine.params.fade_time import Pulse
from engine.params.looks import LOOKS
from tests.control.commands.show_rig import BRIGHTNESS, PresetRig
from tests.control.midi.midi_rig import FakeMidi
from tests.support.engine_client import EngineClient, open_client

OWN = {"high": 3.0, "low": 1.0, "mid": 2.0}


class Rig(PresetRig):
    def __init__(self, folder: Path, reports: Any) -> None:
        super().__init__(folder / "presets", reports, start_s=100.0)
        self.path = folder / FILE_NAME
        self.pulse = Pulse()
        self.launch_queue = LaunchQueue(self.store, lambda: self.pulse, self.notify)
        self.presets.watch(self.launch_queue.rename)
        self.store.set(TAKE_FADE, "0")
        self.banks = BankControl(
            self.context, self.path, presets=self.presets, queue=self.launch_queue
        )
        self.banks.add_commands(self.commands)

    def listed(self) -> dict[int, list[tuple]]:
        """Number, preset and colour of the pads of each bank."""
        entries = self.ask("/bank/list")
        banks: dict[int, list[tuple]] = {
            entry[1]: [] for entry in entries if entry[0] == "/bank/entry"
        }
        for entry in entries:
            if entry[0] == "/bank/pad":
                banks[entry[1]].append(entry[2:])
        return banks

    def after(self, seconds: float) -> float:
        """Frames for that long; the brightness then."""
        for _ in range(round(seconds * 50)):
            self.clock.advance(0.02)
            self.banks.step(self.clock.now_s())
            self.crossfade.step(self.clock.now_s())
        return float(str(self.store.get(BRIGHTNESS)))

    def begin_bar(self) -> None:
        """Draw the frame in which what waits for the bar starts."""
        self.pulse = Pulse(beat=4.0)
        for run in self.launch_queue.step():
            run()

    def tap(self, pad: int) -> None:
        self.done(f"/pad/{pad}", 1)
        self.after(0.1)
        self.done(f"/pad/{pad}", 0)

    def close(self) -> None:
        self.banks.close()
        super().close()


@pytest.fixture
def rig(tmp_path: Path, reports: Any) -> Iterator[Rig]:
    presets = PresetFolder(tmp_path / "presets")
    for name, brightness in OWN.items():
        presets.save(name, {BRIGHTNESS: brightness})
    rig = Rig(tmp_path, reports)
    yield rig
    rig.close()


def test_at_first_there_are_ones_own_presets_by_name_and_then_the_looks(rig: Rig) -> None:
    banks = rig.listed()
    assert banks[1] == [(1, "high", ""), (2, "low", ""), (3, "mid", "")]
    assert [
        preset for number in range(2, len(banks) + 1) for _, preset, _ in banks[number]
    ] == list(LOOKS)
    assert not rig.path.exists(), "nothing is written before the first edit"


def test_a_tap_prepares_a_second_one_takes_and_what_left_is_not_taken_by_one_press(
    rig: Rig,
) -> None:
    rig.done("/preset/load", "low")
    rig.tap(1)
    assert rig.presets.mixer.prepared == "high" and rig.after(0.1) == 1.0
    rig.tap(1)
    assert rig.after(0.1) == 3.0 and rig.presets.mixer.prepared == "low", "the look that left waits"
    rig.tap(2)
    assert rig.after(0.1) == 3.0
    rig.tap(2)
    assert rig.after(0.1) == 1.0
    rig.tap(3)
    rig.done("/preset/prepare", "high")
    rig.tap(3)
    assert rig.after(0.1) == 1.0, "something else was prepared since its first press"
    rig.done("/pad/3")
    assert rig.after(0.1) == 2.0, "without a number it is a tap"
    rig.store.set(TAKE_FADE, "2")
    rig.tap(1)
    rig.say("/pad/1", 1)
    rig.after(FLASH_AFTER_S + 0.1)
    assert rig.crossfade.take_event()[1].fade is not None, (
        "held for long, a second press still fades"
    )


def test_a_held_pad_flashes_until_it_is_released_and_leaves_what_was_prepared(rig: Rig) -> None:
    rig.done("/preset/load", "low")
    rig.done("/pad/1", 1)
    assert rig.after(FLASH_AFTER_S + 0.1) == 3.0
    rig.done("/pad/1", 0)
    assert rig.after(0.1) == 1.0 and rig.presets.mixer.prepared == ""
    rig.tap(3)
    for _ in range(2):  # the second hold is no second tap
        rig.done("/pad/1", 1)
        assert rig.after(FLASH_AFTER_S - 0.02) == 1.0
        assert rig.after(0.1) == 3.0
        rig.store.set("/bank/shown", 2)  # it is the same pad that is released
        rig.done("/pad/1", 0)
        rig.store.set("/bank/shown", 1)
        assert rig.after(0.1) == 1.0 and rig.presets.mixer.prepared == "mid"
    rig.done("/preset/prepare", "high")
    for _ in range(2):
        rig.done("/pad/1", 1)
        assert rig.after(FLASH_AFTER_S + 0.1) == 3.0
        rig.done("/pad/1", 0)
        assert rig.after(0.1) == 1.0, "a hold is no first tap, either"
    rig.done("/pad/1", 1)
    assert rig.after(FLASH_AFTER_S + 0.1) == 3.0
    rig.done("/bank/put", 1, 1, "")
    rig.done("/pad/1", 0)
    assert rig.after(0.1) == 1.0, "it was emptied while it was held"


def test_a_pad_that_bounces_is_pressed_once(rig: Rig) -> None:
    rig.done("/preset/load", "low")
    for state in (1, 0, 1, 0, 1):
        rig.done("/pad/1", state)
        rig.clock.advance(BOUNCE_S / 6)
    assert rig.after(0.1) == 1.0 and rig.presets.mixer.prepared == "high", "prepared, not taken"
    assert rig.after(FLASH_AFTER_S) == 3.0, "the last contact is held"
    rig.done("/pad/1", 0)
    rig.tap(1)
    for _ in range(4):
        rig.done("/pad/1")
        rig.clock.advance(BOUNCE_S / 6)
    assert rig.after(0.1) == 3.0 and rig.presets.mixer.prepared == "low", (
        "taken, not prepared again"
    )
    rig.tap(2)
    rig.clock.advance(-0.1)
    rig.tap(3)
    assert rig.presets.mixer.prepared == "mid", "another pad at the same time counts"


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
@pytest.mark.parametrize("prepared", ["", "mid"])
def test_two_pads_held_and_released_in_any_order_leave_what_was_prepared(
    rig: Rig, order: tuple[int, int], prepared: str
) -> None:
    rig.done("/preset/load", "mid")
    rig.done("/preset/prepare", *[prepared][: bool(prepared)])
    for pad in (1, 2):
        rig.done(f"/pad/{pad}", 1)
        rig.after(FLASH_AFTER_S + 0.1)
    assert rig.after(0.1) == 1.0, "the last one pressed is shown"
    for pad in order:
        rig.done(f"/pad/{pad}", 0)
        rig.after(0.1)
    assert rig.presets.mixer.prepared == prepared and rig.after(0.1) == 2.0


def test_a_pad_whose_holder_is_gone_is_released(rig: Rig) -> None:
    rig.done("/preset/load", "low")
    rig.done("/pad/1", 1)
    assert rig.after(FLASH_AFTER_S + 0.1) == 3.0
    rig.banks.release_of("somebody else")
    assert rig.after(0.1) == 3.0
    rig.banks.release_of("")  # as the rig is called
    assert rig.after(0.1) == 1.0
    rig.tap(1)
    assert rig.presets.mixer.prepared == "high", "it can be pressed again"
    rig.done("/pad/1", 1)
    rig.banks.release_of("")
    rig.store.set("/bank/shown", 2)
    assert rig.done("/pad/1")[0] == 2, "and in another bank"


def test_the_second_press_waits_for_the_beat_and_blinks_meanwhile(rig: Rig) -> None:
    rig.store.set("/launch/quantise", "bar")
    rig.done("/preset/load", "low")
    rig.tap(1)
    assert rig.banks.displayed_bank().pads[0][0] == "prepared"
    rig.say("/pad/1", 1)
    rig.say("/pad/1", 0)
    assert rig.launch_queue.step() == [] and rig.after(0.5) == 1.0
    assert [state for state, _ in rig.banks.displayed_bank().pads[:4]] == [
        "queued",
        "on_air",
        "idle",
        "empty",
    ]
    rig.begin_bar()
    assert rig.after(0.1) == 3.0 and rig.banks.displayed_bank().pads[0][0] == "on_air"


def test_a_look_that_is_renamed_while_it_waits_is_taken_and_blinks_meanwhile(rig: Rig) -> None:
    rig.store.set("/launch/quantise", "bar")
    rig.done("/preset/load", "low")
    rig.tap(1)
    rig.say("/pad/1")
    rig.done("/preset/rename", "high", "higher")
    assert rig.banks.displayed_bank().pads[0][0] == "queued"
    rig.begin_bar()
    assert rig.after(0.1) == 3.0 and rig.presets.current.name == "higher"
    rig.launch_queue.add_look(
        "cue 1 low", "bar", lambda name: None, lambda reason: None, preset="low"
    )
    rig.done("/preset/rename", "low", "lower")
    assert rig.banks.displayed_bank().pads[1][0] == "queued", "of a cue, too"


def test_a_preset_that_is_renamed_while_it_is_held_is_released(rig: Rig) -> None:
    rig.done("/preset/load", "low")
    rig.done("/preset/prepare", "mid")
    rig.done("/pad/1", 1)
    assert rig.after(FLASH_AFTER_S + 0.1) == 3.0
    rig.done("/preset/rename", "high", "higher")
    rig.done("/preset/rename", "mid", "middle")
    rig.done("/pad/1", 0)
    assert rig.after(0.1) == 1.0 and rig.presets.mixer.prepared == "middle"


def test_pads_are_put_swapped_and_coloured_and_the_file_keeps_them(
    rig: Rig, tmp_path: Path, reports: Any
) -> None:
    assert rig.done("/bank/put", 1, 16, "aurora", "#FF8800") == (1,)
    assert rig.done("/bank/swap", 1, 16, 2, 1) == (2,)
    assert rig.done("/bank/put", 1, 2, "mid") == (1,)
    assert rig.done("/bank/put", 1, 3, "") == (1,)
    last = len(rig.banks.banks.banks) + 1
    rig.done("/bank/name", last, "Encore")
    rig.done("/bank/put", last, 5, "it's new")
    assert [number for at, number in rig.messages if at == "/bank/changed"][:2] == [1, 2]
    before = rig.listed()
    assert (
        before[1] == [(1, "high", ""), (2, "mid", ""), (16, "Eclipse", "")] and before[last] == []
    )
    assert before[2][0] == (1, "Aurora", "#ff8800")
    rig.close()
    again = Rig(tmp_path, reports)
    assert again.listed() == before and again.banks.banks.banks[-1].name == "Encore"
    again.done("/bank/remove", 1)
    assert again.listed()[1] == before[2]
    again.store.set("/bank/shown", last - 1)
    again.done("/bank/remove", last - 1)
    assert again.store.get("/bank/shown") == last - 2, "the one that is the last now"
    again.close()


def test_presets_find_their_pads_when_they_come_go_and_come_back(rig: Rig, wait_for: Any) -> None:
    rig.done("/preset/save", "new")
    wait_for(lambda: (4, "new", "") in rig.listed()[1], "its pad")
    rig.done("/preset/delete", "low")
    assert [pad for pad, *_ in rig.listed()[1]] == [1, 3, 4]
    rig.tap(2) if rig.ask("/pad/2", 1)[-1][0] == "/done" else None
    assert rig.presets.mixer.prepared == "", "an empty pad does nothing"
    rig.done("/preset/delete", "mid")
    rig.done("/preset/restore", "mid")
    assert rig.listed()[1] == [(1, "high", ""), (3, "mid", ""), (4, "new", "")], "where it was"
    rig.done("/preset/restore", "low")
    rig.done("/bank/name", 1, "presets 2")
    rig.store.set("/bank/shown", 2)
    for number in range(5, 18):
        rig.done("/preset/save", f"new {number}")
    wait_for(
        lambda: rig.store.get("/bank/shown") == 3 and (1, "new 17", "") in rig.listed()[2],
        "a new bank",
    )
    assert rig.banks.banks.banks[1].name == "Presets 3", "a name that is free"
    assert rig.listed()[3][0][1] == next(iter(LOOKS)), "before the looks"
    rig.done("/preset/rename", "new 17", "Finale")
    wait_for(lambda: rig.listed()[2] == [(1, "Finale", "")], "the new name")
    rig.done("/preset/delete", "Finale")
    rig.done("/preset/save", "Encore")
    wait_for(lambda: rig.listed()[2] == [(1, "Encore", "")], "the pad of one that is gone")


def test_mistakes_get_one_line(rig: Rig, reports: Any, wait_for: Any) -> None:
    for command, expected in (
        (("/pad/17", 1), "pad 17 is not a whole number 1..16"),
        (("/pad/1", 2), "pressed: takes 1 or 0, not 2"),
        (("/pad/9", 1), "pad 9 of bank 1 is empty"),
        (
            ("/bank/put", 9, 1, "low"),
            f"there is no bank 9 (/bank/name {len(rig.banks.banks.banks) + 1} NAME makes",
        ),
        (("/bank/put", 1, 1, "low", "orange"), "colour 'orange' is not #rrggbb"),
        (("/bank/name", 1, " "), "name ' ' is not a text of 1 to 64 characters"),
        (("/bank/name", 1, "looks 1"), "bank 'Looks 1': exists already; choose another name"),
    ):
        assert rig.failed(*command).startswith(expected), command
    assert [bank.name for bank in rig.banks.banks.banks] == ["Presets 1", "Looks 1", "Looks 2"], (
        "nothing has changed"
    )
    rig.done("/bank/name", 1, "PRESETS 1")
    rig.done("/bank/put", 1, 9, "Nigth")
    wait_for(lambda: reports.lines, "the warning")
    assert reports.lines[-1][1] == "bank 1: there is no preset 'Nigth' yet"


def test_invalid_lines_of_the_file_are_reported_left_out_and_kept_aside(
    tmp_path: Path, reports: Any, wait_for: Any
) -> None:
    text = """
[[bank]]
name = "Friday"
pads = [{ pad = 1, preset = "Eclipse" }, { pad = 1, preset = "Silk" }, { pad = 17, preset = "Ink" }, { pad = 2 }]
[[bank]]
title = "x"
[[bank]]
name = "friday"
"""
    (tmp_path / FILE_NAME).write_text(text)
    rig = Rig(tmp_path, reports)
    assert rig.listed() == {1: [(1, "Eclipse", "")], 2: []}
    lines = [line.removeprefix(f"{rig.path}: ") for _, line in reports.lines]
    assert lines == [
        "bank 1: entry 2 of pads: pad 1 occurs twice (left out)",
        "bank 1: entry 3 of pads: pad 17 is not a whole number 1..16 (left out)",
        "bank 1: entry 4 of pads: preset None is not a name (left out)",
        "bank 2: 'title': unknown key of a bank (known: name, pads) (left out)",
        "bank 3: the name 'friday' is taken (named 'friday 2')",
    ]
    rig.done("/bank/name", 1, "Saturday")
    assert (tmp_path / PREVIOUS_NAME).read_text() == text and "Saturday" in rig.path.read_text()
    rig.close()


def test_a_learned_key_and_a_launchpad_play_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_for: Any
) -> None:
    PresetFolder(tmp_path / "presets").save("bright", {BRIGHTNESS: 3.0})
    midi = FakeMidi()
    # the second press comes as soon as the light
    monkeypatch.setattr("engine.control.commands.bank.BOUNCE_S", 0.0)
    monkeypatch.setattr("engine.control.commands.control_inputs.LibremidiSystem", lambda: midi)
    midi.plug("Launchpad X")

    def key(session: EngineClient, velocity: int) -> None:
        session.client.send(encode_message("/note", 1, 36, velocity))

    def is_lit(velocity: int) -> bool:
        """By the last light of the upper left pad."""
        return [each[2] for each in list(midi.got["Launchpad X"]) if each[:2] == b"\x90\x51"][
            -1:
        ] == [velocity]

    def devices(session: EngineClient) -> set[str]:
        status = session.engine.status().midi
        return set() if status is None else {each.name for each in status.devices}

    with open_client(tmp_path, midi=["all"]) as session:
        session.client.send(encode_message("/map/learn", "/pad/1"))
        session.done("/engine/notify", 1)
        key(session, 100)
        assert session.hear("/done") == ("/map/learn", "/pad/1", "midi 1 note 36", "momentary")
        key(session, 0)
        key(session, 90)
        while session.hear("/preset/current")[0] != "bright":
            pass  # held: it flashes
        key(session, 0)
        while session.hear("/preset/current")[0] == "bright":
            pass
        wait_for(lambda: is_lit(GREY), "a dim light")
        for lit in (AMBER, GREEN):
            midi.takes["Launchpad X"](b"\x90\x51\x7f\x90\x51\x00", 0.0)
            wait_for(lambda lit=lit: is_lit(lit), "the light of the press")
        session.done("/map/add", "midi 1 note 99", "/preset/flash", "Cathedral")
        for _ in range(2):  # pulled while it is held, and plugged in again
            midi.takes["Launchpad X"](b"\x90\x63\x7f", 0.0)
            while session.hear("/preset/current")[0] != "Cathedral":
                pass
            midi.plug("nanoKONTROL2")
            wait_for(lambda: "nanokontrol2" in devices(session), "another controller")
            midi.pull("nanoKONTROL2")
            wait_for(lambda: "nanokontrol2" not in devices(session), "its end")
            assert session.engine.params.get(BRIGHTNESS) == LOOKS["Cathedral"][BRIGHTNESS], (
                "held by another one"
            )
            midi.pull("Launchpad X")
            while session.hear("/preset/current")[0] != "bright":
                pass
            midi.plug("Launchpad X")
            wait_for(lambda: is_lit(GREEN), "its lights")
    assert midi.got["Launchpad X"][0] == bytes.fromhex("f0002029020c0e01f7")
    assert midi.got["Launchpad X"][-1] == bytes.fromhex("f0002029020c0e00f7"), (
        "given back at the end"
    )


def test_next_and_previous_walk_through_the_pads_of_the_shown_bank(rig: Rig) -> None:
    rig.done("/bank/name", 4, "Set")
    for pad, name in ((1, "mid"), (5, "high"), (8, "mid"), (9, "gone"), (16, "low")):
        rig.done("/bank/put", 4, pad, name)
    rig.store.set("/bank/shown", 4)
    walked = [rig.done("/preset/next")[0] for _ in range(4)]
    assert walked == ["mid", "high", "low", "mid"], (
        "a missing one is left out, and what stands on two pads comes once"
    )
    for wrong in (("foo",), (1, 1), (0.5,)):
        assert "takes " in rig.failed("/preset/next", *wrong)
    rig.done("/preset/load", "Silk")
    assert [rig.done("/preset/previous", 1)[0] for _ in range(2)] == ["low", "high"]
    rig.say("/preset/next", 0)
    assert rig.after(0.1) == OWN["high"] and rig.take() == [], "a button was released"
    rig.store.set("/bank/shown", 9)
    assert rig.failed("/preset/next") == "bank 9 is empty (/bank/shown chooses another)"
    rig.store.set("/bank/shown", 4)
    launched = rig.commands.find("/preset/next").plan_launch
    waits = launched()
    assert waits.name == "low" and waits.is_cut
    rig.launch_queue.add_look(waits.name, "bar", print, print, preset=waits.preset)
    assert launched().name == "mid", "a second press continues from the look that waits"
