"""The engine that the TouchDesigner component starts: how its options are read on Windows, and its log."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from touchdesigner.component.engine_process import EngineProcess, split_options

PATHS = [
    ("C:\\Show\\new", ["C:\\Show\\new"]),
    ('"C:\\My Show\\loop 1.wav"', ["C:\\My Show\\loop 1.wav"]),
    ("'C:\\My Show\\loop 1.wav'", ["C:\\My Show\\loop 1.wav"]),
    ('--record "D:\\out\\" --fps 30', ["--record", "D:\\out\\", "--fps", "30"]),
    ("--audio 'device:CABLE Output' # no comment", ["--audio", "device:CABLE Output", "#", "no", "comment"]),
    ('--set="/layer/1/text=it\'s"', ["--set=/layer/1/text=it's"]),
    ("", []),
]


@pytest.mark.parametrize("options, arguments", PATHS)
def test_options_lose_their_quotes_and_keep_their_backslashes(options: str, arguments: list[str]) -> None:
    assert split_options(options, "win32") == arguments


def test_on_other_systems_a_backslash_escapes_as_in_a_shell() -> None:
    assert split_options("/Users/anna/My\\ Show/loop.wav 'a b' \"c d\"", "darwin") == [
        "/Users/anna/My Show/loop.wav", "a b", "c d",
    ]  # fmt: skip


def test_unclosed_quotes_are_rejected() -> None:
    with pytest.raises(ValueError, match="No closing quotation"):
        split_options('--record "D:\\out', "win32")


def test_the_last_line_of_the_log_is_read_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_for: Callable[..., str]
) -> None:
    program = tmp_path / "engine"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nprint('マイク:', *sys.argv[6:])\nsys.exit(1)\n", encoding="utf-8"
    )
    program.chmod(0o755)
    for name, value in {
        "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "cp1252",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)  # a code page without these characters
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    engine = EngineProcess()
    engine.start(f'"{program}"', "--audio 'device:a b'", "127.0.0.1:1", "127.0.0.1:2")
    line = wait_for(engine.ended, "the end of the program")
    assert line == "the engine ended with code 1: マイク: --audio device:a b"
