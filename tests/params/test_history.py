"""Undo and redo: one step is one gesture of a hand; fades, cues and the beat make none."""

from pathlib import Path
from typing import Any

import pytest

from engine.control.commands.bank import BankControl
from engine.control.commands.undo import UndoControl
from engine.control.launch_queue import LaunchQueue
from engine.params import Snapshot
from engine.params.banks import banks_text
from engine.params.fade_time import Pulse
from engine.params.macros import Macros
from osc_schema import Value
from tests.control.commands.show_rig import BRIGHTNESS, CueRig

HAND, PHONE, ANGLE, MUTE, FADE = (
    "ws 10.0.0.1:1",
    "udp 10.0.0.2:2",
    "/layer/1/angle",
    "/layer/1/mute",
    "/master/fade",
)
CROSSFADER = "/preset/crossfader"


class UndoRig(CueRig):
    angle = 0.0

    def __init__(self, folder: Path, reports: Any) -> None:
        super().__init__(folder, reports)
        UndoControl(self.context, presets=self.presets, crossfade=self.crossfade).add_commands(
            self.commands
        )

    def move(self, address: str, *values: Value, by: str = HAND, every_s: float = 0.05) -> None:
        for value in values:
            self.clock.sleep_until(self.clock.now_s() + every_s)
            self.store.set(address, value, by=by)
            self.frame()

    def frame(self) -> Snapshot:
        self.presets.history.step(self.clock.now_s())
        return self.store.snapshot()

    def undo(self) -> str:
        return str(self.done("/undo")[0])

    def refuses(self, address: str) -> None:
        assert "no step is left" in self.failed(address)

    def stream(self, seconds: float, address: str = "") -> None:
        """Let the sender of HAND stream on an angle 10 times a second; it moves another address
        meanwhile."""
        for number in range(round(seconds * 10)):
            self.angle = number % 80 / 2 + 0.25
            self.move(ANGLE, self.angle, every_s=0.1)
            if address and number < 8:
                self.store.set(address, True if address == MUTE else 2.0 + number / 10, by=HAND)
                self.frame()

    def fade_by_hand(self, position: float) -> None:
        self.clock.sleep_until(self.clock.now_s() + 2.0)
        self.store.set(CROSSFADER, position, by=HAND)
        for _ in range(20):
            self.clock.sleep_until(self.clock.now_s() + 0.02)
            self.presets.mixer.step(self.clock.now_s())
            self.crossfade.step(self.clock.now_s())
            self.frame()


@pytest.fixture
def rig(tmp_path: Path, reports: Any) -> Any:
    rig = UndoRig(tmp_path, reports)
    yield rig
    rig.close()


def test_a_drag_is_one_step_and_so_is_each_press_of_a_switch(rig: UndoRig) -> None:
    start = rig.store.get(BRIGHTNESS)
    rig.move(BRIGHTNESS, 1.0, 1.5, 2.0)
    rig.move(MUTE, True, False, True, every_s=0.3)
    assert [rig.undo() for _ in range(4)] == [MUTE, MUTE, MUTE, BRIGHTNESS]
    assert (rig.store.get(BRIGHTNESS), rig.store.get(MUTE)) == (start, False)
    rig.refuses("/undo")
    assert rig.done("/redo") == (BRIGHTNESS,) and rig.store.get(BRIGHTNESS) == 2.0
    rig.move(ANGLE, 45.0)
    rig.refuses("/redo")


def test_a_gesture_lasts_as_long_as_the_control_is_held(rig: UndoRig) -> None:
    for low, high in ((1.0, 1.5), (2.0, 2.5)):
        rig.presets.history.hold(HAND, is_pressed=True)
        rig.move(BRIGHTNESS, low, high, every_s=5.0)
        rig.move(ANGLE, low, every_s=5.0)
        rig.presets.history.hold(HAND, is_pressed=False)
    rig.undo()
    assert (rig.store.get(BRIGHTNESS), rig.store.get(ANGLE)) == (1.5, 1.0)
    rig.undo()
    assert rig.store.get(ANGLE) == 0.0
    # a controller says no release: two moves, seconds apart
    rig.move(BRIGHTNESS, 1.0, 2.0, every_s=2.0)
    rig.undo()
    assert rig.store.get(BRIGHTNESS) == 1.0


