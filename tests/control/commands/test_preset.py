"""Presets and layers over OSC: values of frames at known times, and end to end over UDP."""

import contextlib
import os
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import osc_schema
from engine.control.commands.preset import TOLD_AFTER_FRAMES
from engine.osc.encode import encode_message
from engine.params import LoadedPreset, PresetFolder
from engine.params.looks import LOOKS
from engine.params.store import entries_of
from engine.system.atomic_file import unfinished_path
from tests.control.commands.show_rig import BRIGHTNESS, PresetRig, published, saved
from tests.support.engine_client import EngineClient, open_client
from tests.support.hung_file import hung
from tests.support.time_tags import encode_bundle


@pytest.fixture
def rig(preset_rig: PresetRig) -> PresetRig:
    return preset_rig


def test_another_load_and_panic_supersede_a_fade(rig: PresetRig) -> None:
    saved(rig, "night", **{BRIGHTNESS: 0.5})
    rig.say("/preset/load", "night", 2.0)
    rig.crossfade.step(0.0)
    rig.say("/layer/copy", 1, 2)
    assert rig.take() == [("/done", "/layer/copy", 1, 2)], "that moves the look that comes"
    rig.say("/preset/load", "default")
    assert rig.take() == [
        ("/fail", "/preset/load", "superseded by preset default"),
        ("/done", "/preset/load", "default"),
    ]
    rig.say("/preset/load", "night", 2.0)
    rig.crossfade.step(1.0)
    rig.store.set("/master/panic", 1)
    rig.crossfade.step(1.1)
    assert rig.take() == [("/fail", "/preset/load", "superseded by /master/panic")]


def test_after_a_panic_the_look_of_the_start_is_the_current_one_and_the_strobe_has_ended(
    rig: PresetRig,
) -> None:
    rig.presets.current.step(rig.store.snapshot())
    for name in ("Aurora", "Mercury"):
        rig.done("/preset/load", name)
        rig.store.set("/master/strobe/enable", True)
        rig.presets.current.step(rig.store.snapshot())
        rig.store.set("/master/panic", 1)
        before = rig.store.snapshot()
        rig.presets.current.step(before)
        assert (
            published(rig, "/preset/current")[-1] == ("Eclipse", 0)
            and rig.presets.current.name == "Eclipse"
        )
        assert rig.store.get("/master/strobe/enable") is False
        rig.store.set("/master/panic", 1)
        rig.done("/preset/load", "Silk")
        rig.presets.current.step(before)
        rig.presets.current.step(rig.store.snapshot())
        assert rig.presets.current.name == "Silk", "loaded after the panic"


def test_ones_own_words_stay_when_looks_change(rig: PresetRig) -> None:
    text = "/text/1/text"
    rig.done("/preset/load", "Poster")
    assert rig.store.get(text) == LOOKS["Poster"][text]
    rig.done("/preset/load", "Swarm")
    assert rig.store.get(text) == "" == rig.store.get("/text/words"), "nobody has written anything"
    rig.done("/preset/load", "Poster")
    rig.store.set(text, "ANNA|LIVE", by="udp 192.0.2.1:9000")
    for name, written in (
        ("Silk", ""),
        ("Swarm", "ANNA|LIVE"),
        ("Ink", ""),
        ("Poster", "ANNA|LIVE"),
    ):
        rig.done("/preset/prepare", name)
        rig.done("/preset/take", 0.0)
        rig.presets.current.step(rig.store.snapshot())
        assert (rig.store.get(text), rig.presets.current.state) == (written, (name, 0))
    rig.done("/preset/load", "Silk")
    rig.store.set("/text/words", "Bar 25")
    rig.done("/preset/flash", "Poster", 1)
    assert rig.store.get(text) == "Bar 25"
    rig.done("/preset/flash", "Poster", 0)
    rig.store.set("/text/words", "")
    rig.done("/preset/load", "Poster")
    assert rig.store.get(text) == LOOKS["Poster"][text]


