"""The doctor's checks, each one row: its questions, and a judge that turns the answers into a state and words.

A question is a function that is asked here, or the name of one of `probe.QUESTIONS`, or `module:function`, which a
child process answers, because a driver may crash or hang; the children run in parallel. Judges are pure. docs/mac.md
and docs/windows.md use the same words; tests compare them. Nothing here opens a microphone or a camera, so macOS asks
for no permission.
"""

import errno
import os
import platform
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final, Literal

from engine.cli.probe import Answer, Probe
from engine.cli.selftest import texture_sink
from engine.errors import SharedMemoryError, in_one_line
from engine.sinks.registry import unavailable_reason
from engine.sinks.sink import TITLES
from engine.sinks.syphon import PROCESS_NAME
from engine.sinks.virtualcam import missing_driver
from engine.system import win32
from engine.system.installing import CUDA, TORCH_INDEX, answer_of, install_line, nvidia_card, pip_install, quoted
from engine.system.package_version import SOURCE, package_version
from engine.system.refused_port import refusal_reason
from osc_schema import plugins
from osc_schema.sinks import KINDS

# From the GTX 900 on; CUDA 13 needs GTX 16, RTX 20.
OLD_CARDS_INDEX: Final = f"{TORCH_INDEX}cu126"
KERNELS: Final = re.compile(r"(?P<kind>sm|compute)_(?P<major>\d+)(?P<minor>\d)(?P<only>[af]?)")
PACKAGES: Final = ("numpy", "numba", "moderngl", "av", "opencv-python-headless", "sounddevice", "aiohttp", "python-osc")
INFERENCE_PACKAGES: Final = ("torch", "diffusers", "transformers")
LINK_PACKAGE: Final = "LinkPython-extern"
LITTLE_DISK_BYTES: Final = 2 << 30  # half an hour of recorded 720p
LITTLE_SHM_BYTES: Final = 256 << 20
RING_SIZE: Final = (1920, 1080)
SPOUT_BELOW: Final = (3, 14)  # the first Python for which SpoutGL has no wheel
MAX_TELEPHONE_RATE_HZ: Final = 24_000  # Bluetooth headsets use 8, 16 or 24 kHz while their microphone is open
HEADSETS: Final = ("airpods", "hands-free", "headset", "beats")
# Windows limits paths to 260 characters. The longest one in an environment is torch's: 171 in Lib\site-packages.
MAX_FOLDER_CHARACTERS: Final = 60
# Recreate the environment. Without --clear, venv would keep its old Python (CPython's `setup_python`).
MAC_ENVIRONMENT: Final = (
    'python3.13 -m venv --clear .venv, then .venv/bin/python -m pip install -c .ci/constraints.txt -e ".[models]"'
)
WINDOWS_ENVIRONMENT: Final = (
    "py -3.13 -m venv --clear .venv, then "
    r'.venv\Scripts\python -m pip install -c .ci\constraints.txt -e ".[models]"'
)
ALLOW_LONG_PATHS: Final = (
    r'reg add "HKLM\SYSTEM\CurrentControlSet\Control\FileSystem" /v LongPathsEnabled /t REG_DWORD /d 1 /f'
)
SWITCH_SMART_APP_CONTROL: Final = (
    "Windows Security, App & browser control, Smart App Control, Off (it comes back only with a reset of Windows)"
)
INSTALL_VC_RUNTIME: Final = "winget install Microsoft.VCRedist.2015+.x64"

State = Literal["ok", "note", "warning", "failed"]
"""note: works, but could be better. warning: something will not work. failed: `multiverse run` cannot work."""
Question = str | Callable[[], Any]
Judge = Callable[..., "Check | None"]
"""From the answers; its result has no name yet. None: nothing to say."""


@dataclass(frozen=True, slots=True)
class Check:
    state: State
    name: str
    detail: str
    mend: str = ""
    """The command or step that fixes it; empty if nothing needs to be fixed."""


ok, note, warning, failed = (partial(Check, state, "") for state in ("ok", "note", "warning", "failed"))


@dataclass(frozen=True, slots=True)
class CheckRow:
    name: str
    questions: tuple[Question, ...]
    judge: Judge
    system: str
    """As in `sys.platform`; "" for all."""

    def check(self, *answers: Any) -> Check | None:
        found = self.judge(*answers)
        return found and replace(found, name=self.name)


