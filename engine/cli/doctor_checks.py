"""The doctor's checks that every system has.

Rendering, sound, cameras, recording and inference are queried in child processes, all in parallel, because a driver may
crash or hang. The functions that judge the answers are pure.
"""

import errno
import importlib.metadata
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from engine.cli import doctor_mac, doctor_windows
from engine.cli.doctor_list import Check, failed, note, ok, pip_command, warning
from engine.cli.doctor_windows import graphics_advice, library_advice
from engine.cli.probe import Answer, Probe
from engine.cli.selftest import texture_sink
from engine.errors import SharedMemoryError
from engine.sinks.registry import unavailable_reason
from engine.sinks.sink import TITLES
from engine.sinks.syphon import PROCESS_NAME
from engine.system.refused_port import refusal_reason

CUDA_INDEX: Final = "https://download.pytorch.org/whl/cu130"
# From the GTX 900 on; CUDA 13 needs GTX 16, RTX 20.
OLD_CARDS_INDEX: Final = "https://download.pytorch.org/whl/cu126"
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


def run_checks() -> list[Check]:
    """Run all checks. Takes as long as the slowest probe."""
    with ExitStack() as stack:
        names = ["gl", "numba", "audio", "cameras", "encoders", "blender"]
        names += ["torch"] if find_spec("torch") else []
        names += ["permissions"] if sys.platform == "darwin" else []
        names += ["syphon"] if not unavailable_reason("syphon") else []
        probes = {name: Probe(name) for name in names}
        for probe in probes.values():
            stack.callback(probe.close)
        checks = machine_checks()
        nvidia = _find_nvidia()
        answers = {name: probe.read() for name, probe in probes.items()}
    checks += check_renderers(answers["gl"], answers["numba"], sys.platform, nvidia)
    checks += check_audio(answers["audio"])
    checks += check_permissions(answers["permissions"]) if "permissions" in answers else []
    checks += [check_cameras(answers["cameras"]), check_encoders(answers["encoders"])]
    checks.append(check_torch(answers.get("torch"), nvidia, has_wheel=_has_torch_wheel_here()))
    checks.append(check_blender(answers["blender"]))
    return checks + ([check_syphon_name(answers["syphon"])] if "syphon" in answers else [])


def check_renderers(gl: Answer, numba: Answer, system: str, nvidia: str) -> list[Check]:
    """Check that OpenGL or Numba works; warn, or add a note, if OpenGL is missing or drawn in software."""
    layer = numba.values.get("layer")
    turns = "; threads that draw at the same time take turns" if layer == "workqueue" else ""  # always so on a Mac
    by_numba = ok("Numba", f"{numba.values.get('threads')} threads ({layer}){turns}")
    if numba.error:
        mend = library_advice(numba.error) or f"{pip_command()} install --force-reinstall numba"
        by_numba = (failed if gl.error else warning)("Numba", numba.error, mend)
    return [_check_opengl(gl, bool(numba.error), system, nvidia), by_numba]


def _check_opengl(gl: Answer, is_numba_missing: bool, system: str, nvidia: str) -> Check:
    if gl.error:
        if is_numba_missing:
            return failed("OpenGL", gl.error)
        return warning("OpenGL", f"{gl.error}; Numba draws instead, at 30 fps")
    renderer = gl.values["renderer"]
    depth = "16 bits" if gl.values["is_deep"] else "only 8 bits, so slow gradients may show bands,"
    detail = f"{renderer}, {gl.values['version']}, {depth} per channel"
    gpus = gl.values.get("gpus", ())
    choice = f"; --gpu takes {', '.join(gpus)}" if len(gpus) > 1 else ""
    if gl.values["is_software"]:
        drawn_by = "OpenGL draws on the CPU" if is_numba_missing else "Numba draws, at 30 fps"
        slow = f"{drawn_by}; shaders run on the CPU and are slow{choice}"
        if unused := gl.values.get("unused"):
            reason = f"software, although there is a card ({unused['card']}): {unused['reason']}"
            return warning("OpenGL", f"{detail}: {reason}; {slow}", unused["mend"])
        if nvidia:
            mend = "install the graphics driver's OpenGL/EGL part (Debian: libnvidia-egl-*)"
            return warning("OpenGL", f"{detail}: no GPU, although there is a {nvidia}; {slow}", mend)
        return note("OpenGL", f"{detail}: no GPU; {slow}")
    if system == "win32" and nvidia and "nvidia" not in renderer.lower():
        wrong = f"{detail}: Windows gave Python the other graphics card, not the {nvidia}"
        return warning("OpenGL", wrong, graphics_advice(getattr(sys, "_base_executable", sys.executable)))
    return ok("OpenGL", f"{detail}{choice}")


