"""Rows of the doctor about the machine: Python, packages, beginners' problems, memory, folders,
ports, sinks."""

import errno
import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

from engine.cli.doctor_checks import (
    INSTALL_VC_RUNTIME,
    SWITCH_SMART_APP_CONTROL,
    Check,
    environment,
    failed,
    has_torch_wheel,
    note,
    ok,
    row,
    system,
    warning,
)
from engine.cli.probe import Answer
from engine.cli.selftest import texture_sink
from engine.errors import SharedMemoryError
from engine.sinks.registry import unavailable_reason
from engine.sinks.virtualcam import missing_driver
from engine.system import win32
from engine.system.installing import answer_of, install_line, quoted
from engine.system.package_version import SOURCE, package_version
from engine.system.refused_port import bind_alone, refusal_reason
from osc_schema.sinks import KINDS

PACKAGES: Final = (
    "numpy",
    "numba",
    "moderngl",
    "av",
    "opencv-python-headless",
    "sounddevice",
    "aiohttp",
    "python-osc",
)
INFERENCE_PACKAGES: Final = ("torch", "diffusers", "transformers")
LINK_PACKAGE: Final = "LinkPython-extern"
LOW_DISK_BYTES: Final = 2 << 30  # half an hour of recorded 720p
LOW_SHM_BYTES: Final = 256 << 20
RING_SIZE: Final = (1920, 1080)
SPOUT_BELOW: Final = (3, 14)  # the first Python for which SpoutGL has no wheel
# Windows limits paths to 260 characters. The longest one in an environment is torch's: 171 in
# Lib\site-packages.
MAX_FOLDER_CHARACTERS: Final = 60
# Recreate the environment. Without --clear, venv would keep its old Python (CPython's
# `setup_python`).
MAC_ENVIRONMENT: Final = (
    "python3.13 -m venv --clear .venv, then .venv/bin/python -m pip install "
    '-c .ci/constraints.txt -e ".[models]"'
)
WINDOWS_ENVIRONMENT: Final = (
    "with uv: uv run --frozen --python 3.13 multiverse run; without: py -3.13 -m venv --clear "
    ".venv, then "
    r'.venv\Scripts\python -m pip install -c .ci\constraints.txt -e ".[models]"'
)
ALLOW_LONG_PATHS: Final = (
    r'reg add "HKLM\SYSTEM\CurrentControlSet\Control\FileSystem" /v '
    r"LongPathsEnabled /t REG_DWORD /d 1 /f"
)


def install_folders() -> tuple[str, str]:
    """The folder of this Python's environment, which lies in the checkout, and the current
    folder."""
    return sys.prefix, os.getcwd()


def _installed(*names: str) -> dict[str, str | None]:
    """The version of each package; None if it is not installed."""
    return {
        name: None if (version := package_version(name)) == SOURCE else version for name in names
    }


@row(
    "Python",
    lambda: (sys.version_info[:2], f"{platform.python_version()} on {platform.platform()}"),
    system,
)
def judge_python(python: tuple[tuple[int, int], str], system: str) -> Check:
    version, detail = python
    if system == "win32" and version >= SPOUT_BELOW:
        return warning(f"{detail}: Spout needs Python 3.11 to 3.13", WINDOWS_ENVIRONMENT)
    return ok(detail)


@row(
    "packages", lambda: _installed(*PACKAGES, *INFERENCE_PACKAGES[0 if has_torch_wheel() else 1 :])
)
def judge_packages(versions: dict[str, str | None]) -> Check:
    missing = [name for name, version in versions.items() if version is None]
    detail = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    if needed := [name for name in missing if name not in INFERENCE_PACKAGES]:
        return failed(f"missing: {', '.join(missing)}; {detail}", install_line(*needed))
    if missing:
        without = f"without {', '.join(missing)}: no Stable Diffusion, SAM3 or voice"
        return note(f"{without}; {detail}", install_line("[models]"))
    return ok(detail)


@row("Ableton Link", lambda: _installed(LINK_PACKAGE)[LINK_PACKAGE])
def judge_link(version: str | None) -> Check:
    if version is None:
        detail = (
            "not installed: /tempo/source link follows nothing; the sound, MIDI clock, "
            "timecode and taps work"
        )
        return note(detail, install_line("[link]"))
    return ok(f"{LINK_PACKAGE} {version}; follow it with /tempo/source link")


# -- common beginners' problems on Windows and on a Mac