ROWS: list[CheckRow] = []
"""All checks, in the order in which they are printed."""


def row(name: str, *questions: Question, on: str = "") -> Callable[[Judge], Judge]:
    def add(judge: Judge) -> Judge:
        ROWS.append(CheckRow(name, questions, judge, on))
        return judge

    return add


def run_checks(rows: Iterable[CheckRow] | None = None) -> list[Check]:
    """Ask and judge what concerns this system, by default all rows. Takes as long as the slowest child process."""
    rows = [*ROWS, *added_rows()] if rows is None else rows
    here = [each for each in rows if each.system in ("", sys.platform)]
    questions = dict.fromkeys(question for each in here for question in each.questions)
    with ExitStack() as stack:
        probes = {name: stack.enter_context(closing(Probe(name))) for name in questions if isinstance(name, str)}
        answers: dict[Question, Any] = {ask: ask() for ask in questions if not isinstance(ask, str)}
        for name, probe in probes.items():
            answers[name] = probe.read()
    checks = (each.check(*(answers[question] for question in each.questions)) for each in here)
    return [check for check in checks if check is not None]


def added_rows() -> Iterator[CheckRow]:
    """The rows of `multiverse.checks`, the engine's lodgers and other packages; a row in place of each that fails."""
    for found in plugins.loaded("multiverse.checks").values():
        if not all(isinstance(question, str) for question in found.questions):
            found = replace(found, questions=(), judge=lambda: warning("each question must be named module:function"))
        yield replace(found, judge=partial(_judged, found.judge))
    for number, line in enumerate(plugins.faults()):
        yield CheckRow(f"plug-in {number + 1}", (), partial(warning, line), "")


def _judged(judge: Judge, *answers: Any) -> Check | None:
    """The answer of a foreign judge, or a warning that says why there is none."""
    try:
        found = judge(*answers)
        if not isinstance(found, Check | None):
            raise TypeError(f"gave a {type(found).__name__}, not a Check")
    except (Exception, SystemExit) as error:  # foreign code
        return warning(f"this check has failed ({in_one_line(error)})")
    return found


def library_advice(error: str) -> str:
    """Advice for a library that Windows could not load; empty for other errors."""
    if "Application Control policy" in error:
        return SWITCH_SMART_APP_CONTROL
    if not any(part in error for part in ("DLL load failed", "WinError 126", "WinError 1114", "load shared object")):
        return ""
    if "cv2" in error:  # opencv-python's README: the N editions lack Media Foundation
        return f"{INSTALL_VC_RUNTIME}; or on Windows N: Settings, System, Optional features, Media Feature Pack"
    return INSTALL_VC_RUNTIME


def selftest_check(result: dict[str, Any]) -> Check:
    """The result of the self-test as one more line of the list."""
    name = f"self-test ({result['sink']})"
    if not result["passed"]:
        return Check("warning", name, result["detail"])
    within = f"upright, pixels within {result['largest_difference']} of 255"
    return Check("ok", name, f"{within}, listed as {result['listed_as']!r}")


# -- questions of several rows


def system() -> str:
    return sys.platform


def environment() -> Mapping[str, str]:
    return os.environ


def places() -> tuple[str, str]:
    """The folder of this Python's environment, which lies in the checkout, and the current folder."""
    return sys.prefix, os.getcwd()


def has_torch_wheel() -> bool:
    """True if PyTorch can be installed: not for x86 Python on a Mac."""
    return sys.platform != "darwin" or platform.machine() == "arm64"


def _installed(*names: str) -> dict[str, str | None]:
    """The version of each package; None if it is not installed."""
    return {name: None if (version := package_version(name)) == SOURCE else version for name in names}


# -- Python and its packages


@row("Python", lambda: (sys.version_info[:2], f"{platform.python_version()} on {platform.platform()}"), system)
def judge_python(python: tuple[tuple[int, int], str], system: str) -> Check:
    version, detail = python
    if system == "win32" and version >= SPOUT_BELOW:
        return warning(f"{detail}: Spout needs Python 3.11 to 3.13", WINDOWS_ENVIRONMENT)
    return ok(detail)


