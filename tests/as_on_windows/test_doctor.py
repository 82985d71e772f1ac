"""The doctor's findings on a PC; docs/windows.md must contain the same text."""

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from types import ModuleType
from typing import Any

import pytest

from engine.audio.devices import loopback_advice
from engine.cli.doctor_checks import (
    check_audio,
    check_cameras,
    check_default_input,
    check_port,
    check_presets,
    check_python,
    check_renderers,
    check_torch,
    first_hour_checks,
)
from engine.cli.doctor_list import Check
from engine.cli.doctor_windows import (
    MAX_FOLDER_CHARACTERS,
    check_python_source,
    check_smart_app_control,
    check_vc_runtime,
    check_windows_folder,
    check_windows_permission,
    check_windows_session,
)
from engine.cli.probe import Answer
from engine.jobs.dataset.cycles import install_command
from engine.models import device_work
from engine.models.rvc.pitch import FCPE_INSTALL
from engine.render.context import refusal
from engine.system import win32
from tests.support.fake_win32 import FakeWindows, reserve_ports

PAGE = Path(__file__).parents[2] / "docs" / "windows.md"
NUMBA = Answer(values={"threads": 8, "layer": "omp"})
CHECKOUT = PureWindowsPath(r"C:\multiverse")

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


def stumbles(monkeypatch: pytest.MonkeyPatch) -> Iterator[Check]:
    """Each problem that the doctor can find on a PC, with the values in the page."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr("platform.python_version", lambda: "3.14.2")
    monkeypatch.setattr("platform.platform", lambda: "Windows-11-10.0.26100-SP0")
    yield check_python((3, 14), "win32")
    yield check_python_source(r"C:\Program Files\WindowsApps\PythonSoftwareFoundation.Python.3.13")
    synced = PureWindowsPath(r"C:\Users\ann\OneDrive\multiverse")
    yield check_windows_folder([synced], [r"C:\Users\ann\OneDrive"], allows_long_paths=False)
    long = PureWindowsPath(r"C:\Users\ann\Documents\GitHub\multiverse-main\multiverse-main\multiverse")
    yield check_windows_folder([long], [], allows_long_paths=False)
    yield check_vc_runtime(is_there=False)
    error = "[WinError 126] The specified module could not be found."
    yield check_torch(Answer(error=error), "")
    yield check_cameras(Answer(error="DLL load failed while importing cv2: The specified module could not be found."))
    yield check_smart_app_control(is_on=True)
    blocked = "DLL load failed while importing _C: An Application Control policy has blocked this file."
    yield check_torch(Answer(error=blocked), "")
    torch = {"version": "2.13.0+cpu", "cuda": None, "devices": [], "has_mps": False}
    monkeypatch.setattr(sys, "executable", r".venv\Scripts\python")
    yield check_torch(Answer(values=torch), "NVIDIA RTX 4060")
    torch |= {"version": "2.13.0+cu130", "cuda": "13.0"}
    monkeypatch.setattr(device_work.torch, "__version__", torch["version"])
    monkeypatch.setattr(device_work.torch.version, "cuda", torch["cuda"])
    problem = device_work._device_error("cuda", RuntimeError("driver on your system is too old (found version 12080)"))
    yield check_torch(Answer(values=torch | {"problem": str(problem)}), "NVIDIA RTX 4060")
    for card, capability in (("NVIDIA GTX 1080", [6, 1]), ("NVIDIA RTX 9090", [13, 0])):
        cards = {"devices": [card], "kernels_for": ["sm_75", "sm_120"], "capabilities": [capability]}
        yield check_torch(Answer(values=torch | cards), card)
    gl = Answer(values={"renderer": "Intel(R) UHD", "version": "4.6", "is_software": False, "is_deep": True})
    monkeypatch.setattr(sys, "_base_executable", r"C:\Python313\python.exe", raising=False)
    yield check_renderers(gl, NUMBA, "win32", "NVIDIA RTX 4060")[0]
    reason = refusal("GDI Generic", 110, 0)
    yield check_renderers(Answer(error=str(reason)), NUMBA, "win32", "")[0]
    yield check_windows_session(is_remote=True)
    yield check_windows_permission("microphone", ["Allow", "Allow", "Deny"])
    yield check_windows_permission("camera", ["Deny", None, None])
    yield from check_audio(Answer(values={"inputs": []}))
    yield from check_default_input("Headset (AirPods)", 16_000, is_loopback=False)
    with monkeypatch.context() as patch:
        reserve_ports(patch, socket.SOCK_DGRAM)
        yield check_port("OSC port", "--osc", "127.0.0.1", 9000, (socket.SOCK_DGRAM,))


def test_each_line_of_the_doctor_is_in_the_page_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [line.replace("`", "") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    for check in list(stumbles(monkeypatch)):
        assert check.state in ("note", "warning")
        row = f"| {check.state} {check.name}: {check.detail} | {check.mend}".replace("`", "")
        assert any(line.startswith(row) for line in rows), row


def test_commands_can_be_typed_in_powershell_and_in_cmd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """PowerShell 5.1 has no `&&`, and in cmd a single quote is an ordinary character."""
    monkeypatch.setattr(sys, "platform", "win32")
    (tmp_path / "file").touch()
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path / "file" / "home"))
    presets = check_presets("win32").mend
    assert presets == r"setx MULTIVERSE_HOME C:\multiverse-home, then open a new window"
    advice = loopback_advice((), "win32")
    assert advice.endswith('--audio "device:CABLE Output"')
    for command in (presets, advice.partition("--audio")[2], install_command(), FCPE_INSTALL):
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


def test_a_pc_with_every_problem_has_every_finding(
    windows: FakeWindows, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    assert len(found) == 7 and all(check.state != "ok" and check.mend for check in found)


def test_a_long_folder_is_reported_unless_windows_allows_long_paths() -> None:
    folder = CHECKOUT / ("x" * (MAX_FOLDER_CHARACTERS - len(str(CHECKOUT)) - 1))
    assert len(str(folder)) == MAX_FOLDER_CHARACTERS
    assert check_windows_folder([folder], [], allows_long_paths=False).state == "ok"
    longer = folder / "y"
    assert "LongPathsEnabled" in check_windows_folder([CHECKOUT, longer], [], allows_long_paths=False).mend
    assert check_windows_folder([longer], [], allows_long_paths=True).state == "ok"


def test_long_paths_are_read_from_the_registry(
    windows: FakeWindows, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
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

    def tell_session(process: int, where: Any) -> int:
        assert process == 4711
        where.value = session
        return 1

    windows.answers |= {"GetSystemMetrics": metrics, "GetCurrentProcessId": 4711, "ProcessIdToSessionId": tell_session}
    if glass is not None:
        registry["HKEY_LOCAL_MACHINE", r"SYSTEM\CurrentControlSet\Control\Terminal Server", "GlassSessionId"] = glass
    assert win32.is_remote_session() is is_remote
    assert windows.called("GetSystemMetrics") == [[0x1000]]
