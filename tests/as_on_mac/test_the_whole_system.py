"""Everything in processes disguised as a Mac: modules, commands, a show, a child."""

from pathlib import Path

import pytest

from tests.support.other_system import assert_modules_and_commands_work, played_show

pytestmark = pytest.mark.only_on("linux", reason="simulates a Mac on Linux")


def test_modules_are_imported_and_commands_work_with_foreign_names(tmp_path: Path) -> None:
    assert_modules_and_commands_work(tmp_path)


def test_a_show_is_played_recorded_and_ended(tmp_path: Path) -> None:
    _, calls = played_show(tmp_path)
    assert "beginActivityWithOptions_reason_" in calls and "endActivity_" in calls