def test_an_overwritten_or_deleted_preset_is_restored_and_that_undone(
    rig: PresetRig, wait_for: Any
) -> None:
    def brightness_of(name: str) -> object:
        rig.done("/preset/load", name)
        return rig.store.get(BRIGHTNESS)

    saved(rig, "night", **{BRIGHTNESS: 0.5})
    assert published(rig, "/preset/replaced") == []
    saved(rig, "night", **{BRIGHTNESS: 0.5})
    assert published(rig, "/preset/replaced") == [], "it says the same"
    saved(rig, "NIGHT", **{BRIGHTNESS: 3.5})
    wait_for(
        lambda: published(rig, "/preset/replaced") == [("night",)],
        "the news that it was saved over another",
    )
    for brightness in (0.5, 3.5):
        rig.done("/preset/restore", "night")
        assert brightness_of("night") == brightness
    for verb in ("delete", "restore", "save", "delete", "restore"):
        assert rig.done(f"/preset/{verb}", "Night") == ("night",), verb
    wait_for(lambda: len(published(rig, "/preset/changed")) >= 10, "the news of each change")
    assert {*published(rig, "/preset/changed")} == {("night",)}, "as it is listed"
    assert brightness_of("night") == 3.5
    for name, reason in (
        ("never", "no overwritten or deleted preset"),
        ("Aurora", "is built in"),
        ("../x", "cannot"),
    ):
        assert reason in rig.failed("/preset/restore", name)


def test_subscribers_are_sent_the_current_preset_and_if_it_was_edited(
    rig: PresetRig, wait_for: Any
) -> None:
    def frame(now_s: float = 0.0) -> None:
        rig.crossfade.step(now_s)
        rig.presets.current.step(rig.store.snapshot())

    def on() -> list[tuple]:
        sent = published(rig, "/preset/current")
        rig.messages.clear()
        return sent

    rig.say("/preset/current")
    assert rig.take() == [
        ("/preset/current", "", 0),
        ("/preset/prepared", ""),
        ("/done", "/preset/current"),
    ]
    saved(rig, "night", **{BRIGHTNESS: 0.5, "/mirror/mode": "xy"})
    assert on() == [("night", 0)], "what is saved is on"
    frame()
    assert on() == [("night", 1)], "the values were put back since"
    rig.say("/preset/load", "NIGHT".lower(), 2.0)
    for now_s in (0.0, 1.0, 2.0, 2.1):
        frame(now_s)
    assert on() == [("night", 0)], "what has yet to arrive is no edit"
    for brightness, expected in ((1.0, [("night", 1)]), (1.5, []), (0.5, [("night", 0)])):
        rig.store.set(BRIGHTNESS, brightness, by="desk")
        frame()
        assert on() == expected
    rig.store.set("/audio/1/gain_db", -6, by="desk")
    frame()
    assert on() == [], "no preset holds it"
    rig.presets.load("aurora")
    assert on() == [("Aurora", 0)], "as it is written, whoever loads it"
    rig.take()
    rig.say("/preset/list")
    assert rig.take()[0] == ("/preset/current", "Aurora", 0)
    rig.presets.resume(
        LoadedPreset(name="autosave", values=entries_of([(BRIGHTNESS, 0.75)]), current="night")
    )
    frame()
    assert on() == [("night", 0), ("night", 1)], "as the last run left it"
    rig.done("/preset/load", "night")
    rig.say("/preset/delete", "night")
    wait_for(lambda: published(rig, "/preset/current")[-1] == ("", 0), "nothing to be on")


def test_a_layer_is_copied_whole_in_one_frame(rig: PresetRig) -> None:
    layer = {"intensity": 0.3, "angle": 33.0, "curve": 0.7, "phase": 0.1, "ratio": 4.0,
        "wrap": "repeat",
             "mute": True, "solo": True}  # fmt: skip
    rig.store.set_many([(f"/layer/2/{part}", value) for part, value in layer.items()], by="test")
    before = rig.store.version
    assert rig.done("/layer/copy", "2", 4.0) == (2, 4)
    assert {part: rig.store.get(f"/layer/4/{part}") for part in layer} == layer
    assert rig.store.version == before + 1
    assert "two different layers" in rig.failed("/layer/copy", 2, 2)
    for wrong in ((1, 5), (0, 1), ("one", 2), (1.5, 2), (1,)):
        assert "takes " in rig.failed("/layer/copy", *wrong)
    assert rig.store.version == before + 1