def test_two_hands_at_once_are_two_steps_and_what_moves_by_itself_is_none(rig: UndoRig) -> None:
    for value in (0.1, 0.2, 0.3):
        rig.move(FADE, value, by=HAND)
        rig.move(BRIGHTNESS, value, by=PHONE)
    for by in ("fade", "tempo", "preset flash", "undo", "sd", "configuration"):
        rig.move(ANGLE, len(by) * 1.0, by=by)
    rig.store.set("/sink/record/enable", True, by=HAND)
    assert [rig.undo(), rig.undo()] == [BRIGHTNESS, FADE]
    assert rig.store.get("/sink/record/enable") is True and rig.store.get(FADE) == 1.0


def test_a_preset_loaded_by_hand_is_undone_with_its_name_and_a_cue_is_not(rig: UndoRig) -> None:
    rig.done("/preset/load", "low")
    rig.move(BRIGHTNESS, 1.25)
    rig.say("/preset/load", "high", 4.0)  # while it fades in
    rig.crossfade.step(0.0)
    assert rig.undo() == "preset high"
    assert (rig.store.get(BRIGHTNESS), rig.presets.current.name) == (1.25, "low")
    assert not rig.crossfade.is_fading
    assert rig.done("/redo") == ("preset high",)
    assert (rig.store.get(BRIGHTNESS), rig.presets.current.name) == (3.0, "high")


def test_after_a_cue_or_the_autopilot_the_look_before_is_not_undone(rig: UndoRig) -> None:
    rig.done("/preset/load", "low")
    rig.move(FADE, 0.5)
    rig.move(BRIGHTNESS, 1.25, every_s=2.0)
    rig.presets.load("mid", is_by_hand=False)  # as a cue and the autopilot do
    rig.move(ANGLE, 45.0, every_s=2.0)
    assert rig.failed("/undo", "twice") == "pressed: takes 1 or 0, not 'twice'"
    assert [rig.undo(), rig.undo()] == [ANGLE, FADE], "the master belongs to no look"
    rig.refuses("/undo")
    assert (rig.store.get(BRIGHTNESS), rig.presets.current.name) == (2.0, "mid")
    assert [rig.done("/redo")[0], rig.done("/redo")[0]] == [FADE, ANGLE]
    rig.refuses("/redo")


def test_a_look_that_a_hand_has_brought_is_undone_to_the_look_that_was(rig: UndoRig) -> None:
    """Also what the new preset does not set is as it was, and the steps in the look before count
    again."""
    rig.done("/preset/load", "low")
    rig.move(BRIGHTNESS, 1.25)
    rig.done("/preset/load", "high")
    rig.move(ANGLE, 45.0)
    rig.store.set(MUTE, True, by="configuration")
    assert [rig.undo(), rig.undo()] == [ANGLE, "preset high"]
    assert [rig.store.get(each) for each in (BRIGHTNESS, ANGLE, MUTE)] == [1.25, 0.0, False]
    assert rig.undo() == BRIGHTNESS and rig.store.get(BRIGHTNESS) == 1.0
    assert [rig.done("/redo")[0] for _ in range(3)] == [BRIGHTNESS, "preset high", ANGLE]
    assert (rig.store.get(BRIGHTNESS), rig.store.get(ANGLE), rig.presets.current.name) == (
        3.0,
        45.0,
        "high",
    )


def test_a_fade_by_hand_is_one_step_between_two_looks_that_were_on_air(rig: UndoRig) -> None:
    rig.done("/preset/load", "low")
    rig.move(BRIGHTNESS, 1.25)
    rig.done("/preset/prepare", "high")
    rig.fade_by_hand(0.5)
    rig.move(ANGLE, 45.0)
    rig.fade_by_hand(1.0)
    assert (rig.presets.current.name, rig.presets.mixer.prepared) == ("high", "low")
    rig.move(MUTE, True, every_s=2.0)
    assert [rig.undo(), rig.undo()] == [MUTE, "preset high"]
    assert [rig.store.get(each) for each in (BRIGHTNESS, ANGLE, MUTE)] == [1.25, 0.0, False]
    rig.fade_by_hand(1.0)
    assert not rig.crossfade.is_fading, "the hand begins where it stands"
    assert (rig.presets.current.name, rig.presets.mixer.prepared) == ("low", "high")
    assert rig.undo() == BRIGHTNESS
    assert [rig.done("/redo")[0], rig.done("/redo")[0]] == [BRIGHTNESS, "preset high"]
    assert [rig.store.get(each) for each in (BRIGHTNESS, ANGLE)] == [3.0, 45.0]


