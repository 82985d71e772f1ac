"""Everything in processes disguised as a Mac: modules, commands, a show, a child."""

from pathlib import Path

from tests.support.long_form import only_soak
from tests.support.other_system import FOREIGN, run_as


@only_soak
def test_every_module_can_be_imported(tmp_path: Path) -> None:
    told = run_as("darwin", "import modules; tell(modules.import_all())", tmp_path / FOREIGN, is_light=True)
    assert told.code == 0, told.err
    count, failed = told.value
    assert failed == {}
    assert count > 400


@only_soak
def test_the_commands_work_with_foreign_names(tmp_path: Path) -> None:
    code = "import commands; tell(commands.say_all())"
    told = run_as("darwin", code, tmp_path / FOREIGN, is_light=True)
    assert told.code == 0, told.err
    assert [(words, code, err) for words, expected, code, _, err in told.value if code != expected] == []
    assert [(words, err) for words, _, _, _, err in told.value if "Traceback" in err] == []
    out = {words: out for words, _, _, out, _ in told.value}
    assert "夜の森 🌲 Bär" in out["preset list"].splitlines()
    assert "on macOS-14.5-arm64" in out["doctor"]


def test_a_show_is_played_recorded_and_ended(tmp_path: Path) -> None:
    code = "import show, disguise; tell([show.play(), show.echo(), disguise.CALLS])"
    told = run_as("darwin", code, tmp_path / FOREIGN)
    assert told.code == 0, told.err
    seen, echo, calls = told.value
    assert (seen["faults"], seen["code"]) == ([], 0), seen["err"]
    assert "Traceback" not in seen["err"]
    assert seen["page"] == "<!doctype html>" and seen["frame"] == "ffd8" and seen["host_info"]
    assert [answer for answer in seen["answers"] if answer[1] != "/done"] == []
    assert seen["synced"] == ["/synced", 7]
    assert [sink["name"] for sink in seen["summary"]["sinks"] if sink["state"] != "ended"] == []
    assert {"録画 ö/live.mp4", "録画 ö/bild.png", "recordings/Bühne.png"} <= set(seen["files"])
    assert not seen["torch"]
    assert echo["pixel"] == 40 and echo["told"] == []
    asked = [name for name, *_ in calls]
    assert "beginActivityWithOptions_reason_" in asked and "endActivity_" in asked
