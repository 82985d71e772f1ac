"""Everything in processes disguised as Windows: modules, commands, a show, a child.

Our code sees Windows (`tests/support/disguise`), files that obey Windows' rules, and streams in cp1252. A scanner
holds each new file for a moment.
"""

from pathlib import Path

from tests.support.other_system import FOREIGN, run_as

SCANNED = 2  # failing attempts per new file


def test_every_module_can_be_imported(tmp_path: Path) -> None:
    told = run_as("win32", "import modules; tell(modules.import_all())", tmp_path / FOREIGN, is_light=True)
    assert told.code == 0, told.err
    count, failed = told.value
    assert failed == {}
    assert count > 400


def test_the_commands_work_with_foreign_names_and_readable_output(tmp_path: Path) -> None:
    code = "import commands; tell(commands.say_all())"
    told = run_as("win32", code, tmp_path / FOREIGN, scanned=SCANNED, is_light=True)
    assert told.code == 0, told.err
    assert [(words, code, err) for words, expected, code, _, err in told.value if code != expected] == []
    assert [(words, err) for words, _, _, _, err in told.value if "Traceback" in err] == []
    out = {words: out for words, _, _, out, _ in told.value}
    assert "夜の森 🌲 Bär" in out["preset list"].splitlines()
    assert "on Windows-11-" in out["doctor"]


def test_a_show_is_played_recorded_and_ended(tmp_path: Path) -> None:
    code = "import show, disguise; tell([show.play(), show.echo(), disguise.CALLS])"
    told = run_as("win32", code, tmp_path / FOREIGN, scanned=SCANNED)
    assert told.code == 0, told.err
    seen, echo, calls = told.value
    assert (seen["faults"], seen["code"]) == ([], 0), seen["err"]
    assert "Traceback" not in seen["err"]
    assert seen["page"] == "<!doctype html>" and seen["frame"] == "ffd8" and seen["host_info"]
    assert [answer for answer in seen["answers"] if answer[1] != "/done"] == []
    assert seen["synced"] == ["/synced", 7]
    assert {sink["name"]: sink["state"] for sink in seen["summary"]["sinks"]} == {
        "録画 ö/live.mp4": "ended",
        "録画 ö/bild.png": "ended",
        "夜の森 🌲 Bär": "ended",
        "recordings/Bühne.png": "ended",
    }
    expected = {"録画 ö/live.mp4", "録画 ö/bild.png", "recordings/Bühne.png", "home/presets/夜の森 🌲 Bär.toml"}
    assert expected <= set(seen["files"])
    assert [name for name in seen["files"] if name.endswith((".partial", ".tmp"))] == []
    assert not seen["torch"]
    assert echo["pixel"] == 40 and echo["told"] == []
    warned = [line[9:] for line in seen["err"].splitlines() if "was deleted, but cue 1 would" not in line]
    assert warned == []  # the fake Windows grants every request
    asked = [name for name, *_ in calls]
    assert asked.count("timeBeginPeriod") == asked.count("timeEndPeriod") == 1
    assert [name for name in asked if name == "CreateProcess"] == ["CreateProcess"]
