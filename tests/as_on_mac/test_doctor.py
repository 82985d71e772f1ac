"""The doctor's findings on a Mac; docs/tutorials/mac-doctor.md must contain the same text."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from engine.cli.doctor_checks import Check
from engine.cli.probe import Answer, ask_permissions
from engine.render.context import refusal
from tests.support.doctor import check, first_hour_checks

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "mac-doctor.md"
NUMBA = Answer(values={"threads": 8, "layer": "workqueue"})
HOME = "/Users/ann"
TERMINAL = {"__CFBundleIdentifier": "com.apple.Terminal", "TERM_PROGRAM": "Apple_Terminal"}
pytestmark = pytest.mark.only_on("linux", "darwin", reason="simulates a Mac on POSIX")


def mic(**values: Any) -> Answer:
    return Answer(values={"inputs": ["Mic"], "default_rate_hz": 48_000, **values})


def stumbles() -> Iterator[Check]:
    """Each problem that the doctor can find on a Mac, with the values in the page."""
    yield check("processor", "x86_64", "1")
    for folder in (
        "Downloads/multiverse",
        "Library/Mobile Documents/com~apple~CloudDocs/multiverse",
    ):
        yield check("folder", (f"{HOME}/{folder}/.venv", "/"), HOME)
    yield check("session", True, "darwin")
    yield check(
        "OpenGL", Answer(error=str(refusal("Apple Software Renderer", 410, 1))), NUMBA, "", "darwin"
    )
    for device, state in (
        ("microphone", "refused"), ("camera", "refused"), ("microphone", "not asked"),
        ("microphone", "unknown"),
    ):  # fmt: skip
        yield check(f"{device} permission", Answer(values={device: state}), TERMINAL, device)
    yield check("local network", {"TERM_PROGRAM": "iTerm.app"}, 15)
    yield check("audio input", Answer(values={"inputs": []}), "darwin")
    yield check("default sound input", mic(default="Ann's AirPods Pro", default_rate_hz=24_000))


def test_each_line_of_the_doctor_is_in_the_page_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    rows = [
        line.replace("`", "")
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]
    for found in stumbles():
        assert found.state in ("note", "warning")
        row = f"| {found.state} {found.name}: {found.detail} | {found.fix}"
        assert any(line.startswith(row) for line in rows), row


def test_a_good_mac_has_no_findings_and_one_under_rosetta_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    monkeypatch.setattr("platform.mac_ver", lambda: ("15.1", ("", "", ""), "arm64"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.setenv("TERM_PROGRAM", "Apple_Terminal")
    assert {check.name: check.state for check in first_hour_checks()} == dict.fromkeys(
        ("processor", "folder", "session"), "ok"
    )
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command, **options: subprocess.CompletedProcess(command, 0, stdout="1\n", stderr=""),
    )
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.2 50000 10.0.0.3 22")
    states = {check.name: check.state for check in first_hour_checks()}
    assert states == {"processor": "warning", "folder": "ok", "session": "warning"}
    monkeypatch.delenv("SSH_CONNECTION")
    monkeypatch.setenv("TERM_PROGRAM", "vscode")
    assert [check.detail for check in first_hour_checks() if check.name == "local network"] == [
        "vscode needs permission for --lan, NDI and network cameras; Terminal does not"
    ]


def test_permissions_are_read_and_never_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    """AVCaptureDevice.h: authorizationStatusForMediaType: returns 0 to 3; only requestAccess...
    prompts. The media types are AVMediaFormat.h's "soun" and "vide"."""
    noted = {"soun": 2, "vide": 0}
    queried: list[str] = []

    class Device:
        @staticmethod
        def authorizationStatusForMediaType_(kind: str) -> int:
            queried.append(kind)
            return noted[kind]

    fake: Any = ModuleType("objc")
    fake.loadBundle = lambda name, scope, bundle_path: None
    fake.lookUpClass = {"AVCaptureDevice": Device}.__getitem__
    monkeypatch.setitem(sys.modules, "objc", fake)
    assert ask_permissions() == {"microphone": "refused", "camera": "not asked"}
    noted["soun"] = noted["vide"] = 3
    assert set(ask_permissions().values()) == {"allowed"}
    assert queried == ["soun", "vide"] * 2
