"""The cue list over OSC: values of frames at known times, and cues, taps and modulation end to end
over UDP."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import osc_schema
from engine.control.commands.cue import GO_PAUSE
from engine.osc.encode import encode_message
from engine.params import CueList, read_cues
from engine.system.atomic_file import unfinished_path
from tests.control.commands.show_rig import BRIGHTNESS, CueRig
from tests.support.engine_client import open_client


class Rig(CueRig):
    def notify(self, address: str, *args: object) -> None:
        if address.startswith("/cue/"):
            self.messages.append((address, *args))

    def frame(self, now_s: float) -> float:
        """The brightness of the crossfaded picture at that time."""
        self.cues.step(now_s)
        self.crossfade.step(now_s)
        values, event = self.crossfade.take_event()
        fade = event.fade
        fraction, before = (1.0, values) if fade is None else (fade.mix, fade.before)
        return (1.0 - fraction) * before[BRIGHTNESS] + fraction * values[BRIGHTNESS]


@pytest.fixture
def rig(tmp_path: Path, reports: Any) -> Iterator[Rig]:
    rig = Rig(tmp_path, reports)
    yield rig
    rig.close()


@pytest.fixture
def show(rig: Rig) -> Rig:
    """A rig with three cues: 1 low; 5 mid, fading for 2 s; 7 high."""
    set_cues(rig, (1, "low"), (5, "mid", 2.0), (7, "high"))
    rig.messages.clear()
    return rig


def set_cues(rig: Rig, *cues: tuple) -> None:
    for cue in cues:
        assert rig.done("/cue/set", *cue) == (cue[0],)


def test_go_and_back_walk_through_the_list_and_a_number_jumps(show: Rig) -> None:
    for address, number, preset in (("/cue/go", 1, "low"), ("/cue/7", 7, "high")):
        assert show.done(address) == (number, preset)
    assert show.failed("/cue/go") == "no cue comes after 7"
    assert show.frame(0.0) == 3.0
    show.say("/cue/back")
    assert [show.frame(now_s) for now_s in (0.0, 1.0, 2.0)] == pytest.approx([3.0, 2.5, 2.0])
    assert show.take() == [("/done", "/cue/back", 5, "mid")]
    assert show.messages == [
        ("/cue/current", 1, "low"),
        ("/cue/current", 7, "high"),
        ("/cue/current", 5, "mid"),
    ]


def test_a_cue_fades_its_picture_or_glides_its_values(
    show: Rig, tmp_path: Path, reports: Any
) -> None:
    set_cues(show, (8, "high", 2.0, 0, 1))
    show.say("/cue/5")
    show.frame(0.0)
    assert show.store.get(BRIGHTNESS) == 2.0, "the new look is in the store at once"
    show.frame(2.0)
    show.say("/cue/8")
    assert show.frame(2.0) == show.store.get(BRIGHTNESS) == 2.0
    assert show.frame(3.0) == show.store.get(BRIGHTNESS) == 2.5
    show.close()
    again = Rig(tmp_path, reports)
    assert [entry[5] for entry in again.ask("/cue/list") if entry[0] == "/cue/entry"] == [
        0,
        0,
        0,
        1,
    ]
    assert "glide = true" in show.path.read_text() and "false" not in show.path.read_text()
    again.close()


def test_a_second_go_that_comes_at_once_is_ignored_with_a_line(show: Rig) -> None:
    show.store.set(GO_PAUSE, 0.3)
    assert show.done("/cue/go") == (1, "low")
    show.clock.advance(0.2)
    reason = "ignored, 0.20 s after the last go: 0.3 s are needed between two (/cue/go_pause_s)"
    assert show.failed("/cue/go") == reason
    assert show.done("/cue/1") == (1, "low"), "a number is no go"
    show.clock.advance(0.2)
    show.say("/cue/go")
    show.clock.advance(0.2)
    assert show.done("/cue/back") == (1, "low"), "going back is allowed"
    set_cues(show, (1, "low", 0, 1.0))
    show.clock.advance(1.0)
    assert show.done("/cue/1") == (1, "low")
    show.frame(10.0)
    show.frame(11.0)  # the next one follows by itself
    assert "ignored, 0.00 s after" in show.failed("/cue/go"), "somebody pressed go as it started"


def test_releasing_a_button_is_no_second_go_and_an_inserted_cue_starts_none_twice(
    show: Rig,
) -> None:
    show.say("/cue/go", 1.0)
    show.say("/cue/go", 0.0)
    show.say("/cue/7", 0)
    show.say("/cue/7", False)
    assert show.take() == [("/done", "/cue/go", 1, "low")]
    for wrong in (("/cue/go", "bars"), ("/cue/back", 1, "bars"), ("/cue/7", "4 bar")):
        assert "one of now, beat, bar, 4_bars" in show.failed(*wrong), "no beat to wait for"
    show.say("/cue/5")
    show.say("/cue/insert", 5, "low")
    show.say("/cue/go")
    assert show.messages[-1] == ("/cue/current", 7, "high")


def test_a_cue_whose_preset_is_missing_fails_the_picture_stays_and_go_and_back_continue(
    show: Rig,
) -> None:
    show.say("/cue/5")
    show.frame(0.0)
    set_cues(show, (6, "never saved"))
    assert show.failed("/cue/go").startswith("cue 6: preset 'never saved': not found")
    assert show.messages[-1][:3] == ("/cue/failed", 6, "never saved")
    assert [rest for at, *rest in show.messages if at == "/cue/current"] == [[5, "mid"]], (
        "it is on still"
    )
    assert show.frame(2.0) == 2.0 and show.take() == [("/done", "/cue/5", 5, "mid")], (
        "its fade went on"
    )
    for address, then in (("/cue/go", 7), ("/cue/back", 5)):
        listed = {message[:2]: message[2:] for message in show.ask("/cue/list")}
        assert listed["/cue/failed", 6][0] == "never saved" and ("/cue/current", 6) not in listed
        show.say(address)
        assert show.messages[-1][:2] == ("/cue/current", then)
        show.failed("/cue/6")


def test_deleting_a_preset_says_which_cues_would_load_it(
    show: Rig, reports: Any, wait_for: Any
) -> None:
    set_cues(show, (9, "low"))
    for name in ("low", "high"):
        show.done("/preset/delete", name)
    wait_for(lambda: len(reports.lines) == 2, "the reports")
    assert [line for _, line in reports.lines] == [
        "preset 'low' was deleted, but cues 1, 9 would load it",
        "preset 'high' was deleted, but cue 7 would load it",
    ]


def test_the_next_cue_follows_after_follow_s_although_a_preset_is_missing(
    rig: Rig, reports: Any
) -> None:
    set_cues(
        rig, (1, "low", 0, 2.0), (2, "mid", 1.0, 3.0), (3, "gone", 0, 2.0), (4, "high", 0, 2.0)
    )
    rig.say("/cue/go")
    times_s = (10.0, 11.9, 12.0, 12.5, 13.0, 14.9, 15.0, 16.9, 17.0, 19.0, 99.0)
    seen = [rig.frame(now_s) for now_s in times_s]
    assert seen == pytest.approx([1.0, 1.0, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0])
    assert [message[1] for message in rig.messages if message[0] == "/cue/current"] == [1, 2, 4]
    lines = [line for key, line in reports.lines if key == "cues"]
    assert lines[0].startswith("automatic follow: cue 3: preset 'gone'")
    assert lines[1:] == ["automatic follow: no cue comes after 4"]


def test_go_and_panic_cancel_an_automatic_follow(rig: Rig) -> None:
    set_cues(rig, (1, "low", 0, 2.0), (2, "mid"), (3, "high"))
    rig.say("/cue/1")
    rig.frame(0.0)
    rig.say("/cue/3")
    assert [rig.frame(now_s) for now_s in (1.0, 2.0, 9.0)] == [3.0] * 3
    rig.say("/cue/1")
    rig.frame(10.0)
    rig.store.set("/master/panic", 1)
    assert [rig.frame(now_s) for now_s in (11.0, 12.0, 20.0)] == [
        osc_schema.lookup(BRIGHTNESS).default
    ] * 3


def test_a_cue_list_that_cannot_be_saved_delays_no_cue(show: Rig, wait_for: Any) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("a file that cannot be opened (needs POSIX)")
    (thread,) = [
        thread for thread in threading.enumerate() if thread.name == f"disk {show.path.parent.name}"
    ]
    unfinished = unfinished_path(show.path, thread.ident or 0)
    os.mkfifo(unfinished)  # opening a FIFO for writing blocks until it has a reader
    show.say("/cue/set", 1, "low", 0, 2.0)
    show.say("/cue/go")
    assert show.take() == [("/done", "/cue/go", 1, "low")]
    assert [show.frame(now_s) for now_s in (0.0, 2.0, 3.0, 4.0)] == [1.0, 1.0, 1.5, 2.0]
    show.path.unlink()
    show.path.mkdir()  # a file cannot replace a folder
    unfinished.read_bytes()
    wait_for(lambda: show.answers, "the answer")
    assert "changed, but not saved" in show.take()[0][2]


def test_the_list_is_listed_saved_and_read_again(show: Rig, tmp_path: Path, reports: Any) -> None:
    assert show.done("/cue/insert", 5, "low", 0.5, 9) == (5,)
    assert show.done("/cue/delete", 1.0) == (1,)
    assert show.messages == [("/cue/changed", 4), ("/cue/changed", 3)]
    expected = [
        ("/cue/entry", 5, "low", 0.5, 9.0, 0),
        ("/cue/entry", 6, "mid", 2.0, 0.0, 0),
        ("/cue/entry", 7, "high", 0.0, 0.0, 0),
        ("/done", "/cue/list"),
    ]
    assert show.ask("/cue/list") == expected
    again = Rig(tmp_path, reports)
    assert again.ask("/cue/list") == expected and reports.lines == []
    again.done("/cue/7")
    assert ("/cue/current", 7, "high") in again.ask("/cue/list")
    again.close()


def test_a_wrong_edit_is_refused_and_nothing_changes(show: Rig) -> None:
    for address, args, line in [
        ("/cue/set", (), "takes number:i, preset:s, fade:f (optional), "),
        ("/cue/set", (1, "low", -5), "fade: takes a time of 0..3600 s, or one in beats"),
        ("/cue/set", (1, "low", 0, 0, "slow"), "glide: takes 1 or 0, not 'slow'"),
        ("/cue/delete", (), "takes number:i, not 0 arguments"),
        ("/cue/delete", (4,), "there is no cue 4 (known: 1, 5, 7)"),
        ("/cue/back", (), "no cue has been started yet"),
        ("/cue/note", (1,), "takes number:i, note:s, not 1 argument"),
    ]:
        assert line in show.failed(address, *args)
    assert show.messages == []


def test_an_invalid_cue_file_is_renamed_before_it_is_overwritten(
    tmp_path: Path, reports: Any
) -> None:
    wrong = 'cue = [{number = 1, preset = "low"}, {number = 2, preset = 5}]'
    (tmp_path / "cues.toml").write_text(wrong)
    rig = Rig(tmp_path, reports)
    path = tmp_path / "cues.toml"
    assert [line for _, line in reports.lines] == [
        f"{path}: entry 2: preset 5 is not a name (left out)"
    ]
    set_cues(rig, (3, "mid"), (4, "mid"))
    rig.close()
    assert (tmp_path / "cues.previous.toml").read_text() == wrong
    found, problems = read_cues(rig.path)
    assert [cue.number for cue in found] == [1, 3, 4] and problems == []


# -- end to end --------------------------------------------------------------------------------


def test_a_cue_goes_and_the_next_follows_over_udp(tmp_path: Path) -> None:
    with open_client(tmp_path) as session:
        for name, brightness in (("low", 1.0), ("high", 3.0)):
            session.engine.params.set(BRIGHTNESS, brightness)
            session.done("/preset/save", name)
        session.done("/cue/set", 1, "low", 0.0, 0.2)
        session.done("/cue/set", 2, "high", 0.1)
        session.done("/engine/notify", 1)
        session.client.send(encode_message("/cue/go"))
        # In any order. Cue 1 comes at once: the next one would end a fade that a busy machine
        # delays.
        first = {("/cue/current", 1, "low"), ("/done", "/cue/go", 1, "low")}
        missing = first | {("/cue/current", 2, "high"), (BRIGHTNESS, 3.0)}
        while missing:
            message = session.answer()
            missing.discard((message.address, *message.args))
        assert session.done("/cue/1")[1:] == (1, "low")
    assert len(read_cues(tmp_path / "cues.toml")[0]) == 2


def test_a_cue_has_a_note_that_stays_with_it(show: Rig) -> None:
    show.done("/cue/note", 5, " when she lifts\n the guitar ")
    show.done("/cue/set", 5, "mid", 3.0)
    show.done("/cue/set", 5, "mid", 3.0, 0, 0, "", "layer5")
    show.done("/cue/insert", 5, "low")
    assert (
        "/cue/entry",
        6,
        "mid",
        3.0,
        0.0,
        0,
        "",
        "layer5",
        "when she lifts the guitar",
    ) in show.ask("/cue/list")
    show.done("/cue/set", 6, "mid", 3.0, 0, 0, "", "")
    assert ("/cue/entry", 6, "mid", 3.0, 0.0, 0, "", "", "when she lifts the guitar") in show.ask(
        "/cue/list"
    )
    assert read_cues(show.path)[0].at(6).note == "when she lifts the guitar"
    assert "at most 200 printable" in show.failed("/cue/note", 6, "a" * 201)
    assert "there is no cue 9" in show.failed("/cue/note", 9, "late")
    show.done("/cue/note", 6, "")
    assert ("/cue/entry", 6, "mid", 3.0, 0.0, 0) in show.ask("/cue/list")


def test_a_cue_may_keep_layer_5_and_follows_a_renamed_preset(rig: CueRig) -> None:
    rig.store.set("/layer/5/intensity", 0.25)
    rig.done("/preset/save", "camera")
    rig.store.set_many([("/layer/5/intensity", 0.75), (BRIGHTNESS, 0.3)], by="test")
    rig.done("/cue/set", 1, "camera", 0, 0, 0, "", "layer5")
    rig.done("/cue/set", 1, "camera", 0)
    rig.done("/cue/go")
    assert rig.store.get("/layer/5/intensity") == 0.75 and rig.presets.current.state == (
        "camera",
        0,
    )
    rig.done("/preset/rename", "camera", "close")
    assert ("/cue/entry", 1, "close", 0.0, 0.0, 0, "", "layer5") in rig.ask("/cue/list")
    assert rig.renamed == [("cue 1 camera", "cue 1 close")]
    assert "is neither layer5" in rig.failed("/cue/set", 1, "close", 0, 0, 0, "", "layer4")
    rig.done("/cue/set", 2, "low")  # the disk has written the list by then
    assert "keep_layer5 = true" in rig.path.read_text(encoding="utf-8")
    assert read_cues(rig.path)[0].at(1).keep_layer5
    rig.done("/cue/set", 1, "close", 0, 0, 0, "", "")
    rig.done("/cue/1")
    assert rig.store.get("/layer/5/intensity") == 0.25


@pytest.mark.parametrize(
    ("edit", "step"),
    [
        (("set", 7, "high"), "with_cue"),
        (("note", 7, "now"), "with_cue"),
        (("delete", 7), "without"),
    ],
)
def test_a_preset_that_is_renamed_while_a_cue_is_edited_is_followed(
    show: Rig, monkeypatch: pytest.MonkeyPatch, edit: tuple, step: str
) -> None:
    """The rename gets a moment to end within the edit; it may also come after it."""
    rename, original = (
        threading.Thread(target=show.done, args=("/preset/rename", "low", "dark")),
        getattr(CueList, step),
    )

    def edited(cues: CueList, cue: Any) -> CueList:
        monkeypatch.setattr(CueList, step, original)
        rename.start()
        rename.join(0.1)
        return original(cues, cue)

    monkeypatch.setattr(CueList, step, edited)
    show.say(f"/cue/{edit[0]}", *edit[1:])
    rename.join()
    assert show.cues.cues.at(1).preset == "dark"
