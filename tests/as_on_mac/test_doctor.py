"""The doctor's findings on a Mac; docs/mac.md must contain the same text."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import pytest

from engine.cli.doctor_checks import (
    check_audio,
    check_default_input,
    check_permissions,
    check_renderers,
    first_hour_checks,
)
from engine.cli.doctor_list import Check
from engine.cli.doctor_mac import (
    check_local_network,
    check_mac_folder,
    check_mac_permission,
    check_mac_session,
    check_processor,
    mac_permissions,
)
from engine.cli.probe import Answer
from engine.render.context import refusal

PAGE = Path(__file__).parents[2] / "docs" / "mac.md"
NUMBA = Answer(values={"threads": 8, "layer": "workqueue"})
HOME = PurePosixPath("/Users/ann")
TERMINAL = {"__CFBundleIdentifier": "com.apple.Terminal", "TERM_PROGRAM": "Apple_Terminal"}


def stumbles(monkeypatch: pytest.MonkeyPatch) -> Iterator[Check]:
    """Each problem that the doctor can find on a Mac, with the values in the page."""
    monkeypatch.setattr(sys, "platform", "darwin")
    yield check_processor("x86_64", is_translated=True)
    yield check_mac_folder([HOME / "Downloads" / "multiverse"], HOME)
    yield check_mac_folder([HOME / "Library/Mobile Documents/com~apple~CloudDocs/multiverse"], HOME)
    yield check_mac_session({"SSH_CONNECTION": "10.0.0.2 50000 10.0.0.3 22"})
    yield check_renderers(Answer(error=str(refusal("Apple Software Renderer", 410, 1))), NUMBA, "darwin", "")[0]
    for device in ("microphone", "camera"):
        yield check_mac_permission(device, "refused", TERMINAL)
    yield check_mac_permission("microphone", "not asked", TERMINAL)
    yield check_mac_permission("microphone", "unknown", TERMINAL)
    yield from check_local_network({"TERM_PROGRAM": "iTerm.app"}, 15)
    yield from check_audio(Answer(values={"inputs": []}))
    yield from check_default_input("Ann's AirPods Pro", 24_000, is_loopback=False)


def test_each_line_of_the_doctor_is_in_the_page_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [line.replace("`", "") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    for check in list(stumbles(monkeypatch)):
        assert check.state in ("note", "warning")
        row = f"| {check.state} {check.name}: {check.detail} | {check.mend}"
        assert any(line.startswith(row) for line in rows), row


def test_a_mac_without_problems_has_no_findings_and_one_under_rosetta_has(
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
        subprocess, "run", lambda command, **options: subprocess.CompletedProcess(command, 0, stdout="1\n", stderr="")
    )
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.2 50000 10.0.0.3 22")
    states = {check.name: check.state for check in first_hour_checks()}
    assert states == {"processor": "warning", "folder": "ok", "session": "warning"}
    monkeypatch.delenv("SSH_CONNECTION")
    monkeypatch.setenv("TERM_PROGRAM", "vscode")
    assert [check.detail for check in first_hour_checks() if check.name == "local network"] == [
        "vscode needs permission for --lan, NDI and network cameras; Terminal does not"
    ]


def test_an_intel_mac_does_not_report_rosetta() -> None:
    assert check_processor("x86_64", is_translated=False).state == "ok"


def test_local_network_permission_concerns_macos_15_and_terminals_other_than_apples() -> None:
    """Apple's TN3179: tools run from Terminal or over SSH, and their children, are allowed."""
    assert list(check_local_network({"TERM_PROGRAM": "iTerm.app"}, 14)) == []
    assert list(check_local_network(TERMINAL, 15)) == []
    assert list(check_local_network({"TERM_PROGRAM": "iTerm.app", "SSH_CONNECTION": "x"}, 15)) == []


@pytest.mark.parametrize(
    ("name", "rate_hz", "is_loopback", "count"),
    [
        ("MacBook Pro Microphone", 48_000, False, 0),
        ("Ann's AirPods Pro", 48_000, False, 1),
        ("WH-1000XM5", 16_000, False, 1),
        ("BlackHole 2ch", 16_000, True, 0),
    ],
)
def test_a_bluetooth_headset_is_known_by_its_name_or_its_rate(
    name: str, rate_hz: int, is_loopback: bool, count: int
) -> None:
    assert len(list(check_default_input(name, rate_hz, is_loopback=is_loopback))) == count


def test_permissions_are_read_and_never_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    """AVCaptureDevice.h: authorizationStatusForMediaType: returns 0 to 3; only requestAccess... prompts. The media
    types are AVMediaFormat.h's "soun" and "vide"."""
    noted = {"soun": 2, "vide": 0}
    asked: list[str] = []

    class Device:
        @staticmethod
        def authorizationStatusForMediaType_(kind: str) -> int:
            asked.append(kind)
            return noted[kind]

    fake: Any = ModuleType("objc")
    fake.loadBundle = lambda name, scope, bundle_path: None
    fake.lookUpClass = {"AVCaptureDevice": Device}.__getitem__
    monkeypatch.setitem(sys.modules, "objc", fake)
    assert mac_permissions() == {"microphone": "refused", "camera": "not asked"}
    noted["soun"] = noted["vide"] = 3
    assert set(mac_permissions().values()) == {"allowed"}
    assert asked == ["soun", "vide"] * 2


def test_a_permission_that_cannot_be_read_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    found = check_permissions(Answer(error="No module named 'objc'"))
    assert [(check.name, check.state) for check in found] == [
        ("microphone permission", "note"),
        ("camera permission", "note"),
    ]


def test_another_terminal_is_named_in_the_command_that_resets_its_permission() -> None:
    check = check_mac_permission("camera", "refused", {"__CFBundleIdentifier": "com.googlecode.iterm2"})
    assert check.mend.startswith("tccutil reset Camera com.googlecode.iterm2, then quit")
    unknown = check_mac_permission("camera", "refused", {}).mend
    assert "tccutil" not in unknown and "Privacy & Security, Camera" in unknown  # it would reset all programs
