"""The doctor's checks for common beginners' problems on a Mac.

docs/mac.md uses the same words; a test compares them. `mac_checks` looks up the facts, the other functions judge them
and are pure. Nothing here opens a microphone or a camera, so macOS asks for no permission.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from engine.cli.doctor_list import Check, note, ok, warning

NEW_ENVIRONMENT = (
    'python3.13 -m venv --clear .venv, then .venv/bin/python -m pip install -c .ci/constraints.txt -e ".[models]"'
)
"""Recreates the environment. Without --clear, venv would keep its old Python (CPython's `setup_python`)."""

Permission = Literal["allowed", "refused", "not asked", "unknown"]


def mac_checks() -> Iterator[Check]:
    yield check_processor(platform.machine(), is_translated=_is_translated())
    yield check_mac_folder([PurePosixPath(sys.prefix).parent, PurePosixPath(Path.cwd())], PurePosixPath(Path.home()))
    yield check_mac_session(os.environ)
    release = int(platform.mac_ver()[0].partition(".")[0] or 0)
    yield from check_local_network(os.environ, release)


def check_mac_folder(folders: Sequence[PurePosixPath], home: PurePosixPath) -> Check:
    """Check the folder: macOS protects Desktop, Documents and Downloads, and iCloud may synchronise the first two."""
    library = home / "Library"
    for judge, places, problem in (
        (
            warning,
            (library / "Mobile Documents", library / "CloudStorage"),
            " is synchronised with a cloud, which moves unused files away",
        ),
        (
            note,
            (home / "Desktop", home / "Documents", home / "Downloads"),
            ": macOS asks whether the terminal may use it, and iCloud may move its files away",
        ),
    ):
        for folder in folders:
            if any(folder.is_relative_to(place) for place in places):
                quoted = f'"{folder}"' if " " in str(folder) else str(folder)
                mend = f"mv {quoted} ~/multiverse, then cd ~/multiverse, then {NEW_ENVIRONMENT}"
                return judge("folder", f"{folder}{problem}", mend)
    return ok("folder", str(folders[0]))


def check_mac_session(environment: Mapping[str, str]) -> Check:
    if "SSH_CONNECTION" not in environment:
        return ok("session", "at the screen")
    return warning(
        "session",
        "ssh: no graphics card, and macOS cannot ask for the microphone and the camera",
        "start it in Terminal at the screen (or over Screen Sharing); or multiverse run --renderer numba",
    )


def check_processor(machine: str, *, is_translated: bool) -> Check:
    """Check the processor. `machine`: `platform.machine()`, which is that of the running Python, not of the Mac."""
    if machine == "x86_64" and is_translated:
        return warning(
            "processor",
            "Apple silicon, but this Python is an Intel one and runs under Rosetta: slow, and without PyTorch",
            f"Finder, Terminal, Get Info: clear Open using Rosetta, then a new window, then {NEW_ENVIRONMENT}",
        )
    return ok("processor", machine)


def check_local_network(environment: Mapping[str, str], release: int) -> Iterator[Check]:
    """Check local network access: from macOS 15 on, only programs started from Terminal or ssh have it without asking
    the user (Apple's TN3179)."""
    program = environment.get("TERM_PROGRAM", "")
    if release >= 15 and "SSH_CONNECTION" not in environment and program not in ("", "Apple_Terminal"):
        yield note(
            "local network",
            f"{program} needs permission for --lan, NDI and network cameras; Terminal does not",
            "System Settings, Privacy & Security, Local Network; or start the engine in Terminal",
        )


def check_mac_permission(device: str, permission: Permission, environment: Mapping[str, str]) -> Check:
    """Report the permission that macOS has stored for the terminal that started this program."""
    name, pane = f"{device} permission", device.capitalize()
    if permission == "unknown":
        return note(name, f"macOS does not say (docs/mac.md, {pane})")
    if permission == "not asked":
        return note(name, f"macOS asks once the {device} is opened, for the terminal: answer Allow")
    if permission == "allowed":
        return ok(name, "allowed")
    # LaunchServices puts the identifier of the program, such as com.apple.Terminal, into its environment. Without it,
    # tccutil would reset the permission of every program.
    terminal = environment.get("__CFBundleIdentifier", "")
    reset = f"tccutil reset {pane} {terminal}"
    allow = f"System Settings, Privacy & Security, {pane}: switch the terminal on"
    return warning(
        name,
        f"macOS refuses this terminal the {device}" + (": silence" if device == "microphone" else ""),
        f"{reset if terminal else allow}, then quit the terminal (Cmd-Q), open it again, start the engine and answer "
        "Allow",
    )


def mac_permissions() -> dict[str, Permission]:
    """Read the stored permissions for microphone and camera, through pyobjc (which comes with Syphon).

    Does not make macOS ask the user.
    """
    import objc

    place = "/System/Library/Frameworks/AVFoundation.framework"
    objc.loadBundle("AVFoundation", {}, bundle_path=place)
    device = objc.lookUpClass("AVCaptureDevice")
    # AVAuthorizationStatus: notDetermined, restricted, denied, authorized. AVMediaTypeAudio, AVMediaTypeVideo.
    words: dict[int, Permission] = {0: "not asked", 1: "refused", 2: "refused", 3: "allowed"}
    return {
        name: words.get(int(device.authorizationStatusForMediaType_(kind)), "unknown")
        for name, kind in (("microphone", "soun"), ("camera", "vide"))
    }


def _is_translated() -> bool:
    """True if Rosetta runs this process, from the kernel's `sysctl.proc_translated`."""
    question = ["/usr/sbin/sysctl", "-n", "sysctl.proc_translated"]
    try:
        asked = subprocess.run(question, capture_output=True, encoding="utf-8", errors="replace", timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.stdout.strip() == "1"
