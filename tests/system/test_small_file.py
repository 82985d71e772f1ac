"""Small untrusted files; large, special and hostile ones are refused at once, in one line."""

import os
import socket
from pathlib import Path

import pytest

from engine.system.small_file import MAX_NESTING, parse_json, read_json, read_small, read_toml


def test_a_file_is_read_to_its_last_allowed_byte(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_bytes(b"x" * 100)
    assert read_small(file, max_bytes=100) == b"x" * 100
    with pytest.raises(OSError, match="larger than 99 bytes"):
        read_small(file, max_bytes=99)


@pytest.mark.only_on("linux", "darwin", reason="Windows has no such files")
def test_special_files_are_refused_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path, reason in {
        tmp_path / "fifo": "a FIFO, where a file is needed",
        Path("/dev/zero"): "a device, where a file is needed",
        tmp_path: "Is a directory",
    }.items():
        with pytest.raises(OSError) as caught:
            read_small(path)
        assert caught.value.strerror == reason
    with socket.socket(socket.AF_UNIX) as there:
        there.bind(str(tmp_path / "socket"))
        with pytest.raises(OSError):
            read_small(tmp_path / "socket")


@pytest.mark.parametrize(
    ("text", "reason"),
    {
        "dotted": ("a." * 20_000 + "b = 1", "line 1: a key of more than 64 parts"),
        "header": ("x = 1\n[" + "a . " * 20_000 + "b]", "line 2: a key of more than 64 parts"),
        "quoted": ('"a.b".' * 20_000 + "c = 1", "line 1: a key of more than 64 parts"),
        "inside": ("x = {" + "a." * 20_000 + "b = 1}", "line 1: a key of more than 64 parts"),
        "lists": ("x = " + "[" * 100_000, "nested too deeply"),
        "number": ("x = " + "9" * 5000, "Exceeds the limit"),
        "twice": ("[" + "k" * 100_000 + "]\n[" + "k" * 100_000 + "]", "Cannot declare"),
    }.values(),
)
def test_toml_that_would_cost_seconds_is_refused_at_once_in_a_short_line(
    tmp_path: Path, text: str, reason: str
) -> None:
    file = tmp_path / "show.toml"
    file.write_text(text)
    with pytest.raises(ValueError) as caught:  # tomllib takes 20 s for 20 000 parts
        read_toml(file)
    assert (
        reason in str(caught.value)
        and "\n" not in str(caught.value)
        and len(str(caught.value)) <= 300
    )
    dots = (
        '"a.b" = "'
        + "word. " * 1000
        + '" # '
        + ". " * 1000
        + "\n"
        + "".join(f"k{n}.x = 1.5\n" for n in range(99))
    )
    file.write_text(dots)
    assert len(read_toml(file)) == 100, "dots outside of keys"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_toml_is_read_as_notepad_and_powershell_write_it(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "show.toml").write_bytes(
        "folder = 'C:\\Users\\Jörg'\r\nfps = 25\r\n".encode(encoding)
    )
    assert read_toml(tmp_path / "show.toml") == {"folder": "C:\\Users\\Jörg", "fps": 25}


@pytest.mark.parametrize("path", [r"C:\Users\Ann", r"D:\shows"])
def test_a_path_with_backslashes_in_double_quotes_is_told_how_to_write_it(
    path: str, tmp_path: Path
) -> None:
    (tmp_path / "show.toml").write_text(f'presets = "{path}"\n')
    with pytest.raises(ValueError, match=r"line 1, column \d+\); write a path in 'single quotes'$"):
        read_toml(tmp_path / "show.toml")


def test_json_is_read_up_to_64_levels_deep(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"a": [1, {"b": null}]}')
    assert read_json(file) == {"a": [1, {"b": None}]}
    assert parse_json("5") == 5 and parse_json('"x"') == "x"
    assert parse_json("[" * MAX_NESTING + "]" * MAX_NESTING)
    for text in ("[" * 65 + "]" * 65, "[" * 100_000, '{"a":' * 100_000):
        with pytest.raises(ValueError, match="nested too deeply"):
            parse_json(text)
    for text in ("9" * 5000, "{", "\ufeff{}"):
        with pytest.raises(ValueError):
            parse_json(text)
    with pytest.raises(ValueError):
        parse_json(b"\xff")


def test_names_that_only_resemble_devices_and_folders_that_the_user_chose_are_read(
    tmp_path: Path,
) -> None:
    chosen = tmp_path / ("aux" if os.name != "nt" else "any")
    for name in ("console.png", "nul_1.bin", "comet/COM10", "auxiliary"):
        (chosen / name).parent.mkdir(parents=True, exist_ok=True)
        (chosen / name).write_bytes(b"some")
        assert read_small(chosen / name, inside=chosen) == b"some", name


def test_a_foreign_file_cannot_name_a_device_of_windows_anywhere(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("NUL", "sub/con.txt", "COM1.png", r"..\aux.bin", "lpt3 .json", "prn:stream"):
        if os.name != "nt":
            (tmp_path / name).write_bytes(b"some")
        with pytest.raises(OSError) as caught:
            read_small(tmp_path / name, inside=tmp_path)
        assert caught.value.strerror == "a name that Windows reserves for a device; rename it", name