def test_a_fade_by_hand_that_has_begun_is_undone_by_its_crossfader(rig: UndoRig) -> None:
    rig.done("/preset/load", "low")
    rig.move(BRIGHTNESS, 1.25)
    rig.done("/preset/prepare", "high")
    rig.fade_by_hand(0.5)
    assert rig.undo() == CROSSFADER
    rig.fade_by_hand(0.0)
    assert rig.store.get(BRIGHTNESS) == 1.25 and not rig.crossfade.is_fading
    assert rig.undo() == BRIGHTNESS


def test_a_flash_leaves_the_steps_of_its_look_and_none_of_its_own(rig: UndoRig) -> None:
    rig.done("/preset/load", "low")
    rig.move(BRIGHTNESS, 1.25)
    rig.done("/preset/flash", "high", 1)
    rig.refuses("/undo")
    assert rig.store.get(BRIGHTNESS) == 3.0
    rig.done("/preset/flash", "high", 0)
    assert rig.undo() == BRIGHTNESS and rig.store.get(BRIGHTNESS) == 1.0
    rig.done("/preset/flash", "high", 1)
    rig.done("/preset/load", "mid")
    rig.undo()
    assert (rig.store.get(BRIGHTNESS), rig.presets.current.name) == (1.0, "low"), (
        "the look before the flash"
    )


def test_a_stream_makes_no_step_and_leaves_those_of_hands_alone(rig: UndoRig) -> None:
    start = rig.store.get(BRIGHTNESS)
    rig.move(FADE, 0.5)
    rig.undo()
    rig.stream(8.0)
    assert rig.done("/redo") == (FADE,), "a program ends no redo"
    for address in (BRIGHTNESS, MUTE):
        rig.stream(1.0, address)
        rig.stream(3.0)
    assert [rig.undo(), rig.undo(), rig.undo()] == [MUTE, BRIGHTNESS, FADE]
    rig.refuses("/undo")
    assert rig.store.get(ANGLE) == rig.angle and rig.store.get(BRIGHTNESS) == start
    rig.move(ANGLE, 1.0, 2.0, 3.0, every_s=0.5)
    rig.clock.sleep_until(rig.clock.now_s() + 2.0)
    rig.move(ANGLE, 90.0)
    assert rig.undo() == ANGLE and rig.store.get(ANGLE) == 3.0, "it has rested: a hand again"


def test_a_stream_on_a_macro_makes_no_step_with_what_the_macro_moves(
    rig: UndoRig, reports: Any
) -> None:
    macros = Macros(rig.store, reports)
    rig.store.set("/macro/moves/1", f"{BRIGHTNESS} 0 4", by="configuration")
    rig.frame()
    for number in range(80):
        rig.move("/macro/1", number % 50 / 50, every_s=0.1)
        macros.step(0.0)
    rig.refuses("/undo")


def test_a_control_that_is_held_is_a_hand_however_long_it_moves(rig: UndoRig) -> None:
    rig.presets.history.hold(HAND, is_pressed=True)
    rig.stream(8.0)
    rig.presets.history.hold(HAND, is_pressed=False)
    assert rig.undo() == ANGLE and rig.store.get(ANGLE) == 0.0


def test_the_take_fade_quantise_and_the_tempo_are_undone(rig: UndoRig) -> None:
    """Also after a cue: they belong to no look."""
    before = {}
    for address, value in (
        ("/preset/take_fade", "8"),
        ("/launch/quantise", "bar"),
        ("/tempo/bpm", 140.0),
    ):
        before[address] = rig.store.get(address)
        rig.move(address, value, every_s=2.0)
    rig.presets.load("mid", is_by_hand=False)
    assert [rig.undo() for _ in before] == list(reversed(before))
    assert {address: rig.store.get(address) for address in before} == before


def test_edits_of_pads_are_undone_and_done_again(rig: UndoRig) -> None:
    queue = LaunchQueue(rig.store, Pulse, rig.notify, rig.presets.values_of)
    banks = BankControl(
        rig.context, rig.path.with_name("banks.toml"), presets=rig.presets, queue=queue
    )
    banks.add_commands(rig.commands)
    states = [banks.banks]
    edits = (
        ("/bank/put", 1, 1, "Silk", "#ff0000"),
        ("/bank/put", 1, 2, ""),
        ("/bank/swap", 1, 1, 2, 3),
        ("/bank/name", 1, "Friday"),
        ("/bank/name", 4, "Saturday"),
        ("/bank/remove", 1),
    )
    for edit in edits:
        rig.done(*edit)
        states.append(banks.banks)
    assert len(set(map(banks_text, states))) == len(states)
    for state in reversed(states[:-1]):
        rig.undo()
        assert banks.banks == state
    for state in states[1:]:
        rig.done("/redo")
        assert banks.banks == state
    rig.done("/preset/save", "new")  # takes a pad
    assert rig.failed("/undo").startswith("/bank/remove 1: the pads have changed since")
    banks.close()


