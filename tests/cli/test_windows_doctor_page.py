"""The doctor's findings on a PC; docs/tutorials/windows-doctor.md must contain the same text."""

import errno
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.audio.devices import loopback_advice
from engine.cli.doctor_checks import Check
from engine.cli.doctor_machine import MAX_FOLDER_CHARACTERS
from engine.cli.probe import Answer
from engine.dataset.cycles.finding import install_command
from engine.models import device_work
from engine.render.context import refusal
from engine.system.installing import install_line
from engine.system.refused_port import refusal_reason
from tests.support.doctor import check

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "windows-doctor.md"
NUMBA = Answer(values={"threads": 8, "layer": "omp"})


def torch(values: dict[str, Any] | None = None, error: str = "") -> Check:
    return check("torch", Answer(values=values or {}, error=error), "NVIDIA RTX 4060", True)


def stumbles(monkeypatch: pytest.MonkeyPatch) -> Iterator[Check]:
    """Each problem that the doctor can find on a PC, with the values in the page."""
    yield check("Python", ((3, 14), "3.14.2 on Windows-11-10.0.26100-SP0"), "win32")
    yield check(
        "Python's origin", r"C:\Program Files\WindowsApps\PythonSoftwareFoundation.Python.3.13"
    )
    synced = r"C:\Users\ann\OneDrive\multiverse"
    yield check("folder", (rf"{synced}\.venv", "C:"), ([r"C:\Users\ann\OneDrive"], False))
    long = r"C:\Users\ann\Documents\GitHub\multiverse-main\multiverse-main\multiverse"
    yield check("folder", (rf"{long}\.venv", "C:"), ([], False))
    yield check("Visual C++ runtime", False)
    yield torch(error="[WinError 126] The specified module could not be found.")
    missing = "DLL load failed while importing cv2: The specified module could not be found."
    yield check("cameras", Answer(error=missing))
    yield check("Smart App Control", 1)
    yield torch(
        error="DLL load failed while importing _C: An Application Control policy has blocked this "
        "file."
    )
    values: dict[str, Any] = {
        "version": "2.13.0+cpu",
        "cuda": None,
        "devices": [],
        "has_mps": False,
    }
    monkeypatch.setattr(sys, "executable", r".venv\Scripts\python")
    yield torch(values)
    values |= {"version": "2.13.0+cu130", "cuda": "13.0"}
    monkeypatch.setattr(device_work.torch, "__version__", values["version"])
    monkeypatch.setattr(device_work.torch.version, "cuda", values["cuda"])
    problem = device_work._device_error(
        "cuda", RuntimeError("driver on your system is too old (found version 12080)")
    )
    yield torch(values | {"problem": str(problem)})
    for card, capability in (("NVIDIA GTX 1080", [6, 1]), ("NVIDIA RTX 9090", [13, 0])):
        yield torch(
            values
            | {"devices": [card], "kernels_for": ["sm_75", "sm_120"], "capabilities": [capability]}
        )
    gl = Answer(
        values={"renderer": "Intel(R) UHD", "version": "4.6", "is_software": False, "is_deep": True}
    )
    monkeypatch.setattr(sys, "_base_executable", r"C:\Python313\python.exe", raising=False)
    yield check("OpenGL", gl, NUMBA, "NVIDIA RTX 4060", "win32")
    yield check("OpenGL", Answer(error=str(refusal("GDI Generic", 110, 0))), NUMBA, "", "win32")
    yield check("session", True, "win32")
    yield check("microphone permission", ["Allow", "Allow", "Deny"], "microphone")
    yield check("camera permission", ["Deny", None, None], "webcam")
    yield check("audio input", Answer(values={"inputs": []}), "win32")
    headset = {"inputs": ["Headset"], "default": "Headset (AirPods)", "default_rate_hz": 16_000}
    yield check("default sound input", Answer(values=headset))
    reserved = refusal_reason(
        PermissionError(errno.EACCES, "An attempt was made to access a socket")
    )
    yield check("OSC port", {"--osc": ("127.0.0.1", 9000, f"({reserved})")}, "--osc")


def test_each_line_of_the_doctor_is_in_the_page_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [
        line.replace("`", "")
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]
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
    for command in (
        presets,
        advice.partition("--audio")[2],
        install_command(),
        install_line("[fcpe]"),
    ):
        assert "&&" not in command and "'" not in command


def test_a_long_folder_is_reported_unless_windows_allows_long_paths(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")

    def checked(folder: str, allows_long_paths: bool) -> Check:
        return check("folder", (r"C:\multiverse\.venv", folder), ([], allows_long_paths))

    folder = "C:\\" + "x" * (MAX_FOLDER_CHARACTERS - 3)
    assert checked(folder, False).state == "ok"
    assert "LongPathsEnabled" in checked(folder + "y", False).fix
    assert checked(folder + "y", True).state == "ok"
