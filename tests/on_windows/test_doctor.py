"""The doctor's questions to Windows: registry, session, runtime. No setting of this PC is read or
changed."""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.system.win32 import is_remote_session, registry_value
from tests.support.doctor import first_hour_checks

pytestmark = pytest.mark.only_on("win32", reason="has a registry")

CONSENT = r"Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore"
HIVES = ("HKEY_CURRENT_USER", "HKEY_LOCAL_MACHINE")


def delete_tree(winreg: Any, parent: int, name: str) -> None:
    with winreg.OpenKey(parent, name) as key:
        while winreg.QueryInfoKey(key)[0]:
            delete_tree(winreg, key, winreg.EnumKey(key, 0))
    winreg.DeleteKey(parent, name)


@pytest.fixture
def write() -> Iterator[Callable[[str, str, str, str | int], None]]:
    """`write(hive, key, name, value)` writes into the registry that this process sees in place of
    the PC's: an empty one, by RegOverridePredefKey."""
    import winreg as windows_only

    winreg: Any = windows_only
    root = rf"Software\multiverse-tests-{os.getpid()}"
    override = ctypes.WinDLL("advapi32").RegOverridePredefKey  # type: ignore[attr-defined, unused-ignore]
    override.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    keys = [winreg.CreateKey(winreg.HKEY_CURRENT_USER, rf"{root}\{hive}") for hive in HIVES]
    assert [
        override(getattr(winreg, hive), int(key)) for hive, key in zip(HIVES, keys, strict=True)
    ] == [0, 0]

    def write_value(hive: str, key: str, name: str, value: str | int) -> None:
        kind = winreg.REG_SZ if isinstance(value, str) else winreg.REG_DWORD
        with winreg.CreateKey(getattr(winreg, hive), key) as opened:
            winreg.SetValueEx(opened, name, 0, kind, value)

    yield write_value
    for hive, key in zip(HIVES, keys, strict=True):
        override(getattr(winreg, hive), None)
        key.Close()
    delete_tree(winreg, winreg.HKEY_CURRENT_USER, root)


Write = Callable[[str, str, str, str | int], None]


def test_a_value_is_read_and_one_that_is_missing_is_none(write: Write) -> None:
    write("HKEY_CURRENT_USER", r"Software\Bühne 夜", "Größe ö", "夜の森")
    write("HKEY_LOCAL_MACHINE", "SYSTEM", "number", 2**32 - 1)
    assert registry_value("HKEY_CURRENT_USER", r"Software\Bühne 夜", "Größe ö") == "夜の森"
    assert registry_value("HKEY_LOCAL_MACHINE", "SYSTEM", "number") == 2**32 - 1
    assert registry_value("HKEY_LOCAL_MACHINE", "SYSTEM", "other") is None
    assert registry_value("HKEY_LOCAL_MACHINE", r"SYSTEM\other", "number") is None


def test_a_pc_without_problems_has_no_findings(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("HKEY_CURRENT_USER", rf"{CONSENT}\microphone", "Value", "Allow")
    monkeypatch.setattr(sys, "prefix", r"C:\multiverse\.venv")
    monkeypatch.chdir("C:\\")
    names = (
        "folder",
        "Visual C++ runtime",
        "Smart App Control",
        "session",
        "microphone permission",
        "camera permission",
    )
    assert {check.name: check.state for check in first_hour_checks()} == dict.fromkeys(
        ("Python's origin", *names), "ok"
    )


def test_each_problem_is_a_finding(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("HKEY_CURRENT_USER", rf"{CONSENT}\microphone\NonPackaged", "Value", "Deny")
    write("HKEY_LOCAL_MACHINE", rf"{CONSENT}\webcam", "Value", "Deny")
    policy = r"SYSTEM\CurrentControlSet\Control\CI\Policy"
    write("HKEY_LOCAL_MACHINE", policy, "VerifiedAndReputablePolicyState", 1)
    write(
        "HKEY_LOCAL_MACHINE",
        r"SYSTEM\CurrentControlSet\Control\Terminal Server",
        "GlassSessionId",
        4711,
    )
    monkeypatch.setenv("OneDrive", r"C:\Users\ann\OneDrive")
    monkeypatch.setenv("SYSTEMROOT", r"C:\nowhere")
    monkeypatch.setattr(sys, "prefix", r"c:\users\ann\onedrive\multiverse\.venv")
    monkeypatch.setattr(
        sys, "base_prefix", r"C:\Program Files\WindowsApps\PythonSoftwareFoundation.Python.3.13_q"
    )
    found = list(first_hour_checks())
    assert (
        len(found) == 7 and [check for check in found if check.state == "ok" or not check.fix] == []
    )


def test_long_paths_need_a_setting(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "C:\\" + "x" * 100 + r"\.venv")
    states = []
    for value in (0, 1):
        write(
            "HKEY_LOCAL_MACHINE",
            r"SYSTEM\CurrentControlSet\Control\FileSystem",
            "LongPathsEnabled",
            value,
        )
        states.append(next(check for check in first_hour_checks() if check.name == "folder").state)
    assert states == ["note", "ok"]


def test_the_session_at_the_glass_is_the_local_one(write: Write) -> None:
    """learn.microsoft.com, "Detecting the Remote Desktop Services environment"."""
    windows: Any = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined, unused-ignore]
    session = ctypes.c_uint32()
    assert windows.ProcessIdToSessionId(os.getpid(), ctypes.byref(session))
    assert not is_remote_session(), (
        "without that value; and this test itself does not run by Remote Desktop"
    )
    for at_the_glass, is_remote in ((session.value, False), (session.value + 1, True)):
        write(
            "HKEY_LOCAL_MACHINE",
            r"SYSTEM\CurrentControlSet\Control\Terminal Server",
            "GlassSessionId",
            at_the_glass,
        )
        assert is_remote_session() is is_remote
