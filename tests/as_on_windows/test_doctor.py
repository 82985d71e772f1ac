"""The doctor's findings on a PC; docs/tutorials/windows-doctor.md must contain the same text."""

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from engine.audio.devices import loopback_advice
from engine.cli.doctor_checks import Check
from engine.cli.doctor_machine import MAX_FOLDER_CHARACTERS, refused_port
from engine.cli.probe import Answer
from engine.dataset.cycles.finding import install_command
from engine.models import device_work
from engine.render.context import refusal
from engine.system import win32
from engine.system.installing import install_line
from tests.support.doctor import check, first_hour_checks
from tests.support.fake_win32 import FakeWindows, reserve_ports

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "windows-doctor.md"
NUMBA = Answer(values={"threads": 8, "layer": "omp"})

Registry = dict[tuple[str, str, str], str | int]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A fake registry, (hive, key, name) -> value, read through `winreg`."""
    values: Registry = {}

    @contextmanager
    def open_key(hive: str, key: str) -> Iterator[tuple[str, str]]:
        if not any(found[:2] == (hive, key) for found in values):
            raise FileNotFoundError(errno.ENOENT, "The system cannot find the file specified")
        yield hive, key

    def query(opened: tuple[str, str], name: str) -> tuple[str | int, int]:
        if (*opened, name) not in values:
            raise FileNotFoundError(errno.ENOENT, "The system cannot find the file specified")
        return values[*opened, name], 1

    fake: Any = ModuleType("winreg")
    fake.OpenKey, fake.QueryValueEx = open_key, query
    fake.HKEY_LOCAL_MACHINE, fake.HKEY_CURRENT_USER = "HKEY_LOCAL_MACHINE", "HKEY_CURRENT_USER"
    monkeypatch.setitem(sys.modules, "winreg", fake)
    return values


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch, registry: Registry) -> FakeWindows:
    fake = FakeWindows.installed(monkeypatch)
    monkeypatch.setattr(sys, "platform", "win32")
    return fake


def torch(values: dict[str, Any] | None = None, error: str = "") -> Check:
    return check("torch", Answer(values=values or {}, error=error), "NVIDIA RTX 4060", True)


def stumbles(monkeypatch: pytest.MonkeyPatch) -> Iterator[Check]:
    """Each problem that the doctor can find on a PC, with the values in the page."""
    yield check("Python", ((3, 14), "3.14.2 on Windows-11-10.0.26100-SP0"), "win32")
    yield check("Python's origin", r"C:\Program Files\WindowsApps\PythonSoftwareFoundation.Python.3.13")
    synced = r"C:\Users\ann\OneDrive\multiverse"
    yield check("folder", (rf"{synced}\.venv", "C:"), ([r"C:\Users\ann\OneDrive"], False))
    long = r"C:\Users\ann\Documents\GitHub\multiverse-main\multiverse-main\multiverse"
    yield check("folder", (rf"{long}\.venv", "C:"), ([], False))
    yield check("Visual C++ runtime", False)
    yield torch(error="[WinError 126] The specified module could not be found.")
    missing = "DLL load failed while importing cv2: The specified module could not be found."
    yield check("cameras", Answer(error=missing))
    yield check("Smart App Control", 1)
    yield torch(error="DLL load failed while importing _C: An Application Control policy has blocked this file.")
    values: dict[str, Any] = {"version": "2.13.0+cpu", "cuda": None, "devices": [], "has_mps": False}
    monkeypatch.setattr(sys, "executable", r".venv\Scripts\python")
    yield torch(values)
    values |= {"version": "2.13.0+cu130", "cuda": "13.0"}
    monkeypatch.setattr(device_work.torch, "__version__", values["version"])
    monkeypatch.setattr(device_work.torch.version, "cuda", values["cuda"])
    problem = device_work._device_error("cuda", RuntimeError("driver on your system is too old (found version 12080)"))
    yield torch(values | {"problem": str(problem)})
    for card, capability in (("NVIDIA GTX 1080", [6, 1]), ("NVIDIA RTX 9090", [13, 0])):
        yield torch(values | {"devices": [card], "kernels_for": ["sm_75", "sm_120"], "capabilities": [capability]})
    gl = Answer(values={"renderer": "Intel(R) UHD", "version": "4.6", "is_software": False, "is_deep": True})
    monkeypatch.setattr(sys, "_base_executable", r"C:\Python313\python.exe", raising=False)
    yield check("OpenGL", gl, NUMBA, "NVIDIA RTX 4060", "win32")
    yield check("OpenGL", Answer(error=str(refusal("GDI Generic", 110, 0))), NUMBA, "", "win32")
    yield check("session", True, "win32")
    yield check("microphone permission", ["Allow", "Allow", "Deny"], "microphone")
    yield check("camera permission", ["Deny", None, None], "webcam")
    yield check("audio input", Answer(values={"inputs": []}), "win32")
    headset = {"inputs": ["Headset"], "default": "Headset (AirPods)", "default_rate_hz": 16_000}
    yield check("default sound input", Answer(values=headset))
    with monkeypatch.context() as patch:
        reserve_ports(patch, socket.SOCK_DGRAM)
        problem_of_port = refused_port("127.0.0.1", 9000, socket.SOCK_DGRAM)
    yield check("OSC port", {"--osc": ("127.0.0.1", 9000, problem_of_port)}, "--osc")


def test_each_line_of_the_doctor_is_in_the_page_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [line.replace("`", "") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    monkeypatch.setattr(sys, "platform", "win32")
    for found in stumbles(monkeypatch):
        assert found.state in ("note", "warning")
        row = f"| {found.state} {found.name}: {found.detail} | {found.fix}".replace("`", "")
        assert any(line.startswith(row) for line in rows), row


def test_commands_can_be_typed_in_powershell_and_in_cmd(monkeypatch: pytest.MonkeyPatch) -> None:
    """PowerShell 5.1 has no `&&`, and in cmd a single quote is an ordinary character."""
    monkeypatch.setattr(sys, "platform", "win32")
    presets = check("presets", (r"C:\presets", "Access is denied"), "win32").fix
    assert presets == r"setx MULTIVERSE_HOME C:\multiverse-home, then open a new window"
    advice = loopback_advice((), "win32")
    assert advice.endswith('--audio "device:CABLE Output"')
    for command in (presets, advice.partition("--audio")[2], install_command(), install_line("[fcpe]")):
        assert "&&" not in command and "'" not in command


def test_a_pc_without_problems_has_no_findings(
    windows: FakeWindows, registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    consent = r"Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore"
    registry["HKEY_CURRENT_USER", rf"{consent}\microphone", "Value"] = "Allow"
    (tmp_path / "System32").mkdir()
    (tmp_path / "System32" / "msvcp140.dll").touch()
    monkeypatch.setenv("SYSTEMROOT", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", r"C:\multiverse\.venv")
    monkeypatch.chdir("/")
    assert {check.name: check.state for check in first_hour_checks()} == dict.fromkeys(
        (
            "Python's origin",
            "folder",
            "Visual C++ runtime",
            "Smart App Control",
            "session",
            "microphone permission",
            "camera permission",
        ),
        "ok",
    )


def test_each_problem_is_a_finding(windows: FakeWindows, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    consent = r"Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore"
    registry["HKEY_CURRENT_USER", rf"{consent}\microphone\NonPackaged", "Value"] = "Deny"
    registry["HKEY_LOCAL_MACHINE", rf"{consent}\webcam", "Value"] = "Deny"
    registry["HKEY_LOCAL_MACHINE", r"SYSTEM\CurrentControlSet\Control\CI\Policy", "VerifiedAndReputablePolicyState"] = 1
    windows.answers["GetSystemMetrics"] = 1
    monkeypatch.setenv("OneDrive", r"C:\Users\ann\OneDrive")
    monkeypatch.setenv("SYSTEMROOT", "/nowhere")
    monkeypatch.setattr(sys, "prefix", r"c:\users\ann\onedrive\multiverse\.venv")
    monkeypatch.setattr(sys, "base_prefix", r"C:\Program Files\WindowsApps\PythonSoftwareFoundation.Python.3.13_q")
    found = list(first_hour_checks())
    assert len(found) == 7 and all(check.state != "ok" and check.fix for check in found)


def test_a_long_folder_is_reported_unless_windows_allows_long_paths(windows: FakeWindows) -> None:
    def checked(folder: str, allows_long_paths: bool) -> Check:
        return check("folder", (r"C:\multiverse\.venv", folder), ([], allows_long_paths))

    folder = "C:\\" + "x" * (MAX_FOLDER_CHARACTERS - 3)
    assert checked(folder, False).state == "ok"
    assert "LongPathsEnabled" in checked(folder + "y", False).fix
    assert checked(folder + "y", True).state == "ok"


def test_long_paths_need_a_setting(windows: FakeWindows, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "C:\\" + "x" * 100 + r"\.venv")
    states = []
    for value in (0, 1):
        registry["HKEY_LOCAL_MACHINE", r"SYSTEM\CurrentControlSet\Control\FileSystem", "LongPathsEnabled"] = value
        states.append(next(check for check in first_hour_checks() if check.name == "folder").state)
    assert states == ["note", "ok"]


@pytest.mark.parametrize(
    ("metrics", "glass", "session", "is_remote"),
    [(1, 1, 1, True), (0, 1, 1, False), (0, 1, 3, True), (0, None, 3, False)],
    ids=["remote", "local", "RemoteFX", "no such key"],
)
def test_a_remote_desktop_is_detected_as_microsoft_documents(
    windows: FakeWindows, registry: Registry, metrics: int, glass: int | None, session: int, is_remote: bool
) -> None:
    """learn.microsoft.com, "Detecting the Remote Desktop Services environment"."""

    def session_of(process: int, where: Any) -> int:
        assert process == 4711
        where.value = session
        return 1

    windows.answers |= {"GetSystemMetrics": metrics, "GetCurrentProcessId": 4711, "ProcessIdToSessionId": session_of}
    if glass is not None:
        registry["HKEY_LOCAL_MACHINE", r"SYSTEM\CurrentControlSet\Control\Terminal Server", "GlassSessionId"] = glass
    assert win32.is_remote_session() is is_remote
    assert windows.called("GetSystemMetrics") == [[0x1000]]