def check_audio(audio: Answer) -> Iterator[Check]:
    if audio.error or not audio.values["inputs"]:
        mend = {
            "darwin": "a Mac mini, Studio or Pro has no microphone: plug one in; or multiverse run --audio song.wav",
            "win32": "start ms-settings:sound, then choose an input; or multiverse run --audio song.wav",
        }.get(sys.platform, "")
        detail = f"{audio.error or 'no input device'}; the demo loop plays instead"
        yield warning("audio input", detail, "" if audio.error else mend)
        return
    values = audio.values
    yield ok("audio input", f"{len(values['inputs'])} inputs, default: {values['default']}")
    is_loopback = values.get("default_is_loopback", False)
    yield from check_default_input(values["default"], values.get("default_rate_hz", 0), is_loopback=is_loopback)
    yield (ok if values["has_loopback"] else note)("computer's own sound", values["loopback_advice"])


def check_default_input(default: str | None, rate_hz: int, *, is_loopback: bool) -> Iterator[Check]:
    """Warn if the default sound input seems to be the microphone of a Bluetooth headset or of a camera."""
    if default is None or is_loopback:
        return
    if any(part in default.lower() for part in HEADSETS) or 0 < rate_hz <= MAX_TELEPHONE_RATE_HZ:
        yield warning(
            "default sound input",
            f"{default} ({rate_hz} Hz) seems to be a headset's or a camera's microphone: no treble, and a "
            "Bluetooth headset then sounds like a telephone",
            "choose another input in the system's sound settings; or multiverse run --audio device:NAME",
        )


def check_permissions(permissions: Answer) -> list[Check]:
    """Check the permissions for microphone and camera on a Mac; "unknown" if macOS did not answer."""
    return [
        doctor_mac.check_mac_permission(device, permissions.values.get(device, "unknown"), os.environ)
        for device in ("microphone", "camera")
    ]


def check_cameras(cameras: Answer) -> Check:
    if cameras.error:
        return warning("cameras", cameras.error, library_advice(cameras.error))
    found = "; ".join(cameras.values["cameras"])
    return (
        ok("cameras", found) if found else note("cameras", "none found; --camera also takes a video, a picture or test")
    )


def check_encoders(encoders: Answer) -> Check:
    h264, has_aac = encoders.values.get("h264", []), encoders.values.get("has_aac", False)
    if encoders.error or not h264 or not has_aac:
        detail = encoders.error or "PyAV was built without H.264 or AAC: no recordings"
        return warning("recording", detail, f"{pip_command()} install --force-reinstall --only-binary :all: av")
    ten_bits = ", ".join(encoders.values.get("ten_bits", ())) or "none"
    return ok("recording", f"H.264 ({', '.join(h264)}) and AAC; 10 bits: {ten_bits}")


