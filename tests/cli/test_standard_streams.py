"""Names in any script on Windows with a code page: printed to files and pipes, and read from child processes."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

import pytest

from engine.audio.devices import DeviceListing
from engine.cli.probe import Probe
from engine.cli.standard_streams import print_any_name
from engine.params import PresetFolder
from engine.sources.devices import list_through_ffmpeg
from engine.system.python_process import utf8_environment
from tests.support.fake_win32 import FakeWindows

ENGINE = Path(__file__).parents[2] / "engine"
NIGHT = "桜の夜"
MAY_BE_TEXT = re.compile(r"read_text\(|write_text\(|TextIOWrapper\(|fdopen\(|text=|universal_newlines|(?<![.\w])open\(")
DEVICES = ["Mikrofon", "Динамики (Realtek)", "麦克风", "Kopfhörer"]


@pytest.fixture
def presets(tmp_path: Path) -> Path:
    folder = tmp_path / "presets"
    PresetFolder(folder).save(NIGHT, {"/multiverse/brightness": 0.5})
    return folder


@contextmanager
def redirected(path: Path, *, chosen: str = "") -> Iterator[None]:
    """Redirect `sys.stdout` to a file, encoded as on Windows: ANSI code page, strict. `chosen`: PYTHONIOENCODING."""
    with (
        path.open("wb") as file,
        TextIOWrapper(file, encoding="cp1252", errors="strict") as stream,
        pytest.MonkeyPatch.context() as patch,
    ):
        FakeWindows.installed(patch).answers["SetConsoleCtrlHandler"] = 1
        patch.setattr(sys, "platform", "win32")
        patch.setenv("PYTHONIOENCODING", chosen)
        patch.setattr(sys, "stdout", stream)
        yield


def test_the_users_encoding_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    with redirected(out, chosen="cp1252"):
        print_any_name()
        print(f"Über {NIGHT[0]}")
    assert out.read_bytes().rstrip() == b"\xdcber \\u685c"


def test_a_console_keeps_pythons_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """UTF-8, or the console's own code page with PYTHONLEGACYWINDOWSSTDIO."""

    class Console(TextIOWrapper):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delenv("PYTHONIOENCODING", raising=False)
    with open(os.devnull, "wb") as nowhere, Console(nowhere, encoding="cp850", errors="strict") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        print_any_name()
        assert (stream.encoding, stream.errors) == ("cp850", "backslashreplace")


def test_the_whole_program_prints_any_name_through_a_pipe_of_a_code_page(presets: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli.main", "preset", "list", "--presets", str(presets)],
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        cwd=ENGINE.parent,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert b"\\u685c\\u306e\\u591c" in done.stdout


def test_no_device_name_hides_later_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_for: Callable) -> None:
    """The listing program, with a fake sounddevice module."""
    listed = [{"name": name, "hostapi": 0} for name in DEVICES]
    (tmp_path / "sounddevice.py").write_text(
        f'def query_hostapis(): return [{{"name": "Windows WASAPI", "devices": {[*range(len(listed))]}}}]\n'
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
    return [SimpleNamespace(name=name, description=name, media_types=["video"]) for name in {DEVICES!r}]
""",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    assert [camera.name for camera in list_through_ffmpeg("dshow")] == DEVICES


def test_driver_output_in_the_code_page_breaks_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert Probe("encoders").read().values == {"h264": ["h264_mf"], "has_aac": False, "ten_bits": []}


def test_children_open_files_as_utf_8_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries open vocabularies and tables without naming an encoding."""
    monkeypatch.setattr(sys, "platform", "win32")
    assert utf8_environment()["PYTHONUTF8"] == "1"


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
        modes = [each.value for each in (*call.args[1:2], keywords.get("mode")) if isinstance(each, ast.Constant)]
        return not any("b" in str(mode) for mode in modes)
    return False