def test_a_hanging_save_blocks_no_load_and_its_failure_is_undone(
    rig: PresetRig, tmp_path: Path, wait_for: Any
) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("a file that cannot be opened (needs POSIX)")
    saved(rig, "night", **{BRIGHTNESS: 0.5})
    (thread,) = [
        thread for thread in threading.enumerate() if thread.name == f"disk {tmp_path.name}"
    ]
    unfinished = unfinished_path(tmp_path / "night.toml", thread.ident or 0)
    os.mkfifo(unfinished)  # opening a FIFO for writing blocks until it has a reader
    rig.store.set(BRIGHTNESS, 3.5)
    rig.say("/preset/save", "night")
    for name, brightness in (("default", osc_schema.lookup(BRIGHTNESS).default), ("night", 3.5)):
        rig.say("/preset/load", name)
        assert (
            rig.take() == [("/done", "/preset/load", name)]
            and rig.store.get(BRIGHTNESS) == brightness
        )
    assert rig.ask("/preset/list")[-2:] == [("/preset/name", "night"), ("/done", "/preset/list")]
    wait_for(
        lambda: list((tmp_path / "replaced").glob("*night.toml")),
        "what is replaced to be put aside",
    )
    file = tmp_path / "night.toml"
    text = file.read_bytes()
    file.unlink()
    file.mkdir()  # a file cannot replace a folder
    unfinished.read_bytes()
    wait_for(lambda: rig.answers, "the failure")
    file.rmdir()
    file.write_bytes(text)
    assert rig.take()[0][:2] == ("/fail", "/preset/save")
    assert rig.presets.current.name == "night"
    rig.presets.current.step(rig.store.snapshot())
    assert rig.presets.current.state == ("night", 1), "which is not what is on screen"
    rig.say("/preset/load", "night")
    assert rig.store.get(BRIGHTNESS) == 0.5


@pytest.fixture
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.system.disk_store.POLL_INTERVAL_S", 0.05)


def test_presets_of_other_programs_are_announced(
    quick_polls: None, rig: PresetRig, tmp_path: Path, wait_for: Any
) -> None:
    PresetFolder(tmp_path).save("mailed", {BRIGHTNESS: 0.25})
    rig.done("/preset/load", "mailed")
    assert rig.store.get(BRIGHTNESS) == 0.25
    PresetFolder(tmp_path).save("mailed", {BRIGHTNESS: 0.75})
    wait_for(lambda: published(rig, "/preset/changed") == [("mailed",)] * 2, "the next look")
    rig.done("/preset/load", "mailed")
    assert rig.store.get(BRIGHTNESS) == 0.75
    assert "not found" in rig.failed("/preset/load", "nobody's")


def test_a_look_without_its_shader_does_not_keep_the_one_before(
    rig: PresetRig, reports: Any
) -> None:
    saved(rig, "lost", **{"/fx/1/file": "Lost"})
    rig.store.set("/fx/1/file", "Glow")

    def check(value: object) -> None:
        if value == "Lost":
            raise osc_schema.Rejected("/fx/1/file: 'Lost' is not in the shader folders")

    rig.store.add_condition("/fx/1/file", check)
    rig.say("/preset/load", "lost")
    assert rig.store.get("/fx/1/file") == ""
    assert [line for _, line in reports.lines] == [
        "preset lost: /fx/1/file: 'Lost' is not in the shader folders"
    ]
    rig.presets.current.step(rig.store.snapshot())
    assert rig.presets.current.state == ("lost", 0), "which is no edit"


# -- end to end --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineClient]:
    with open_client(tmp_path_factory.mktemp("stage")) as session:
        yield session