def check_torch(torch: Answer | None, nvidia: str, *, has_wheel: bool = True) -> Check:
    """Check torch. `torch` is None if it is not installed; `nvidia` is the card's name or empty."""
    install = f"{pip_command()} install torch"
    if torch is None and not has_wheel:
        return note(
            "torch", "PyTorch has no build for Intel Macs: no Stable Diffusion, SAM3 or voice; everything else works"
        )
    if torch is None:
        mend = f'{pip_command()} install "multiverse-engine[models]"'
        return note("torch", "not installed: no Stable Diffusion, SAM3 or voice", mend)
    if torch.error:
        return warning("torch", torch.error, library_advice(torch.error) or f"{install} --force-reinstall")
    version, cuda, devices = (torch.values[name] for name in ("version", "cuda", "devices"))
    same_release = f"{install}=={version.partition('+')[0]} --force-reinstall --index-url"
    too_old, too_new = _cards_without_kernels(torch)
    if too_old:
        reason = f"{version} does not support the {', '.join(too_old)}: too old for CUDA {cuda}"
        return warning("torch", reason, f"{same_release} {OLD_CARDS_INDEX}")
    if too_new:
        reason = f"{version} does not support the {', '.join(too_new)}: newer than this build of torch"
        return warning("torch", reason, f"{install} --upgrade --force-reinstall --index-url {CUDA_INDEX}")
    if torch.values.get("problem"):
        return warning("torch", torch.values["problem"])
    if devices or torch.values["has_mps"]:
        return ok("torch", f"{version} on {', '.join(devices) or 'Metal (MPS)'}")
    if nvidia and not cuda:
        return warning("torch", f"NVIDIA GPU ({nvidia}) but CPU torch ({version})", f"{same_release} {CUDA_INDEX}")
    if nvidia:
        mend = "install the newest driver from nvidia.com/drivers (CUDA 13 needs 580; nvidia-smi shows yours)"
        return warning("torch", f"{version} cannot use the {nvidia} (CUDA {cuda})", mend)
    return note("torch", f"{version} on the CPU: few pictures a second")


def _cards_without_kernels(torch: Answer) -> tuple[list[str], list[str]]:
    """Cards that are too old for this build of torch, and cards that are too new for it.

    CUDA lists them, but every operation fails. Code for sm_86 runs on 8.6 and later 8.x, the PTX of compute_86 is
    compiled by the driver for 8.6 and every later card. An `a` at the end: for this capability only; `f`: for later
    ones of the same family (NVIDIA, CUDA C++ Programming Guide, "Compute Capabilities").
    """
    built_for = [KERNELS.fullmatch(name) for name in torch.values.get("kernels_for", ())]
    built = [(each["kind"], int(each["major"]), int(each["minor"]), each["only"]) for each in built_for if each]
    too_old: list[str] = []
    too_new: list[str] = []
    for card, (major, minor) in zip(torch.values["devices"], torch.values.get("capabilities", ()), strict=False):
        if not built or any(_runs(*kernels, major, minor) for kernels in built):
            continue
        oldest = min((of_major, of_minor) for _, of_major, of_minor, _ in built)
        (too_old if (major, minor) < oldest else too_new).append(card)
    return too_old, too_new


def _runs(kind: str, of_major: int, of_minor: int, only: str, major: int, minor: int) -> bool:
    """True if code for this capability runs on a card of capability major.minor."""
    if only == "a":
        return (of_major, of_minor) == (major, minor)
    if kind == "compute" and not only:
        return (of_major, of_minor) <= (major, minor)
    return of_major == major and of_minor <= minor


def check_blender(blender: Answer) -> Check:
    """Check Blender, which only `multiverse dataset` needs. Empty values: it is not installed."""
    from engine.jobs.dataset.cycles import install_command

    if blender.error:
        return warning("Blender", blender.error, install_command())
    if not blender.values:
        return note("Blender", "not installed: `multiverse dataset` can only use --engine raster", install_command())
    found = blender.values
    drawn_by = ", ".join(found["gpus"]) or "the CPU"
    return ok("Blender", f"{found['version']} with Python {found['python']}, Cycles on {drawn_by} ({found['path']})")


