"""Everything in processes disguised as Windows: modules, commands, a show, a child.

Our code sees Windows (`tests/support/disguise`), files that obey Windows' rules, and streams in cp1252.
"""

from pathlib import Path

from tests.support.disguise.disguise import CREATION_FLAGS
from tests.support.other_system import assert_modules_and_commands_work, played_show


def test_modules_are_imported_and_commands_work_with_foreign_names_and_readable_output(tmp_path: Path) -> None:
    assert_modules_and_commands_work("win32", tmp_path, "on Windows-11-")


def test_a_show_is_played_recorded_and_ended(tmp_path: Path) -> None:
    seen, calls = played_show("win32", tmp_path)
    warned = [line[9:] for line in seen["err"].splitlines() if "was deleted, but cue 1 would" not in line]
    assert warned == []  # the fake Windows grants every request
    assert len(calls["timeBeginPeriod"]) == len(calls["timeEndPeriod"]) == 1
    ((flags, handles),) = calls["CreateProcess"]
    assert flags & CREATION_FLAGS["CREATE_NO_WINDOW"], "Ctrl-C and a closing console are handled by the engine"
    assert not flags & CREATION_FLAGS["CREATE_NEW_PROCESS_GROUP"], "it would get Ctrl-Break, and end in mid-file"
    assert flags & CREATION_FLAGS["BELOW_NORMAL_PRIORITY_CLASS"]
    assert handles == 1, "the child inherits its pipe alone"