def test_a_panic_is_undone_as_a_whole(rig: UndoRig) -> None:
    rig.move(BRIGHTNESS, 0.5)
    rig.move(MUTE, True)
    rig.store.set("/master/panic", True, by=PHONE)
    rig.frame()
    assert rig.store.get(MUTE) is False
    rig.undo()
    assert (rig.store.get(BRIGHTNESS), rig.store.get(MUTE)) == (0.5, True)


def test_a_macro_is_undone_with_all_that_it_moved(rig: UndoRig, reports: Any) -> None:
    macros = Macros(rig.store, reports)
    rig.store.set("/macro/moves/1", f"{BRIGHTNESS} 0 4", by="configuration")
    rig.store.set(BRIGHTNESS, 0.7, by="configuration")
    rig.frame()
    start = rig.store.get("/macro/1")
    for position in (0.5, 1.0):
        rig.store.set("/macro/1", position, by=HAND)
        macros.step(0.0)
        rig.frame()
    assert rig.store.get(BRIGHTNESS) == 4.0
    rig.undo()
    macros.step(9.0)
    assert (rig.store.get("/macro/1"), rig.store.get(BRIGHTNESS)) == (start, 0.7)


def test_what_a_macro_moves_is_undone_with_the_hand_that_moved_it_last(
    rig: UndoRig, reports: Any
) -> None:
    macros = Macros(rig.store, reports)
    rig.store.set("/macro/moves/2", f"{BRIGHTNESS} 0 4", by="configuration")
    rig.store.set(BRIGHTNESS, 0.7, by="configuration")
    rig.frame()
    rig.move("/macro/1", 0.9, by=PHONE)
    for position in (0.5, 1.0):
        rig.move("/macro/2", position)
        macros.step(0.0)
        rig.frame()
    assert rig.undo().startswith("/macro/2")
    macros.step(9.0)
    assert rig.store.get(BRIGHTNESS) == 0.7 and rig.store.get("/macro/1") == 0.9


def test_undo_takes_a_transition_back_and_switches_no_strobe(rig: UndoRig) -> None:
    rig.move("/preset/blend", "screen")
    for address in ("/master/strobe/enable", "/master/blackout", "/master/freeze"):
        rig.move(address, True, False, every_s=2.0)
    assert rig.undo() == "/preset/blend" and rig.store.get("/preset/blend") == "dissolve"
    assert not any(
        rig.store.get(each)
        for each in ("/master/strobe/enable", "/master/blackout", "/master/freeze")
    )


def test_senders_that_have_gone_leave_no_open_gesture(rig: UndoRig) -> None:
    for port in range(2000):
        rig.move(ANGLE, float(port % 90), by=f"udp 10.0.0.9:{port}", every_s=0.01)
    assert len(rig.presets.history._open) <= 202, "those of the last second"


def test_an_input_of_a_shader_that_has_left_is_skipped_with_one_line(
    rig: UndoRig, reports: Any
) -> None:
    rig.store.set_many([("/fx/1/file", "Glow"), ("/fx/1/2", 0.5)], by="configuration")
    rig.move("/fx/1/2", 0.75)
    rig.move("/fx/1/file", "Blur", every_s=3.0)
    rig.store.set("/fx/1/2", 0.1, by="fx")  # the new shader's own default
    rig.undo()
    assert (rig.store.get("/fx/1/file"), rig.store.get("/fx/1/2")) == ("Glow", 0.75), (
        "with its inputs"
    )
    rig.store.set("/fx/1/file", "Blur", by="preset X")
    rig.undo()
    assert rig.store.get("/fx/1/2") == 0.75
    assert [line for _, line in reports.lines] == [
        "/undo: /fx/1/2: left out, because Glow no longer plays"
    ]


def test_a_hundred_steps_are_kept(rig: UndoRig) -> None:
    rig.move(BRIGHTNESS, *(number / 40 for number in range(105)), every_s=2.0)
    for _ in range(100):
        rig.undo()
    assert rig.store.get(BRIGHTNESS) == pytest.approx(4 / 40)
    rig.refuses("/undo")