def test_a_look_waits_for_the_test_of_its_shader_and_the_look_before_plays_on(
    looks: PresetRig, reports: Any
) -> None:
    saved(looks, "glass", **{"/fx/generator/file": "Prism", BRIGHTNESS: 3.0})
    looks.done("/preset/load", "night")
    looks.untested.add("Prism")
    looks.messages.clear()
    looks.done("/preset/prepare", "glass")
    looks.say("/preset/take")
    looks.store.set("/fx/generator/mix", 0.5, by="desk")
    for _ in range(TOLD_AFTER_FRAMES + 5):
        looks.start_launches()
    assert (looks.store.get(BRIGHTNESS), looks.presets.current.name, looks.take()) == (
        0.5,
        "night",
        [],
    )
    assert looks.presets.mixer.prepared == "glass" and published(looks, "/launch/queued")[0] == (
        "glass",
        0,
        "glass",
    )
    line = (
        "preset glass: waits for the first test of its shader Prism on this machine; the look "
        "before plays on"
    )
    assert [message for _, message in reports.lines] == [line]
    assert "waits for the first test of its shader Prism" in looks.failed(
        "/preset/flash", "glass", 1
    )
    looks.store.set("/preset/crossfader", 0.5)
    looks.presets.mixer.step(0.0)
    assert looks.store.get(BRIGHTNESS) == 0.5 and "waits for the first test" in reports.lines[-1][1]
    looks.untested.clear()
    looks.start_launches()
    looks.crossfade.step(0.0)
    assert (looks.store.get(BRIGHTNESS), looks.presets.current.name) == (3.0, "glass")
    assert (
        looks.presets.mixer.prepared == "night" and ("/launch/started", "glass") in looks.messages
    )


def test_a_look_that_waits_for_its_shader_is_replaced_by_the_next_one(looks: PresetRig) -> None:
    saved(looks, "glass", **{"/fx/generator/file": "Prism"})
    looks.untested.add("Prism")
    for ask in (lambda: looks.say("/preset/load", "day"), looks.queue.take_back):
        looks.say("/preset/load", "glass")
        looks.take()
        ask()
        looks.untested.clear()
        looks.start_launches()
        assert (
            looks.presets.current.name in ("night", "day")
            and ("/launch/dropped", "glass") in looks.messages
        )
        fail = next(each for each in looks.take() if each[0] == "/fail")
        assert fail[2].removeprefix("superseded by ") in ("preset day", "/launch/drop")
        looks.untested.add("Prism")


def test_a_look_glides_and_fades_in_over_udp_its_faders_are_seen_to_move_and_the_status_names_it(
    session: EngineClient,
) -> None:
    session.engine.params.set(BRIGHTNESS, 0.5)
    session.done("/preset/save", "dark")
    session.engine.params.set(BRIGHTNESS, 3.5)
    session.done("/engine/notify", 1)
    session.client.send(encode_message("/preset/glide", "dark", 1.0))
    answers = session.answers_up_to("/done")
    seen = [message.args[0] for message in answers if message.address == BRIGHTNESS]
    assert answers[-1].args == ("/preset/glide", "dark")
    way = [value for value in seen if 0.5 < value < 3.5]
    assert len(way) >= 3 and way == sorted(way, reverse=True)
    assert session.engine.params.get(BRIGHTNESS) == 0.5
    session.done("/engine/notify", 0)
    session.engine.params.set(BRIGHTNESS, 3.5)
    assert session.done("/preset/load", "dark", 0.3) == ("/preset/load", "dark")
    assert session.engine.params.get(BRIGHTNESS) == 0.5

    def description() -> str:
        return next(
            message.args[0]
            for message in session.ask("/engine/status")
            if message.address.endswith("/fade")
        )

    assert description() == "both looks are drawn" or description().startswith(
        "the old look is frozen ("
    )
    budget = session.engine._parts.timing.budget
    session.engine.post(
        lambda: [budget.add_frame(work_s=0.9, draw_s=0.8, looks=1) for _ in range(60)]
    )
    assert session.done("/preset/load", "default", 0.1) == ("/preset/load", "default")
    assert (
        description()
        == "the old look is frozen (drawing both looks would take 1700 of 50 ms per frame)"
    )