def check_syphon_name(syphon: Answer) -> Check:
    """Show the application name under which other programs list the pictures: often Python's, not ours."""
    if syphon.error:
        return warning("Syphon name", syphon.error)
    name = syphon.values["application"] or "no application"
    judge = ok if name == PROCESS_NAME else note
    return judge("Syphon name", f"other programs list the picture under {name}: look for {name}, then {TITLES['main']}")


def _find_nvidia() -> str:
    """The NVIDIA card's name from its driver, without torch; empty if there is none."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return ""
    words = [command, "--query-gpu=name", "--format=csv,noheader"]
    try:
        asked = subprocess.run(words, capture_output=True, encoding="utf-8", errors="replace", timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip().splitlines()[0] if asked.returncode == 0 and asked.stdout.strip() else ""


# -- the machine: Python, packages, memory, folders, ports, sinks


def machine_checks() -> list[Check]:
    """Checks in this process, with those of this system."""
    models = INFERENCE_PACKAGES if _has_torch_wheel_here() else INFERENCE_PACKAGES[1:]
    return [
        check_python(sys.version_info[:2], sys.platform),
        check_packages(_installed_versions(PACKAGES + models)),
        check_link(_installed_versions((LINK_PACKAGE,))[LINK_PACKAGE]),
        *first_hour_checks(),
        _check_shared_memory(),
        check_presets(sys.platform),
        _check_disk(),
        check_receive_buffer(_granted_receive_buffer(), sys.platform),
        *_check_ports(),
        *_check_sinks(),
    ]


def first_hour_checks() -> Iterator[Check]:
    """Common beginners' problems of this system; none on Linux."""
    checks = {"win32": doctor_windows.windows_checks, "darwin": doctor_mac.mac_checks}.get(sys.platform)
    return checks() if checks else iter(())


def has_torch_wheel(system: str, machine: str) -> bool:
    """True if PyTorch can be installed: not for x86 Python on a Mac. Takes `sys.platform` and `platform.machine()`."""
    return system != "darwin" or machine == "arm64"


def _has_torch_wheel_here() -> bool:
    return has_torch_wheel(sys.platform, platform.machine())


def check_python(python: tuple[int, int], system: str) -> Check:
    detail = f"{platform.python_version()} on {platform.platform()}"
    if system == "win32" and python >= SPOUT_BELOW:
        return warning("Python", f"{detail}: Spout needs Python 3.11 to 3.13", doctor_windows.NEW_ENVIRONMENT)
    return ok("Python", detail)


def check_packages(versions: dict[str, str | None]) -> Check:
    missing = [name for name, version in versions.items() if version is None]
    detail = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    if needed := [name for name in missing if name not in INFERENCE_PACKAGES]:
        mend = f"{pip_command()} install {' '.join(needed)}"
        return failed("packages", f"missing: {', '.join(missing)}; {detail}", mend)
    if missing:
        mend = f'{pip_command()} install "multiverse-engine[models]"'
        return note("packages", f"without {', '.join(missing)}: no Stable Diffusion, SAM3 or voice; {detail}", mend)
    return ok("packages", detail)


def check_link(version: str | None) -> Check:
    """Check the optional library of Ableton Link. `version`: None if it is not installed."""
    if version is None:
        return note(
            "Ableton Link",
            "not installed: /tempo/source link follows nothing; the sound, MIDI clock, timecode and taps work",
            f'{pip_command()} install "multiverse-engine[link]"',
        )
    return ok("Ableton Link", f"{LINK_PACKAGE} {version}; follow it with /tempo/source link")


def check_receive_buffer(granted_bytes: int, system: str) -> Check:
    from engine.control.udp import MAC_RECEIVE_BUFFER_BYTES, WANTED_RECEIVE_BUFFER_BYTES

    wanted = MAC_RECEIVE_BUFFER_BYTES if system == "darwin" else WANTED_RECEIVE_BUFFER_BYTES
    detail = f"{granted_bytes / 2**20:.2g} of {wanted / 2**20:.0f} MiB"
    if granted_bytes >= wanted:
        return ok("OSC receive buffer", detail)
    mend = {
        "linux": f"sudo sysctl -w net.core.rmem_max={wanted}",
        "darwin": f"sudo sysctl -w kern.ipc.maxsockbuf={2 * wanted}",
    }.get(system, "")
    return note("OSC receive buffer", f"{detail}: floods may lose packets", mend)