@row("Python's origin", lambda: sys.base_prefix, on="win32")
def judge_origin(base_prefix: str) -> Check:
    """The Microsoft Store's Python redirects writes to AppData to a private folder (CPython's
    manual, "Using Python on Windows"), so other programs and other Pythons do not see the
    presets."""
    if "windowsapps" not in base_prefix.lower():
        return ok(base_prefix)
    return note(
        f"the Microsoft Store's Python ({base_prefix}): presets go to a folder that only it can "
        "see",
        f"install Python 3.13 from python.org, then {WINDOWS_ENVIRONMENT}",
    )


def windows_folders() -> tuple[list[str], bool]:
    """The folders that OneDrive synchronises, and whether Windows allows long paths."""
    synced = [
        os.environ[name]
        for name in ("OneDrive", "OneDriveConsumer", "OneDriveCommercial")
        if name in os.environ
    ]
    file_system = r"SYSTEM\CurrentControlSet\Control\FileSystem"
    return synced, win32.registry_value("HKEY_LOCAL_MACHINE", file_system, "LongPathsEnabled") == 1


@row("folder", install_folders, windows_folders, on="win32")
def judge_windows_folder(paths: tuple[str, str], settings: tuple[list[str], bool]) -> Check:
    folders = [PureWindowsPath(paths[0]).parent, PureWindowsPath(paths[1])]
    synced, allows_long_paths = settings
    for folder in folders:
        if any(folder.is_relative_to(PureWindowsPath(root)) for root in synced):
            return warning(
                f"{folder} is in OneDrive, which opens files while they are written",
                r"move it to a short folder such as C:\multiverse, then cd C:\multiverse, then "
                rf"{WINDOWS_ENVIRONMENT}",
            )
    longest = max(folders, key=lambda folder: len(str(folder)))
    if len(str(longest)) > MAX_FOLDER_CHARACTERS and not allows_long_paths:
        return note(
            f"{longest}: {len(str(longest))} characters; above {MAX_FOLDER_CHARACTERS} packages "
            "may reach "
            "the 260 at which Windows ends paths",
            f"open Terminal as an administrator, then {ALLOW_LONG_PATHS}",
        )
    return ok(str(folders[0]))


@row(
    "Visual C++ runtime",
    lambda: Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "msvcp140.dll").exists(),
    on="win32",
)
def judge_vc_runtime(is_there: bool) -> Check:
    """Python does not include msvcp140.dll."""
    if is_there:
        return ok("msvcp140.dll is there")
    return warning(
        "msvcp140.dll is missing: torch, Numba or OpenCV may not load", INSTALL_VC_RUNTIME
    )


@row(
    "Smart App Control",
    partial(
        win32.registry_value,
        "HKEY_LOCAL_MACHINE",
        r"SYSTEM\CurrentControlSet\Control\CI\Policy",
        "VerifiedAndReputablePolicyState",
    ),
    on="win32",
)
def judge_smart_app_control(state: int | str | None) -> Check:
    """Windows 11 blocks unsigned packages that few people use. 0: off; 2: evaluation, which blocks
    nothing."""
    if state != 1:
        return ok("off, or blocks nothing")
    return note(
        "on: it may block packages (An Application Control policy has blocked this file)",
        f"only if it does: {SWITCH_SMART_APP_CONTROL}",
    )


def consents(key: str) -> list[str | int | None]:
    """The stored permissions for the machine, the user and the user's desktop programs; None:
    unset."""
    store = r"Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore"
    keys = (
        ("HKEY_LOCAL_MACHINE", key),
        ("HKEY_CURRENT_USER", key),
        ("HKEY_CURRENT_USER", rf"{key}\NonPackaged"),
    )
    return [win32.registry_value(hive, rf"{store}\{subkey}", "Value") for hive, subkey in keys]


@row("camera permission", partial(consents, "webcam"), lambda: "webcam", on="win32")
@row("microphone permission", partial(consents, "microphone"), lambda: "microphone", on="win32")
def judge_windows_permission(values: list[str | int | None], key: str) -> Check:
    if "Deny" not in values:
        return ok("allowed, as far as Windows says")
    device, silence = (
        ("camera", "") if key == "webcam" else (key, ": it gives silence, or nothing at all")
    )
    return warning(
        f"Windows keeps the {device} from desktop programs{silence}",
        f"start ms-settings:privacy-{key}, then switch on: Let desktop apps access it",
    )


