"""Everything in a process of Windows: modules, commands, a show, a child, in a folder with a foreign name."""

from pathlib import Path

import pytest

from tests.support.long_form import only_soak
from tests.support.other_system import assert_modules_and_commands_work, played_show

pytestmark = pytest.mark.only_on("win32", reason="modules, streams and files of Windows")


@only_soak
def test_modules_are_imported_and_commands_work_with_foreign_names_and_readable_output(tmp_path: Path) -> None:
    assert_modules_and_commands_work("win32", tmp_path, "on Windows-")


@only_soak
def test_a_show_is_played_recorded_and_ended(tmp_path: Path) -> None:
    played_show("win32", tmp_path)
