"""A file that the engine keeps and people edit, on a real disk."""

from pathlib import Path

import pytest

from engine.errors import CueError
from engine.system.stored_file import StoredFile


def test_a_file_is_read_and_none_holds_nothing(tmp_path: Path) -> None:
    file = StoredFile(tmp_path / "show" / "cues.toml", "cue list", CueError)
    assert file.read() is None
    file.write("cue = []\n")
    assert file.read() == {"cue": []}


def test_what_cannot_be_read_or_written_is_one_line_with_the_path(tmp_path: Path) -> None:
    path = tmp_path / "cues.toml"
    path.mkdir()
    with pytest.raises(
        CueError, match=r"cues\.toml: cannot be read as a cue list \(Is a directory\)$"
    ):
        StoredFile(path, "cue list", CueError).read()
    path.rmdir()
    path.write_text("[x")
    with pytest.raises(CueError, match=r"cues\.toml: is not valid TOML \("):
        StoredFile(path, "cue list", CueError).read()
    with pytest.raises(CueError, match=r"cues\.toml.a: cannot be written \("):
        StoredFile(path / "a", "cue list", CueError).write("")


def test_the_first_write_keeps_what_was_there_under_the_other_name(tmp_path: Path) -> None:
    path = tmp_path / "cues.toml"
    path.write_text("half of it is wrong")
    file = StoredFile(path, "cue list", CueError, previous="cues.previous.toml")
    for text in ("first", "second"):
        file.write(text)
    assert path.read_text() == "second"
    assert (tmp_path / "cues.previous.toml").read_text() == "half of it is wrong"


def test_a_text_is_written_once_and_again_if_somebody_removed_or_edited_the_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "cues.toml"
    file = StoredFile(path, "cue list", CueError)
    file.write("first")
    status = path.stat()
    file.write("first")
    assert path.stat().st_ino == status.st_ino
    path.unlink()
    file.write("first")
    path.write_text("broken by hand")
    file.write("first")
    assert path.read_text() == "first"