@row(
    "processor",
    platform.machine,
    lambda: answer_of("/usr/sbin/sysctl", "-n", "sysctl.proc_translated"),
    on="darwin",
)
def judge_processor(machine: str, translated: str) -> Check:
    """`machine`: that of the running Python, not of the Mac. `translated`: the kernel's "1" if
    Rosetta runs it."""
    if machine == "x86_64" and translated == "1":
        return warning(
            "Apple silicon, but this Python is an Intel one and runs under Rosetta: slow, and "
            "without PyTorch",
            "Finder, Terminal, Get Info: clear Open using Rosetta, then a new window, then "
            f"{MAC_ENVIRONMENT}",
        )
    return ok(machine)


@row("folder", install_folders, lambda: str(Path.home()), on="darwin")
def judge_mac_folder(paths: tuple[str, str], home: str) -> Check:
    """macOS protects Desktop, Documents and Downloads, and iCloud may synchronise the first two."""
    folders = [PurePosixPath(paths[0]).parent, PurePosixPath(paths[1])]
    guarded = ": macOS asks whether the terminal may use it, and iCloud may move its files away"
    synced = " is synchronised with a cloud, which moves unused files away"
    for judge, problem, names in (
        (warning, synced, ("Library/Mobile Documents", "Library/CloudStorage")),
        (note, guarded, ("Desktop", "Documents", "Downloads")),
    ):
        for folder in folders:
            if any(folder.is_relative_to(PurePosixPath(home, name)) for name in names):
                fix = (
                    f"mv {quoted(folder)} ~/multiverse, then cd ~/multiverse, then "
                    f"{MAC_ENVIRONMENT}"
                )
                return judge(f"{folder}{problem}", fix)
    return ok(str(folders[0]))


@row("session", win32.is_remote_session, system, on="win32")
@row("session", lambda: "SSH_CONNECTION" in os.environ, system, on="darwin")
def judge_session(is_remote: bool, system: str) -> Check:
    if not is_remote:
        return ok("at the screen" if system == "darwin" else "at the machine itself")
    if system == "darwin":
        return warning(
            "ssh: no graphics card, and macOS cannot ask for the microphone and the camera",
            "start it in Terminal at the screen (or over Screen Sharing); or multiverse run "
            "--renderer numba",
        )
    return warning(
        "Remote Desktop: it may hide the graphics card, sound and cameras of this machine",
        "start the engine at the machine itself, or through a program that shows its own screen "
        "(such as VNC)",
    )


@row(
    "local network",
    environment,
    lambda: int(platform.mac_ver()[0].partition(".")[0] or 0),
    on="darwin",
)
def judge_local_network(environment: Mapping[str, str], release: int) -> Check | None:
    """From macOS 15 on, only programs started from Terminal or ssh have access without a question
    (Apple's TN3179)."""
    program = environment.get("TERM_PROGRAM", "")
    if release < 15 or "SSH_CONNECTION" in environment or program in ("", "Apple_Terminal"):
        return None
    return note(
        f"{program} needs permission for --lan, NDI and network cameras; Terminal does not",
        "System Settings, Privacy & Security, Local Network; or start the engine in Terminal",
    )


# -- memory, folders, ports, sinks


def shared_memory() -> tuple[str, tuple[int, int] | None]:
    """Why no ring can be made, or ""; total and free bytes of /dev/shm, if the system has it."""
    from engine.ipc import FrameRing

    room = Path("/dev/shm")
    usage = shutil.disk_usage(room) if room.is_dir() else None
    try:
        FrameRing.create(f"doctor {os.getpid()}", *RING_SIZE).close()
    except SharedMemoryError as error:
        return str(error), None
    return "", (usage.total, usage.free) if usage else None


@row("shared memory", shared_memory)
def judge_shared_memory(memory: tuple[str, tuple[int, int] | None]) -> Check:
    error, room = memory
    docker = "in Docker: docker run --shm-size=1g"
    if error:
        return failed(error, "" if sys.platform == "win32" else docker)
    size = f", {room[1] / 2**20:.0f} MiB free" if room else ""
    if room and room[0] < LOW_SHM_BYTES:
        return warning(f"works, but is small{size}", docker)
    return ok(f"works{size}")


def presets() -> tuple[str, str]:
    """Query the folder of the presets, and why it cannot be written, or ""."""
    from engine.system.folders import presets_folder

    folder = presets_folder()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        return str(folder), str(error.strerror)
    return str(folder), ""