def check_port(name: str, option: str, host: str, port: int, kinds: tuple[socket.SocketKind, ...]) -> Check:
    """Check that the port is free for every kind of socket, by binding it briefly."""
    for kind in kinds:
        with socket.socket(socket.AF_INET, kind) as trial:
            if kind == socket.SOCK_STREAM and sys.platform != "win32":
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((host, port))
            except OSError as error:
                is_refused = sys.platform == "win32" and error.errno == errno.EACCES
                running = "" if is_refused else "; is an engine running already?"
                other = port + 100 if port + 100 < 1 << 16 else port - 100  # 9100 for 9000, as in the beginners' guides
                return warning(
                    name,
                    f"{host}:{port} cannot be used ({refusal_reason(error)}){running}",
                    f"multiverse run {option} {host}:{other}",
                )
    return ok(name, f"{host}:{port} is free")


def _check_disk() -> Check:
    free_bytes = shutil.disk_usage(Path.cwd()).free
    judge = warning if free_bytes < LITTLE_DISK_BYTES else ok
    return judge("disk", f"{free_bytes / 2**30:.1f} GiB free in {Path.cwd()}")


def _check_shared_memory() -> Check:
    from engine.ipc import FrameRing

    docker = "in Docker: docker run --shm-size=1g"
    room = Path("/dev/shm")
    size = f", {shutil.disk_usage(room).free / 2**20:.0f} MiB free" if room.is_dir() else ""
    try:
        FrameRing.create(f"doctor {os.getpid()}", *RING_SIZE).close()
    except SharedMemoryError as error:
        return failed("shared memory", str(error), docker)
    if room.is_dir() and shutil.disk_usage(room).total < LITTLE_SHM_BYTES:
        return warning("shared memory", f"works, but is small{size}", docker)
    return ok("shared memory", f"works{size}")


def check_presets(system: str) -> Check:
    from engine.system.folders import presets_folder

    folder = presets_folder()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        mend = "export MULTIVERSE_HOME=~/multiverse-home, then start it from the same window"
        if system == "win32":  # setx works in both cmd and PowerShell
            mend = r"setx MULTIVERSE_HOME C:\multiverse-home, then open a new window"
        return warning("presets", f"{folder} cannot be written ({error.strerror})", mend)
    return ok("presets", str(folder))


def _check_ports() -> Iterator[Check]:
    from engine.config import RUN_DEFAULTS, split_host_port

    for name, option, address, kinds in (
        ("OSC port", "--osc", RUN_DEFAULTS["osc"]["listen"], (socket.SOCK_DGRAM, socket.SOCK_STREAM)),
        ("page port", "--web", RUN_DEFAULTS["web"], (socket.SOCK_STREAM,)),
    ):
        host, port = split_host_port(address, option)
        yield check_port(name, option, host, port, kinds)


def _check_sinks() -> Iterator[Check]:
    from engine.sinks import available_kinds

    for sink in available_kinds():
        judge = ok if sink.is_available else warning if sink.kind == texture_sink(sys.platform) else note
        yield judge(f"sink {sink.kind}", sink.argument if sink.is_available else f"unavailable ({sink.reason})")


def _granted_receive_buffer() -> int:
    from engine.control.udp import ask_for_buffers, granted_receive_buffer_bytes

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        ask_for_buffers(trial)
        return granted_receive_buffer_bytes(trial)


def _installed_versions(names: Sequence[str]) -> dict[str, str | None]:
    def version_of(name: str) -> str | None:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return None

    return {name: version_of(name) for name in names}
