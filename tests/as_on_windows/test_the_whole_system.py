"""Everything in processes disguised as Windows: modules, commands, a show, a child.

Our code sees Windows (`tests/support/disguise`), files that obey Windows' rules, and streams in cp1252. A scanner
holds each new file for a moment.
"""

from pathlib import Path

from tests.support.other_system import assert_commands_work, assert_modules_are_imported, played_show

SCANNED = 2  # failing attempts per new file


def test_every_module_can_be_imported(tmp_path: Path) -> None:
    assert_modules_are_imported("win32", tmp_path)


def test_the_commands_work_with_foreign_names_and_readable_output(tmp_path: Path) -> None:
    assert_commands_work("win32", tmp_path, "on Windows-11-", scanned=SCANNED)


def test_a_show_is_played_recorded_and_ended(tmp_path: Path) -> None:
    seen, asked = played_show("win32", tmp_path, scanned=SCANNED)
    warned = [line[9:] for line in seen["err"].splitlines() if "was deleted, but cue 1 would" not in line]
    assert warned == []  # the fake Windows grants every request
    assert asked.count("timeBeginPeriod") == asked.count("timeEndPeriod") == 1
    assert asked.count("CreateProcess") == 1