@row("presets", presets, system)
def judge_presets(presets: tuple[str, str], system: str) -> Check:
    folder, error = presets
    if not error:
        return ok(folder)
    fix = "export MULTIVERSE_HOME=~/multiverse-home, then start it from the same window"
    if system == "win32":  # setx works in both cmd and PowerShell
        fix = r"setx MULTIVERSE_HOME C:\multiverse-home, then open a new window"
    return warning(f"{folder} cannot be written ({error})", fix)


@row("disk", lambda: (shutil.disk_usage(Path.cwd()).free, Path.cwd()))
def judge_disk(usage: tuple[int, Path]) -> Check:
    free_bytes, folder = usage
    judge = warning if free_bytes < LOW_DISK_BYTES else ok
    return judge(f"{free_bytes / 2**30:.1f} GiB free in {folder}")


def receive_buffer() -> int:
    from engine.control.udp import granted_receive_buffer_bytes, request_buffers

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        request_buffers(trial)
        return granted_receive_buffer_bytes(trial)


@row("OSC receive buffer", receive_buffer, system)
def judge_receive_buffer(granted_bytes: int, system: str) -> Check:
    from engine.control.udp import MAC_RECEIVE_BUFFER_BYTES, REQUESTED_RECEIVE_BUFFER_BYTES

    requested_bytes = (
        MAC_RECEIVE_BUFFER_BYTES if system == "darwin" else REQUESTED_RECEIVE_BUFFER_BYTES
    )
    detail = f"{granted_bytes / 2**20:.2g} of {requested_bytes / 2**20:.0f} MiB"
    if granted_bytes >= requested_bytes:
        return ok(detail)
    fix = {
        "linux": f"sudo sysctl -w net.core.rmem_max={requested_bytes}",
        "darwin": f"sudo sysctl -w kern.ipc.maxsockbuf={2 * requested_bytes}",
    }.get(system, "")
    return note(f"{detail}: floods may lose packets", fix)


def refused_port(host: str, port: int, *kinds: socket.SocketKind) -> str:
    """Bind the port briefly for every kind of socket; why it cannot be used, or ""."""
    for kind in kinds:
        with socket.socket(socket.AF_INET, kind) as trial:
            try:
                bind_alone(trial, (host, port))
            except OSError as error:
                is_refused = sys.platform == "win32" and error.errno == errno.EACCES
                hint = "" if is_refused else "; is an engine running already?"
                return f"({refusal_reason(error)}){hint}"
    return ""


def ports() -> dict[str, tuple[str, int, str]]:
    """Ports of the options, each as (host, port, why it cannot be used)."""
    from engine.config import RUN_DEFAULTS, split_host_port

    osc = split_host_port(RUN_DEFAULTS["osc"]["listen"], "--osc")
    web = split_host_port(RUN_DEFAULTS["web"], "--web")
    return {
        "--osc": (*osc, refused_port(*osc, socket.SOCK_DGRAM, socket.SOCK_STREAM)),
        "--web": (*web, refused_port(*web, socket.SOCK_STREAM)),
    }


@row("page port", ports, lambda: "--web")
@row("OSC port", ports, lambda: "--osc")
def judge_port(ports: dict[str, tuple[str, int, str]], option: str) -> Check:
    host, port, problem = ports[option]
    if not problem:
        return ok(f"{host}:{port} is free")
    # 9100 for 9000, as in the beginners' guides
    other = port + 100 if port + 100 < 1 << 16 else port - 100
    return warning(
        f"{host}:{port} cannot be used {problem}", f"multiverse run {option} {host}:{other}"
    )


def judge_sink(kind: str, reason: str, system: str, *tried: Answer) -> Check:
    reason = reason or "".join(answer.error for answer in tried)
    if not reason:
        return ok(KINDS[kind].argument)
    return (warning if kind == texture_sink(system) else note)(f"unavailable ({reason})")


def sink_problem(kind: str) -> str:
    return unavailable_reason(kind) or (missing_driver() if kind == "virtualcam" else "")


for _kind in KINDS:
    _tried = (
        ("engine.cli.selftest:ask_spout",) if _kind == "spout" and sys.platform == "win32" else ()
    )
    row(f"sink {_kind}", partial(sink_problem, _kind), system, *_tried)(partial(judge_sink, _kind))
