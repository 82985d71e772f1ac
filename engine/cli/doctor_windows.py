"""The doctor's checks for common beginners' problems on Windows.

docs/windows.md uses the same words; a test compares them. `windows_checks` looks up the facts, the other functions
judge them and are pure. Nothing here opens a microphone or a camera.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path, PureWindowsPath

from engine.cli.doctor_list import Check, note, ok, warning
from engine.system import win32

NEW_ENVIRONMENT = (
    "py -3.13 -m venv --clear .venv, then "
    r'.venv\Scripts\python -m pip install -c .ci\constraints.txt -e ".[models]"'
)
"""Recreates the environment. Without --clear, venv would keep its old Python (CPython's `setup_python`)."""
# Windows limits paths to 260 characters. The longest one in an environment is torch's: 171 in Lib\site-packages.
MAX_FOLDER_CHARACTERS = 60
ALLOW_LONG_PATHS = (
    r'reg add "HKLM\SYSTEM\CurrentControlSet\Control\FileSystem" /v LongPathsEnabled /t REG_DWORD /d 1 /f'
)
SWITCH_SMART_APP_CONTROL = (
    "Windows Security, App & browser control, Smart App Control, Off (it comes back only with a reset of Windows)"
)
INSTALL_VC_RUNTIME = "winget install Microsoft.VCRedist.2015+.x64"
_CONSENT = r"Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore"


def windows_checks() -> Iterator[Check]:
    yield check_python_source(sys.base_prefix)
    synced = [os.environ[name] for name in ("OneDrive", "OneDriveConsumer", "OneDriveCommercial") if name in os.environ]
    file_system = r"SYSTEM\CurrentControlSet\Control\FileSystem"
    allows_long = win32.registry_value("HKEY_LOCAL_MACHINE", file_system, "LongPathsEnabled") == 1
    folders = [PureWindowsPath(sys.prefix).parent, PureWindowsPath(Path.cwd())]
    yield check_windows_folder(folders, synced, allows_long_paths=allows_long)
    runtime = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "msvcp140.dll")
    yield check_vc_runtime(is_there=runtime.exists())
    policy = r"SYSTEM\CurrentControlSet\Control\CI\Policy"
    state = win32.registry_value("HKEY_LOCAL_MACHINE", policy, "VerifiedAndReputablePolicyState")
    yield check_smart_app_control(is_on=state == 1)  # 0: off; 2: evaluation, which blocks nothing
    yield check_windows_session(is_remote=win32.is_remote_session())
    for device, key in (("microphone", "microphone"), ("camera", "webcam")):
        values = [
            win32.registry_value(hive, rf"{_CONSENT}\{place}", "Value")
            for hive, place in (
                ("HKEY_LOCAL_MACHINE", key),
                ("HKEY_CURRENT_USER", key),
                ("HKEY_CURRENT_USER", rf"{key}\NonPackaged"),
            )
        ]
        yield check_windows_permission(device, values)


def check_python_source(base_prefix: str) -> Check:
    """Warn about the Microsoft Store's Python: it redirects writes to AppData to a private folder (CPython's manual,
    "Using Python on Windows"), so other programs and other Pythons do not see the presets."""
    if "windowsapps" not in base_prefix.lower():
        return ok("Python's origin", base_prefix)
    return note(
        "Python's origin",
        f"the Microsoft Store's Python ({base_prefix}): presets go to a folder that only it can see",
        f"install Python 3.13 from python.org, then {NEW_ENVIRONMENT}",
    )


def check_windows_folder(
    folders: Sequence[PureWindowsPath], synced: Sequence[str], *, allows_long_paths: bool
) -> Check:
    """Check the folders. `folders`: the checkout and the current one. `synced`: those that OneDrive synchronises."""
    for folder in folders:
        if any(folder.is_relative_to(PureWindowsPath(place)) for place in synced):
            return warning(
                "folder",
                f"{folder} is in OneDrive, which opens files while they are written",
                rf"move it to a short folder such as C:\multiverse, then cd C:\multiverse, then {NEW_ENVIRONMENT}",
            )
    longest = max(folders, key=lambda folder: len(str(folder)))
    if len(str(longest)) > MAX_FOLDER_CHARACTERS and not allows_long_paths:
        return note(
            "folder",
            f"{longest}: {len(str(longest))} characters; above {MAX_FOLDER_CHARACTERS} packages may reach "
            "the 260 at which Windows ends paths",
            f"open Terminal as an administrator, then {ALLOW_LONG_PATHS}",
        )
    return ok("folder", str(folders[0]))


def check_vc_runtime(*, is_there: bool) -> Check:
    """Check msvcp140.dll, which Python does not include and torch, Numba and OpenCV need."""
    if is_there:
        return ok("Visual C++ runtime", "msvcp140.dll is there")
    detail = "msvcp140.dll is missing: torch, Numba or OpenCV may not load"
    return warning("Visual C++ runtime", detail, INSTALL_VC_RUNTIME)


def check_smart_app_control(*, is_on: bool) -> Check:
    """Check Windows 11's Smart App Control, which blocks unsigned Python packages unless many people use them."""
    if not is_on:
        return ok("Smart App Control", "off, or blocks nothing")
    return note(
        "Smart App Control",
        "on: it may block packages (An Application Control policy has blocked this file)",
        f"only if it does: {SWITCH_SMART_APP_CONTROL}",
    )


def check_windows_session(*, is_remote: bool) -> Check:
    if not is_remote:
        return ok("session", "at the machine itself")
    return warning(
        "session",
        "Remote Desktop: it may hide the graphics card, sound and cameras of this machine",
        "start the engine at the machine itself, or through a program that shows its own screen (such as VNC)",
    )


def check_windows_permission(device: str, values: Sequence[str | int | None]) -> Check:
    """Check a permission. `values`: ConsentStore's for the machine, the user and the user's desktop programs; None:
    unset."""
    name = f"{device} permission"
    if "Deny" not in values:
        return ok(name, "allowed, as far as Windows says")
    silence = ": it gives silence, or nothing at all" if device == "microphone" else ""
    page = "webcam" if device == "camera" else device
    return warning(
        name,
        f"Windows keeps the {device} from desktop programs{silence}",
        f"start ms-settings:privacy-{page}, then switch on: Let desktop apps access it",
    )


def graphics_advice(python: str) -> str:
    """Steps that make Windows give the Python at this path the fast graphics card.

    It must be the base Python: an environment's python.exe only starts that one (CPython, PC/venvlauncher.c).
    """
    choose = f"Settings, System, Display, Graphics: add {python} with High performance"
    key = r"HKCU\Software\Microsoft\DirectX\UserGpuPreferences"
    return f'{choose}; or: reg add "{key}" /v "{python}" /d "GpuPreference=2;" /f'


def library_advice(error: str) -> str:
    """Advice for a library that Windows could not load; empty for other errors."""
    if "Application Control policy" in error:
        return SWITCH_SMART_APP_CONTROL
    if not any(part in error for part in ("DLL load failed", "WinError 126", "WinError 1114", "load shared object")):
        return ""
    if "cv2" in error:  # opencv-python's README: the N editions lack Media Foundation
        return f"{INSTALL_VC_RUNTIME}; or on Windows N: Settings, System, Optional features, Media Feature Pack"
    return INSTALL_VC_RUNTIME