@row("packages", lambda: _installed(*PACKAGES, *INFERENCE_PACKAGES[0 if has_torch_wheel() else 1 :]))
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
        detail = "not installed: /tempo/source link follows nothing; the sound, MIDI clock, timecode and taps work"
        return note(detail, install_line("[link]"))
    return ok(f"{LINK_PACKAGE} {version}; follow it with /tempo/source link")


# -- common beginners' problems on Windows and on a Mac


@row("Python's origin", lambda: sys.base_prefix, on="win32")
def judge_origin(base_prefix: str) -> Check:
    """The Microsoft Store's Python redirects writes to AppData to a private folder (CPython's manual, "Using Python on
    Windows"), so other programs and other Pythons do not see the presets."""
    if "windowsapps" not in base_prefix.lower():
        return ok(base_prefix)
    return note(
        f"the Microsoft Store's Python ({base_prefix}): presets go to a folder that only it can see",
        f"install Python 3.13 from python.org, then {WINDOWS_ENVIRONMENT}",
    )


def windows_folders() -> tuple[list[str], bool]:
    """The folders that OneDrive synchronises, and whether Windows allows long paths."""
    synced = [os.environ[name] for name in ("OneDrive", "OneDriveConsumer", "OneDriveCommercial") if name in os.environ]
    file_system = r"SYSTEM\CurrentControlSet\Control\FileSystem"
    return synced, win32.registry_value("HKEY_LOCAL_MACHINE", file_system, "LongPathsEnabled") == 1