def test_a_preset_keeps_the_order_of_its_bundle_and_is_loaded_in_the_one_that_saves_it(
    session: EngineClient,
) -> None:
    def send(*steps: tuple) -> None:
        session.client.send(encode_bundle(1, [encode_message(*step) for step in steps]))

    send(("/layer/1/angle", 5.0), ("/preset/save", "five"), ("/layer/1/angle", 90.0))
    assert session.answer().args == ("/preset/save", "five")
    assert session.engine.params.get("/layer/1/angle") == 90.0
    send(("/preset/load", "five"), ("/layer/1/phase", 0.25))
    assert session.answer().args == ("/preset/load", "five")
    session.done("/engine/status")
    assert session.engine.params.get("/layer/1/angle") == 5.0
    assert session.engine.params.get("/layer/1/phase") == 0.25
    steps = [
        ("/layer/1/angle", 77.0),
        ("/preset/save", "new"),
        ("/layer/1/angle", 2.0),
        ("/preset/load", "new"),
    ]
    send(*steps, ("/preset/delete", "new"))
    done = {session.answer().args for _ in range(3)}
    assert done == {(f"/preset/{verb}", "new") for verb in ("save", "load", "delete")}
    assert session.engine.params.get("/layer/1/angle") == 77.0
    assert "new" in session.failed("/preset/load", "new")


def test_a_look_that_waits_for_its_beat_may_be_a_new_file_and_be_renamed(
    session: EngineClient, wait_for: Any
) -> None:
    folder = Path(session.engine.config.presets)
    session.done("/preset/save", "plain")
    session.done("/engine/notify", 1)
    session.engine.params.set("/tempo/source", "manual")
    session.engine.params.set("/tempo/bpm", 60.0)
    session.client.send(encode_message("/tempo/reset", 1))  # the next four bars begin in 16 s
    pulse = session.engine._parts.control_hub.tempo.read_pulse
    wait_for(lambda: pulse().bpm == 60.0 and pulse().beat % 16 < 2, "the new count")
    (folder / "fresh.toml").write_text((folder / "plain.toml").read_text())
    session.client.send(encode_message("/preset/load", "fresh", 0, "4_bars"))
    assert session.answers_up_to("/launch/queued", "/fail")[-1].args[0] == "fresh"
    session.done("/preset/rename", "fresh", "fresher")
    assert "not found" in session.failed("/preset/load", "lost", "4_bars")
    while session.answers_up_to("/launch/queued")[-1].args[1] > 15:
        pass  # a smaller step back is no reset
    session.client.send(encode_message("/tempo/reset", 1))
    assert session.answers_up_to("/done", "/fail")[-1].args == ("/preset/load", "fresher")
    session.done("/engine/notify", 0)


