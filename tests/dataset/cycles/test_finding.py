"""Finding Blender, and the command lines and the environment that it is started with."""

import os
import sys
from pathlib import Path

import pytest

from engine.dataset.cycles.finding import (
    blender_command,
    blender_environment,
    find_blender,
    install_command,
    locate_blender,
)
from engine.errors import UsageError


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Blender and bpy; yields the empty folder that is its PATH."""
    if "bpy" in sys.modules:
        pytest.skip("this Python has bpy loaded")
    monkeypatch.delenv("MULTIVERSE_BLENDER", raising=False)
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    monkeypatch.setattr("engine.dataset.cycles.finding.find_spec", lambda name: None)
    (tmp_path / "programs").mkdir()
    return tmp_path / "programs"


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_without_blender_the_error_names_the_command_that_installs_it(bare: Path) -> None:
    assert locate_blender() is None
    with pytest.raises(UsageError) as caught:
        find_blender()
    assert install_command() in str(caught.value) and "--blender PATH" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.only_on("linux", "darwin", reason="programs are scripts here")
def test_a_given_blender_is_preferred_to_a_found_one(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = program(bare / "blender")
    assert find_blender() == on_path
    installed = program(tmp_path / "home/blender/bin/python")
    assert str(installed) in install_command() and find_blender() == installed
    monkeypatch.setattr("engine.dataset.cycles.finding.find_spec", lambda name: name)
    assert find_blender() == Path(sys.executable)
    by_variable = program(tmp_path / "environment/bin/python")
    monkeypatch.setenv("MULTIVERSE_BLENDER", str(tmp_path / "environment"))
    assert find_blender() == by_variable
    argument = program(tmp_path / "Blender.app/Contents/MacOS/Blender")
    assert find_blender(str(tmp_path / "Blender.app")) == find_blender(str(argument)) == argument


def test_a_wrong_path_is_reported_with_its_source(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").touch()
    for name in (
        "nowhere",
        "programs",
        *(("notes.txt",) if os.name == "posix" else ()),
    ):  # Windows runs any file
        with pytest.raises(UsageError, match=f"^--blender: .*{name}"):
            locate_blender(str(tmp_path / name))
    monkeypatch.setenv("MULTIVERSE_BLENDER", "nowhere")
    with pytest.raises(UsageError, match=r"^MULTIVERSE_BLENDER: nowhere is missing"):
        locate_blender()


def test_a_blender_program_and_a_python_with_bpy_have_their_own_command_lines() -> None:
    script = Path("draw.py")
    program = blender_command(Path("/opt/blender-4.5/blender"), script, "folder")
    assert program[1:] == [
        "--background", "--factory-startup", "-noaudio", "--python-exit-code", "1",
        "--python", "draw.py", "--", "folder",
    ]  # fmt: skip
    assert blender_command(Path("/opt/env/bin/python"), script, "folder")[1:] == [
        "-I",
        "draw.py",
        "--",
        "folder",
    ]


def test_blender_reads_no_user_settings_and_writes_to_its_folder_only(tmp_path: Path) -> None:
    users = {
        "PATH": "/bin",
        "OCIO": "/home/me/film.ocio",
        "BLENDER_USER_RESOURCES": "/home/me",
        "TMPDIR": "/var/tmp",
    }
    environment = blender_environment(tmp_path, users)
    assert environment["PATH"] == "/bin" and "OCIO" not in environment
    assert all(
        environment[name].startswith(str(tmp_path))
        for name in ("BLENDER_USER_RESOURCES", "TMPDIR", "TEMP", "TMP")
    )