@row("folder", places, windows_folders, on="win32")
def judge_windows_folder(places: tuple[str, str], known: tuple[list[str], bool]) -> Check:
    folders = [PureWindowsPath(places[0]).parent, PureWindowsPath(places[1])]
    synced, allows_long_paths = known
    for folder in folders:
        if any(folder.is_relative_to(PureWindowsPath(place)) for place in synced):
            return warning(
                f"{folder} is in OneDrive, which opens files while they are written",
                rf"move it to a short folder such as C:\multiverse, then cd C:\multiverse, then {WINDOWS_ENVIRONMENT}",
            )
    longest = max(folders, key=lambda folder: len(str(folder)))
    if len(str(longest)) > MAX_FOLDER_CHARACTERS and not allows_long_paths:
        return note(
            f"{longest}: {len(str(longest))} characters; above {MAX_FOLDER_CHARACTERS} packages may reach "
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
    return warning("msvcp140.dll is missing: torch, Numba or OpenCV may not load", INSTALL_VC_RUNTIME)


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
    """Windows 11 blocks unsigned Python packages unless many people use them. 0: off; 2: evaluation, which blocks
    nothing."""
    if state != 1:
        return ok("off, or blocks nothing")
    return note(
        "on: it may block packages (An Application Control policy has blocked this file)",
        f"only if it does: {SWITCH_SMART_APP_CONTROL}",
    )


def consents(key: str) -> list[str | int | None]:
    """The stored permissions for the machine, the user and the user's desktop programs; None: unset."""
    store = r"Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore"
    kept = (("HKEY_LOCAL_MACHINE", key), ("HKEY_CURRENT_USER", key), ("HKEY_CURRENT_USER", rf"{key}\NonPackaged"))
    return [win32.registry_value(hive, rf"{store}\{place}", "Value") for hive, place in kept]


@row("camera permission", partial(consents, "webcam"), lambda: "webcam", on="win32")
@row("microphone permission", partial(consents, "microphone"), lambda: "microphone", on="win32")
def judge_windows_permission(values: list[str | int | None], key: str) -> Check:
    if "Deny" not in values:
        return ok("allowed, as far as Windows says")
    device, silence = ("camera", "") if key == "webcam" else (key, ": it gives silence, or nothing at all")
    return warning(
        f"Windows keeps the {device} from desktop programs{silence}",
        f"start ms-settings:privacy-{key}, then switch on: Let desktop apps access it",
    )


@row("processor", platform.machine, lambda: answer_of("/usr/sbin/sysctl", "-n", "sysctl.proc_translated"), on="darwin")
def judge_processor(machine: str, translated: str) -> Check:
    """`machine`: that of the running Python, not of the Mac. `translated`: the kernel's "1" if Rosetta runs it."""
    if machine == "x86_64" and translated == "1":
        return warning(
            "Apple silicon, but this Python is an Intel one and runs under Rosetta: slow, and without PyTorch",
            f"Finder, Terminal, Get Info: clear Open using Rosetta, then a new window, then {MAC_ENVIRONMENT}",
        )
    return ok(machine)


@row("folder", places, lambda: str(Path.home()), on="darwin")
def judge_mac_folder(places: tuple[str, str], home: str) -> Check:
    """macOS protects Desktop, Documents and Downloads, and iCloud may synchronise the first two."""
    folders = [PurePosixPath(places[0]).parent, PurePosixPath(places[1])]
    asked = ": macOS asks whether the terminal may use it, and iCloud may move its files away"
    synced = " is synchronised with a cloud, which moves unused files away"
    for judge, problem, names in (
        (warning, synced, ("Library/Mobile Documents", "Library/CloudStorage")),
        (note, asked, ("Desktop", "Documents", "Downloads")),
    ):
        for folder in folders:
            if any(folder.is_relative_to(PurePosixPath(home, name)) for name in names):
                mend = f"mv {quoted(folder)} ~/multiverse, then cd ~/multiverse, then {MAC_ENVIRONMENT}"
                return judge(f"{folder}{problem}", mend)
    return ok(str(folders[0]))


@row("session", win32.is_remote_session, system, on="win32")
@row("session", lambda: "SSH_CONNECTION" in os.environ, system, on="darwin")
def judge_session(is_remote: bool, system: str) -> Check:
    if not is_remote:
        return ok("at the screen" if system == "darwin" else "at the machine itself")
    if system == "darwin":
        return warning(
            "ssh: no graphics card, and macOS cannot ask for the microphone and the camera",
            "start it in Terminal at the screen (or over Screen Sharing); or multiverse run --renderer numba",
        )
    return warning(
        "Remote Desktop: it may hide the graphics card, sound and cameras of this machine",
        "start the engine at the machine itself, or through a program that shows its own screen (such as VNC)",
    )


@row("local network", environment, lambda: int(platform.mac_ver()[0].partition(".")[0] or 0), on="darwin")
def judge_local_network(environment: Mapping[str, str], release: int) -> Check | None:
    """From macOS 15 on, only programs started from Terminal or ssh have access without asking the user (Apple's
    TN3179)."""
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
def judge_shared_memory(found: tuple[str, tuple[int, int] | None]) -> Check:
    error, room = found
    docker = "in Docker: docker run --shm-size=1g"
    if error:
        return failed(error, docker)
    size = f", {room[1] / 2**20:.0f} MiB free" if room else ""
    if room and room[0] < LITTLE_SHM_BYTES:
        return warning(f"works, but is small{size}", docker)
    return ok(f"works{size}")


def presets() -> tuple[str, str]:
    """The folder of the presets, and why it cannot be written, or ""."""
    from engine.system.folders import presets_folder

    folder = presets_folder()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        return str(folder), str(error.strerror)
    return str(folder), ""


@row("presets", presets, system)
def judge_presets(found: tuple[str, str], system: str) -> Check:
    folder, error = found
    if not error:
        return ok(folder)
    mend = "export MULTIVERSE_HOME=~/multiverse-home, then start it from the same window"
    if system == "win32":  # setx works in both cmd and PowerShell
        mend = r"setx MULTIVERSE_HOME C:\multiverse-home, then open a new window"
    return warning(f"{folder} cannot be written ({error})", mend)


@row("disk", lambda: (shutil.disk_usage(Path.cwd()).free, Path.cwd()))
def judge_disk(found: tuple[int, Path]) -> Check:
    free_bytes, folder = found
    judge = warning if free_bytes < LITTLE_DISK_BYTES else ok
    return judge(f"{free_bytes / 2**30:.1f} GiB free in {folder}")


def receive_buffer() -> int:
    from engine.control.udp import ask_for_buffers, granted_receive_buffer_bytes

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        ask_for_buffers(trial)
        return granted_receive_buffer_bytes(trial)


@row("OSC receive buffer", receive_buffer, system)
def judge_receive_buffer(granted_bytes: int, system: str) -> Check:
    from engine.control.udp import MAC_RECEIVE_BUFFER_BYTES, WANTED_RECEIVE_BUFFER_BYTES

    wanted = MAC_RECEIVE_BUFFER_BYTES if system == "darwin" else WANTED_RECEIVE_BUFFER_BYTES
    detail = f"{granted_bytes / 2**20:.2g} of {wanted / 2**20:.0f} MiB"
    if granted_bytes >= wanted:
        return ok(detail)
    mend = {
        "linux": f"sudo sysctl -w net.core.rmem_max={wanted}",
        "darwin": f"sudo sysctl -w kern.ipc.maxsockbuf={2 * wanted}",
    }.get(system, "")
    return note(f"{detail}: floods may lose packets", mend)


def refused_port(host: str, port: int, *kinds: socket.SocketKind) -> str:
    """Bind the port briefly for every kind of socket; why it cannot be used, or ""."""
    for kind in kinds:
        with socket.socket(socket.AF_INET, kind) as trial:
            if kind == socket.SOCK_STREAM and sys.platform != "win32":
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((host, port))
            except OSError as error:
                is_refused = sys.platform == "win32" and error.errno == errno.EACCES
                return f"({refusal_reason(error)}){'' if is_refused else '; is an engine running already?'}"
    return ""


def ports() -> dict[str, tuple[str, int, str]]:
    """(host, port, why it cannot be used) of each option."""
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
    other = port + 100 if port + 100 < 1 << 16 else port - 100  # 9100 for 9000, as in the beginners' guides
    return warning(f"{host}:{port} cannot be used {problem}", f"multiverse run {option} {host}:{other}")


def judge_sink(kind: str, reason: str, system: str) -> Check:
    if not reason:
        return ok(KINDS[kind].argument)
    return (warning if kind == texture_sink(system) else note)(f"unavailable ({reason})")


def sink_problem(kind: str) -> str:
    return unavailable_reason(kind) or (missing_driver() if kind == "virtualcam" else "")


for _kind in KINDS:
    row(f"sink {_kind}", partial(sink_problem, _kind), system)(partial(judge_sink, _kind))


# -- drawing, sound, cameras, recording, inference: asked in child processes


@row("OpenGL", "gl", "numba", nvidia_card, system)
def judge_opengl(gl: Answer, numba: Answer, nvidia: str, system: str) -> Check:
    if gl.error:
        return failed(gl.error) if numba.error else warning(f"{gl.error}; Numba draws instead, at 30 fps")
    renderer = gl.values["renderer"]
    depth = "16 bits" if gl.values["is_deep"] else "only 8 bits, so slow gradients may show bands,"
    detail = f"{renderer}, {gl.values['version']}, {depth} per channel"
    gpus = gl.values.get("gpus", ())
    choice = f"; --gpu takes {', '.join(gpus)}" if len(gpus) > 1 else ""
    if gl.values["is_software"]:
        drawn_by = "OpenGL draws on the CPU" if numba.error else "Numba draws, at 30 fps"
        slow = f"{drawn_by}; shaders run on the CPU and are slow{choice}"
        if unused := gl.values.get("unused"):
            reason = f"software, although there is a card ({unused['card']}): {unused['reason']}"
            return warning(f"{detail}: {reason}; {slow}", unused["mend"])
        if nvidia:
            mend = "install the graphics driver's OpenGL/EGL part (Debian: libnvidia-egl-*)"
            return warning(f"{detail}: no GPU, although there is a {nvidia}; {slow}", mend)
        return note(f"{detail}: no GPU; {slow}")
    if system == "win32" and nvidia and "nvidia" not in renderer.lower():
        # The base Python: an environment's python.exe only starts that one (CPython, PC/venvlauncher.c).
        python = getattr(sys, "_base_executable", sys.executable)
        choose = f"Settings, System, Display, Graphics: add {python} with High performance"
        key = r"HKCU\Software\Microsoft\DirectX\UserGpuPreferences"
        return warning(
            f"{detail}: Windows gave Python the other graphics card, not the {nvidia}",
            f'{choose}; or: reg add "{key}" /v "{python}" /d "GpuPreference=2;" /f',
        )
    return ok(f"{detail}{choice}")


@row("Numba", "numba", "gl")
def judge_numba(numba: Answer, gl: Answer) -> Check:
    if numba.error:
        mend = library_advice(numba.error) or install_line("--force-reinstall numba")
        return (failed if gl.error else warning)(numba.error, mend)
    layer = numba.values.get("layer")
    turns = "; threads that draw at the same time take turns" if layer == "workqueue" else ""  # always so on a Mac
    return ok(f"{numba.values.get('threads')} threads ({layer}){turns}")


@row("audio input", "audio", system)
def judge_audio_input(audio: Answer, system: str) -> Check:
    if not audio.error and audio.values["inputs"]:
        return ok(f"{len(audio.values['inputs'])} inputs, default: {audio.values['default']}")
    mend = {
        "darwin": "a Mac mini, Studio or Pro has no microphone: plug one in; or multiverse run --audio song.wav",
        "win32": "start ms-settings:sound, then choose an input; or multiverse run --audio song.wav",
    }.get(system, "")
    return warning(f"{audio.error or 'no input device'}; the demo loop plays instead", "" if audio.error else mend)


@row("default sound input", "audio")
def judge_default_input(audio: Answer) -> Check | None:
    """Warn if it seems to be the microphone of a Bluetooth headset or of a camera."""
    default, rate_hz = audio.values.get("default"), audio.values.get("default_rate_hz", 0)
    if default is None or audio.values.get("default_is_loopback"):
        return None
    if not any(part in default.lower() for part in HEADSETS) and not 0 < rate_hz <= MAX_TELEPHONE_RATE_HZ:
        return None
    return warning(
        f"{default} ({rate_hz} Hz) seems to be a headset's or a camera's microphone: no treble, and a Bluetooth "
        "headset then sounds like a telephone",
        "choose another input in the system's sound settings; or multiverse run --audio device:NAME",
    )


@row("computer's own sound", "audio")
def judge_own_sound(audio: Answer) -> Check | None:
    if not audio.values.get("inputs"):
        return None
    return (ok if audio.values["has_loopback"] else note)(audio.values["loopback_advice"])


@row("camera permission", "permissions", environment, lambda: "camera", on="darwin")
@row("microphone permission", "permissions", environment, lambda: "microphone", on="darwin")
def judge_mac_permission(permissions: Answer, environment: Mapping[str, str], device: str) -> Check:
    """Report what macOS has stored for the terminal that started this program; "unknown" if it does not answer."""
    permission, pane = permissions.values.get(device, "unknown"), device.capitalize()
    if permission == "unknown":
        return note(f"macOS does not say (docs/mac.md, {pane})")
    if permission == "not asked":
        return note(f"macOS asks once the {device} is opened, for the terminal: answer Allow")
    if permission == "allowed":
        return ok("allowed")
    # LaunchServices puts the identifier of the program, such as com.apple.Terminal, into its environment. Without it,
    # tccutil would reset the permission of every program.
    terminal = environment.get("__CFBundleIdentifier", "")
    reset = f"tccutil reset {pane} {terminal}"
    allow = f"System Settings, Privacy & Security, {pane}: switch the terminal on"
    return warning(
        f"macOS refuses this terminal the {device}{': silence' if device == 'microphone' else ''}",
        f"{reset if terminal else allow}, then quit the terminal (Cmd-Q), open it again, start the engine and answer "
        "Allow",
    )


@row("cameras", "cameras")
def judge_cameras(cameras: Answer) -> Check:
    if cameras.error:
        return warning(cameras.error, library_advice(cameras.error))
    found = "; ".join(cameras.values["cameras"])
    return ok(found) if found else note("none found; --camera also takes a video, a picture or test")


@row("MIDI", "midi")
def judge_midi(midi: Answer) -> Check:
    if reason := midi.error or midi.values["missing"]:
        return note(f"{reason}; a bridge works without")
    found = "; ".join(midi.values["ports"])
    return ok(f"{found}; use one with --midi NAME") if found else note("no port found; plug a controller in")


@row("recording", "encoders")
def judge_encoders(encoders: Answer) -> Check:
    h264, has_aac = encoders.values.get("h264", []), encoders.values.get("has_aac", False)
    if encoders.error or not h264 or not has_aac:
        detail = encoders.error or "PyAV was built without H.264 or AAC: no recordings"
        return warning(detail, install_line("--force-reinstall --only-binary :all: av"))
    ten_bits = ", ".join(encoders.values.get("ten_bits", ())) or "none"
    return ok(f"H.264 ({', '.join(h264)}) and AAC; 10 bits: {ten_bits}")


@row("torch", "torch", nvidia_card, has_torch_wheel)
def judge_torch(torch: Answer, nvidia: str, has_wheel: bool) -> Check:
    """Without values it is not installed."""
    install = f"{pip_install()} torch"
    if torch.error:
        return warning(torch.error, library_advice(torch.error) or install_line("torch --force-reinstall"))
    if not torch.values and not has_wheel:
        return note("PyTorch has no build for Intel Macs: no Stable Diffusion, SAM3 or voice; everything else works")
    if not torch.values:
        return note("not installed: no Stable Diffusion, SAM3 or voice", install_line("[models]"))
    version, cuda, devices = (torch.values[name] for name in ("version", "cuda", "devices"))
    same_release = f"{install}=={version.partition('+')[0]} --force-reinstall --index-url"
    too_old, too_new = _cards_without_kernels(torch)
    if too_old:
        reason = f"{version} does not support the {', '.join(too_old)}: too old for CUDA {cuda}"
        return warning(reason, f"{same_release} {OLD_CARDS_INDEX}")
    if too_new:
        reason = f"{version} does not support the {', '.join(too_new)}: newer than this build of torch"
        return warning(reason, f"{install} --upgrade --force-reinstall --index-url {TORCH_INDEX}{CUDA}")
    if torch.values.get("problem"):
        return warning(torch.values["problem"])
    if devices or torch.values["has_mps"]:
        return ok(f"{version} on {', '.join(devices) or 'Metal (MPS)'}")
    if nvidia and not cuda:
        return warning(f"NVIDIA GPU ({nvidia}) but CPU torch ({version})", f"{same_release} {TORCH_INDEX}{CUDA}")
    if nvidia:
        mend = "install the newest driver from nvidia.com/drivers (CUDA 13 needs 580; nvidia-smi shows yours)"
        return warning(f"{version} cannot use the {nvidia} (CUDA {cuda})", mend)
    return note(f"{version} on the CPU: few pictures a second")


def _cards_without_kernels(torch: Answer) -> tuple[list[str], list[str]]:
    """Cards that are too old for this build of torch, and cards that are too new for it.

    CUDA lists them, but every operation fails. Code for sm_86 runs on 8.6 and later 8.x, the PTX of compute_86 is
    compiled by the driver for 8.6 and every later card. An `a` at the end: for this capability only; `f`: for later
    ones of the same family (NVIDIA, CUDA C++ Programming Guide, "Compute Capabilities").
    """
    found = [KERNELS.fullmatch(name) for name in torch.values.get("kernels_for", ())]
    built = [(each["kind"], (int(each["major"]), int(each["minor"])), each["only"]) for each in found if each]

    def runs(kind: str, built_for: tuple[int, int], only: str, card: tuple[int, int]) -> bool:
        if only == "a":
            return built_for == card
        return built_for <= card and ((kind == "compute" and not only) or built_for[0] == card[0])

    too_old: list[str] = []
    too_new: list[str] = []
    for name, capability in zip(torch.values["devices"], torch.values.get("capabilities", ()), strict=False):
        card = (capability[0], capability[1])
        if built and not any(runs(*kernels, card) for kernels in built):
            (too_old if card < min(built_for for _, built_for, _ in built) else too_new).append(name)
    return too_old, too_new


@row("Syphon name", "syphon", on="darwin")
def judge_syphon_name(syphon: Answer) -> Check | None:
    """The application name under which other programs list the pictures: often Python's, not ours. Without values
    Syphon cannot run here."""
    if syphon.error:
        return warning(syphon.error)
    if not syphon.values:
        return None
    name = syphon.values["application"] or "no application"
    judge = ok if name == PROCESS_NAME else note
    return judge(f"other programs list the picture under {name}: look for {name}, then {TITLES['main']}")
