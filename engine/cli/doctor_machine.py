"""The doctor's checks of the machine: Python, packages, memory, folders, ports, sinks."""

import errno
import importlib.metadata
import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.cli.check import Check, pip_command
from engine.cli.doctor_first_hour import first_hour_checks
from engine.cli.doctor_windows import NEW_ENVIRONMENT
from engine.errors import SharedMemoryError
from engine.system.refused_port import refusal_reason

PACKAGES = ("numpy", "numba", "moderngl", "av", "opencv-python-headless", "sounddevice", "aiohttp", "python-osc")
INFERENCE_PACKAGES = ("torch", "diffusers", "transformers")
LINK_PACKAGE = "LinkPython-extern"
LITTLE_DISK_BYTES = 2 << 30  # half an hour of recorded 720p
LITTLE_SHM_BYTES = 256 << 20
RING_SIZE = (1920, 1080)
OTHER_PORT = 100  # distance from the port that is in use
SPOUT_BELOW = (3, 14)  # the first Python for which SpoutGL has no wheel


def texture_sink(system: str) -> str:
    """The texture sharing sink of this system; `system` as in `sys.platform`."""
    return {"darwin": "syphon", "win32": "spout"}.get(system, "shared")


def has_torch_wheel(system: str, machine: str) -> bool:
    """True if PyTorch can be installed: not for x86 Python on a Mac. Takes `sys.platform` and `platform.machine()`."""
    return system != "darwin" or machine == "arm64"


def machine_checks() -> list[Check]:
    wanted = [
        name
        for name in PACKAGES + INFERENCE_PACKAGES
        if name != "torch" or has_torch_wheel(sys.platform, platform.machine())
    ]
    return [
        check_python(sys.version_info[:2], sys.platform),
        check_packages(_installed_versions(wanted)),
        check_link(_installed_versions((LINK_PACKAGE,))[LINK_PACKAGE]),
        *first_hour_checks(),
        *_check_places(),
        check_receive_buffer(_granted_receive_buffer(), sys.platform),
        *_check_ports(),
        *_check_sinks(),
    ]


def check_python(python: tuple[int, int], system: str) -> Check:
    detail = f"{platform.python_version()} on {platform.platform()}"
    if system == "win32" and python >= SPOUT_BELOW:
        return Check(
            name="Python",
            state="warning",
            detail=f"{detail}: Spout needs Python 3.11 to 3.13",
            mend=NEW_ENVIRONMENT,
        )
    return Check(name="Python", state="ok", detail=detail)


def check_packages(versions: dict[str, str | None]) -> Check:
    missing = [name for name, version in versions.items() if version is None]
    detail = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    needed = [name for name in missing if name not in INFERENCE_PACKAGES]
    if needed:
        mend = f"{pip_command()} install {' '.join(needed)}"
        return Check(name="packages", state="failed", detail=f"missing: {', '.join(missing)}; {detail}", mend=mend)
    if missing:
        return Check(
            name="packages",
            state="note",
            detail=f"without {', '.join(missing)}: no Stable Diffusion, SAM3 or voice; {detail}",
            mend=f'{pip_command()} install "multiverse-engine[models]"',
        )
    return Check(name="packages", state="ok", detail=detail)


def check_link(version: str | None) -> Check:
    """Check the optional library of Ableton Link. `version`: None if it is not installed."""
    if version is None:
        return Check(
            name="Ableton Link",
            state="note",
            detail="not installed: /tempo/source link follows nothing; the sound, MIDI clock, timecode and taps work",
            mend=f'{pip_command()} install "multiverse-engine[link]"',
        )
    return Check(name="Ableton Link", state="ok", detail=f"{LINK_PACKAGE} {version}; follow it with /tempo/source link")


def check_receive_buffer(granted_bytes: int, system: str) -> Check:
    from engine.control.udp import MAC_RECEIVE_BUFFER_BYTES, WANTED_RECEIVE_BUFFER_BYTES

    wanted = MAC_RECEIVE_BUFFER_BYTES if system == "darwin" else WANTED_RECEIVE_BUFFER_BYTES
    detail = f"{granted_bytes / 2**20:.2g} of {wanted / 2**20:.0f} MiB"
    if granted_bytes >= wanted:
        return Check(name="OSC receive buffer", state="ok", detail=detail)
    mend = {
        "linux": f"sudo sysctl -w net.core.rmem_max={wanted}",
        "darwin": f"sudo sysctl -w kern.ipc.maxsockbuf={2 * wanted}",
    }.get(system, "")
    return Check(name="OSC receive buffer", state="note", detail=f"{detail}: floods may lose packets", mend=mend)


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
                return Check(
                    name=name,
                    state="warning",
                    detail=f"{host}:{port} cannot be used ({refusal_reason(error)})"
                    + ("" if is_refused else "; is an engine running already?"),
                    mend=f"multiverse run {option} {host}:{_other_port(port)}",
                )
    return Check(name=name, state="ok", detail=f"{host}:{port} is free")


def _other_port(port: int) -> int:
    """9100 and 9101 for 9000 and 9001, as in the beginners' guides."""
    return port + OTHER_PORT if port + OTHER_PORT < 1 << 16 else port - OTHER_PORT


def _check_places() -> Iterator[Check]:
    """Check shared memory, the presets' folder, and disk space for recordings."""
    yield _check_shared_memory()
    yield check_presets(sys.platform)
    free_bytes = shutil.disk_usage(Path.cwd()).free
    yield Check(
        name="disk",
        state="warning" if free_bytes < LITTLE_DISK_BYTES else "ok",
        detail=f"{free_bytes / 2**30:.1f} GiB free in {Path.cwd()}",
    )


def _check_shared_memory() -> Check:
    from engine.ipc import FrameRing

    docker = "in Docker: docker run --shm-size=1g"
    room = Path("/dev/shm")
    size = f", {shutil.disk_usage(room).free / 2**20:.0f} MiB free" if room.is_dir() else ""
    try:
        FrameRing.create(f"doctor {os.getpid()}", *RING_SIZE).close()
    except SharedMemoryError as error:
        return Check(name="shared memory", state="failed", detail=str(error), mend=docker)
    if room.is_dir() and shutil.disk_usage(room).total < LITTLE_SHM_BYTES:
        return Check(name="shared memory", state="warning", detail=f"works, but is small{size}", mend=docker)
    return Check(name="shared memory", state="ok", detail=f"works{size}")


def check_presets(system: str) -> Check:
    from engine.system.folders import presets_folder

    folder = presets_folder()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        return Check(
            name="presets",
            state="warning",
            detail=f"{folder} cannot be written ({error.strerror})",
            mend=_own_folder_command(system),
        )
    return Check(name="presets", state="ok", detail=str(folder))


def _own_folder_command(system: str) -> str:
    """The command that moves our folder. `system` as in `sys.platform`. setx works in both cmd and PowerShell."""
    if system == "win32":
        return r"setx MULTIVERSE_HOME C:\multiverse-home, then open a new window"
    return "export MULTIVERSE_HOME=~/multiverse-home, then start it from the same window"


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
        is_usual = sink.kind == texture_sink(sys.platform)
        yield Check(
            name=f"sink {sink.kind}",
            state="ok" if sink.is_available else "warning" if is_usual else "note",
            detail=sink.argument if sink.is_available else f"unavailable ({sink.reason})",
        )


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