def test_a_hanging_preset_file_does_not_block_panic(
    tmp_path: Path, wait_for: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("engine.control.commands.preset.MAX_START_S", 0.2)
    folder = PresetFolder(tmp_path / "presets")
    for name in ("good", "held"):
        folder.save(name, {BRIGHTNESS: 1.0})
    with contextlib.ExitStack() as stack:
        stuck = stack.enter_context(contextlib.ExitStack())
        stuck.enter_context(hung(folder.path / "held.toml"))
        session = stack.enter_context(open_client(tmp_path, web="127.0.0.1:0"))
        assert any(
            "presets: still being read after 0.2 s" in line
            for line in session.engine.status().warnings
        )
        session.client.send(encode_message("/preset/load", "held"))
        session.client.send(encode_message("/master/blackout", 1))
        wait_for(lambda: session.engine.params.get("/master/blackout"), "blackout")
        page = urllib.parse.urlsplit(session.engine.page_url)
        with urllib.request.urlopen(f"http://{page.netloc}/status.json", timeout=120) as answer:
            assert answer.status == 200
        assert ("held",) in [message.args for message in session.ask("/preset/list")]
        session.client.send(encode_message("/preset/prepare", "held"))
        for verb in ("load", "prepare"):
            session.done(f"/preset/{verb}", "Aurora")
        stuck.close()
        for verb in ("load", "prepare"):
            assert session.answer().args == (f"/preset/{verb}", "superseded by preset Aurora"), (
                "which was sent later"
            )
        session.done("/preset/load", "good")


def test_a_renamed_preset_keeps_its_content_and_its_roles(rig: PresetRig, tmp_path: Path) -> None:
    saved(rig, "night", **{BRIGHTNESS: 0.5})
    saved(rig, "day", **{BRIGHTNESS: 2.0})
    file = tmp_path / "night.toml"
    file.write_text(file.read_text(encoding="utf-8") + "# dimmed for Lyon\n", encoding="utf-8")
    rig.presets.cache.folder.save_picture("night", b"jpeg")
    rig.done("/preset/load", "night")
    rig.done("/preset/prepare", "night")
    assert "exists already" in rig.failed("/preset/rename", "night", "DAY")
    assert "built in" in rig.failed("/preset/rename", "night", "Aurora")
    assert "not found" in rig.failed("/preset/rename", "noon", "late")
    assert rig.done("/preset/rename", "night", "Night Lyon") == ("Night Lyon",)
    assert (rig.presets.current.name, rig.presets.mixer.prepared) == ("Night Lyon", "Night Lyon")
    assert not file.exists() and (tmp_path / "Night Lyon.jpg").read_bytes() == b"jpeg"
    text = (tmp_path / "Night Lyon.toml").read_text(encoding="utf-8")
    assert "# dimmed for Lyon" in text and 'name = "Night Lyon"' in text
    rig.store.set(BRIGHTNESS, 1.0)
    rig.done("/preset/cut")
    assert rig.store.get(BRIGHTNESS) == 0.5
    rig.done("/preset/rename", "Night Lyon", "NIGHT LYON")
    assert (
        "NIGHT LYON" in rig.presets.cache.names() and "Night Lyon" not in rig.presets.cache.names()
    )


def test_presets_with_a_faulty_shader_are_announced(rig: PresetRig) -> None:
    saved(rig, "night", **{"/fx/1/file": "Gone.fs", "/fx/1/enable": True})
    saved(rig, "day", **{"/fx/1/file": "Gone.fs", "/fx/1/enable": False})
    rig.faults["Gone.fs"] = "Gone.fs: is missing"
    rig.presets.faults.step()
    assert published(rig, "/preset/fault") == [("night", "Gone.fs: is missing")]
    assert ("/preset/fault", "night", "Gone.fs: is missing") in rig.ask("/preset/list")
    rig.faults.clear()
    rig.presets.faults.step()
    rig.presets.faults.step()
    assert published(rig, "/preset/fault")[1:] == [("night", "")]


def test_a_waiting_look_that_cannot_be_arranged_is_reported_and_has_no_values(
    looks: PresetRig, reports: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks.done("/preset/prepare", "day")
    assert looks.presets.values_of("day")[BRIGHTNESS] == 2.0
    monkeypatch.setattr(looks.presets, "_arrange", lambda loaded: 1 // 0)
    assert looks.presets.values_of("day") is None
    assert "division" in reports.lines[-1][1]


def test_a_save_and_a_load_come_before_hundreds_of_presets_that_are_still_being_read(
    tmp_path: Path, reports: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("engine.control.commands.preset.MAX_START_S", 0.0)
    for number in range(500):
        (tmp_path / f"Preset {number}.toml").write_text("[values]\n'/mode' = 'simple'\n")
    rig = PresetRig(tmp_path, reports)
    is_reading = []
    rig.presets.watch(lambda name, new: is_reading.append(rig.presets.cache.has_more))
    assert rig.done("/preset/save", "Mine") == ("Mine",)
    assert rig.done("/preset/load", "PRESET 499") == ("PRESET 499",)
    rig.close()
    assert is_reading == [True] and any(
        "still being read after 0 s" in line for _, line in reports.lines
    )
