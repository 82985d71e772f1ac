"""Atomic files: complete, and flushed to the disk before the rename."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from engine.system.atomic_file import move_into_place, sync_file, write_atomic

HAS_FOLDERS_THAT_FLUSH = pytest.mark.only_on(
    "linux", "darwin", reason="Windows flushes no folders, and needs not"
)
WRITER = """
import os, sys
from pathlib import Path
from engine.system.atomic_file import write_atomic
os.fsync = lambda handle: (print(flush=True), sys.stdin.read())
write_atomic(Path(sys.argv[1]), "new")
"""


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Records the flushes and renames, in order."""
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def recording_fsync(handle: int) -> None:
        calls.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def recording_replace(source: Path, target: Path) -> None:
        calls.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(os, "replace", recording_replace)
    return calls


def test_after_a_kill_in_the_middle_the_old_file_is_there_and_can_be_replaced(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    write_atomic(path, "old")
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None and writer.stdout.readline()
        writer.kill()
    assert path.read_text() == "old"
    assert [other.name[0] for other in tmp_path.iterdir() if other != path] == ["."], (
        "hidden: no preset, no picture"
    )
    write_atomic(path, "newer")
    assert path.read_text() == "newer"


@HAS_FOLDERS_THAT_FLUSH
def test_content_is_flushed_before_the_rename_and_the_rename_before_it_is_reported(
    flushed: list[str], tmp_path: Path
) -> None:
    (tmp_path / "new").write_bytes(b"whole")
    move_into_place(tmp_path / "new", tmp_path / "out")
    assert flushed == ["file", "rename", "folder"]
    assert (tmp_path / "out").read_bytes() == b"whole"
    flushed.clear()
    write_atomic(tmp_path / "text", "näme")
    assert flushed == ["file", "rename", "folder"]
    assert (tmp_path / "text").read_text(encoding="utf-8") == "näme"


@pytest.mark.parametrize(
    ("number", "is_raised"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)]
)
def test_a_file_system_without_flush_is_accepted_and_a_failing_flush_is_an_error(
    number: int, is_raised: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "fsync", fail)
    if is_raised:
        with pytest.raises(OSError, match="rror"):
            sync_file(tmp_path / "file")
        with pytest.raises(OSError, match="rror"):
            write_atomic(tmp_path / "out", "new")
        assert [path.name for path in tmp_path.iterdir()] == ["file"]
    else:
        sync_file(tmp_path / "file")


@HAS_FOLDERS_THAT_FLUSH
def test_a_volume_that_refuses_to_flush_folders_still_takes_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fsync = os.fsync

    def refuse_folders(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EIO, "Input/output error")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    write_atomic(tmp_path / "text", "saved")
    (tmp_path / "new").write_bytes(b"whole")
    move_into_place(tmp_path / "new", tmp_path / "out")
    assert (tmp_path / "text").read_text() == "saved" and (
        tmp_path / "out"
    ).read_bytes() == b"whole"
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "cannot be flushed to the disk (Input/output error)" in caplog.text


def test_writers_of_many_files_flush_their_folder() -> None:
    """All others move each file into place, which flushes it: nobody else may rename
    (tests/architecture)."""
    for path in (
        "jobs/segment/pictures.py",
        "sinks/record.py",
        "jobs/video/writing/frame_folder.py",
    ):
        assert "sync_folder(" in (Path(__file__).parents[2] / "engine" / path).read_text(
            encoding="utf-8"
        ), path
