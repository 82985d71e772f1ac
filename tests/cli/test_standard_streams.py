"""Names in any script: printed to files and pipes, also in a code page of Windows, and read from
child processes."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.audio.devices import DeviceListing
from engine.cli.probe import Probe
from engine.params import PresetFolder
from engine.sources.devices import list_through_ffmpeg
from engine.system.python_process import utf8_environment
from tests.cli.conftest import Cli
from tests.dataset.checking.folders import write_dataset

ENGINE = Path(__file__).parents[2] / "engine"
NIGHT = "桜の夜"
MAY_BE_TEXT = re.compile(
    r"read_text\(|write_text\(|TextIOWrapper\(|fdopen\(|text=|universal_newlines|(?<![.\w])open\("
)
DEVICES = ["Mikrofon", "Динамики (Realtek)", "麦克风", "Kopfhörer"]


@pytest.fixture
def presets(tmp_path: Path) -> Path:
    folder = tmp_path / "presets"
    PresetFolder(folder).save(NIGHT, {"/multiverse/brightness": 0.5})
    return folder


@pytest.mark.parametrize("chosen", ["", "cp1252"])
@pytest.mark.parametrize("is_file", [False, True])
def test_names_are_printed_in_utf8_or_in_the_encoding_that_the_user_has_chosen(
    presets: Path, tmp_path: Path, chosen: str, is_file: bool
) -> None:
    """Windows has a code page for pipes and files, usually cp1252."""
    with (tmp_path / "out.txt").open("w+b") as file:
        done = subprocess.run(
            [sys.executable, "-m", "engine.cli.main", "preset", "list", "--presets", str(presets)],
            env={**os.environ, "PYTHONIOENCODING": chosen},
            cwd=ENGINE.parent,
            stdout=file if is_file else subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=120,
        )
        file.seek(0)
        out = file.read() if is_file else done.stdout
    assert (done.returncode, done.stderr) == (0, b"")
    assert (b"\\u685c\\u306e\\u591c" if chosen else NIGHT.encode()) in out


def test_no_device_name_hides_later_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_for: Callable
) -> None:
    """The listing program, with a fake sounddevice module."""
    listed = [{"name": name, "hostapi": 0} for name in DEVICES]
    (tmp_path / "sounddevice.py").write_text(
        'def query_hostapis(): return [{"name": "Windows WASAPI", "devices": '
        f"{[*range(len(listed))]}}}]\n"
        f"def query_devices(index): return {listed!r}[index]\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    look = DeviceListing()
    wait_for(lambda: look._process.poll() is not None, "the list of devices")
    assert look.names() == {(name, "Windows WASAPI") for name in DEVICES}


def test_cameras_with_any_name_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "av.py").write_text(
        f"""import sys
from types import SimpleNamespace
error = sys.modules["av.error"] = SimpleNamespace(FFmpegError=OSError)
def enumerate_input_devices(format_name):
    print("Camera driver 1.0")
    return [
        SimpleNamespace(name=name, description=name, media_types=["video"]) for name in {DEVICES!r}
    ]
""",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    assert [camera.name for camera in list_through_ffmpeg("dshow")] == DEVICES


def test_driver_output_in_the_code_page_breaks_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "av.py").write_text(
        """import os
os.write(1, "Gerät gefunden\\n".encode("cp1252"))
class Codec:
    def __init__(self, name, mode):
        if name != "h264_mf":
            raise ValueError(name)
""",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert Probe("encoders").read().values == {
        "h264": ["h264_mf"],
        "has_aac": False,
        "ten_bits": [],
    }


def test_children_open_files_as_utf_8_too() -> None:
    """Libraries open vocabularies and tables without naming an encoding."""
    program = "print(open(0, encoding=None).encoding.lower())"
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **utf8_environment()}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        input=b"",
        capture_output=True,
        timeout=120,
    )
    assert done.stdout.split() == [b"utf-8"]


def test_no_text_is_read_or_written_in_the_system_encoding() -> None:
    """Like `python -X warn_default_encoding`, but also for code that no test reaches."""
    unnamed = [
        f"{path.relative_to(ENGINE)}:{call.lineno}"
        for path in ENGINE.rglob("*.py")
        if MAY_BE_TEXT.search(code := path.read_text(encoding="utf-8"))
        for call in ast.walk(ast.parse(code))
        if isinstance(call, ast.Call) and _is_text_without_encoding(call)
    ]
    assert unnamed == []


def _is_text_without_encoding(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if "encoding" in keywords:
        return False
    if name in ("read_text", "write_text", "TextIOWrapper", "fdopen"):
        return True
    if name in ("run", "Popen", "check_output"):
        return "text" in keywords or "universal_newlines" in keywords
    if name == "open" and isinstance(call.func, ast.Name):
        modes = [
            each.value
            for each in (*call.args[1:2], keywords.get("mode"))
            if isinstance(each, ast.Constant)
        ]
        return not any("b" in str(mode) for mode in modes)
    return False


@pytest.mark.only_on("linux", "darwin", reason="Windows allows no such names")
def test_a_strangers_file_name_acts_on_no_terminal(cli: Cli, tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\u202e\x1b[2Jred"
    write_dataset(tmp_path / "set", [1])
    (tmp_path / "set" / "images" / f"{evil}.jpg").write_bytes(b"")
    (tmp_path / f"{evil}.fs").write_text("no shader")
    for command in (
        ("preset", "import", tmp_path / f"{evil}.toml"),
        ("isf", "check", tmp_path / f"{evil}.fs"),
        ("dataset", "check", tmp_path / "set"),
        ("run", f"--{evil}"),
        ("run", "--config", f"{evil}.toml"),
    ):
        code, out, err = cli(*command)
        assert code and r"\x1b]0;owned\x07\u202e\x1b[2Jred" in out + err, (command, out, err)
        assert not {"\x1b", "\x07", "\u202e"} & {*out, *err}, command
