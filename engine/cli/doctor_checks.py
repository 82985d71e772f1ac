"""The doctor's checks of rendering, sound, cameras, recording and inference.

Each part is queried in a child process, all in parallel, because a driver may crash or hang. The functions that judge
the answers are pure.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec

from engine.cli.check import Check, pip_command
from engine.cli.doctor_first_hour import check_default_input, input_advice
from engine.cli.doctor_mac import check_mac_permission
from engine.cli.doctor_machine import has_torch_wheel, machine_checks
from engine.cli.doctor_windows import graphics_advice, library_advice
from engine.cli.probe import Answer, Probe
from engine.sinks.registry import unavailable_reason
from engine.sinks.sink import TITLES
from engine.sinks.syphon import PROCESS_NAME

CUDA_INDEX = "https://download.pytorch.org/whl/cu130"
OLD_CARDS_INDEX = "https://download.pytorch.org/whl/cu126"  # from the GTX 900 on; CUDA 13 needs GTX 16, RTX 20
KERNELS = re.compile(r"(?P<kind>sm|compute)_(?P<major>\d+)(?P<minor>\d)(?P<only>[af]?)")


def run_checks() -> list[Check]:
    """Run all checks, in parallel. Takes as long as the slowest probe."""
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
        checks += check_renderers(probes["gl"].read(), probes["numba"].read(), sys.platform, nvidia)
        checks += check_audio(probes["audio"].read())
        if "permissions" in probes:
            checks += check_permissions(probes["permissions"].read())
        checks.append(check_cameras(probes["cameras"].read()))
        checks.append(check_encoders(probes["encoders"].read()))
        torch = probes["torch"].read() if "torch" in probes else None
        checks.append(check_torch(torch, nvidia, has_wheel=has_torch_wheel(sys.platform, platform.machine())))
        checks.append(check_blender(probes["blender"].read()))
        if "syphon" in probes:
            checks.append(check_syphon_name(probes["syphon"].read()))
        return checks


def check_renderers(gl: Answer, numba: Answer, system: str, nvidia: str) -> list[Check]:
    """Check that OpenGL or Numba works; warn, or add a note, if OpenGL is missing or drawn in software."""
    layer = numba.values.get("layer")
    turns = "; threads that draw at the same time take turns" if layer == "workqueue" else ""  # always so on a Mac
    numba_check = Check(name="Numba", state="ok", detail=f"{numba.values.get('threads')} threads ({layer}){turns}")
    if numba.error:
        numba_check = Check(
            name="Numba",
            state="failed" if gl.error else "warning",
            detail=numba.error,
            mend=library_advice(numba.error) or f"{pip_command()} install --force-reinstall numba",
        )
    if gl.error:
        reason = f"{gl.error}; Numba draws instead, at 30 fps" if not numba.error else gl.error
        return [Check(name="OpenGL", state="failed" if numba.error else "warning", detail=reason), numba_check]
    renderer = gl.values["renderer"]
    depth = "16 bits" if gl.values["is_deep"] else "only 8 bits, so slow gradients may show bands,"
    detail = f"{renderer}, {gl.values['version']}, {depth} per channel"
    gpus = gl.values.get("gpus", ())
    choice = f"; --gpu takes {', '.join(gpus)}" if len(gpus) > 1 else ""
    if gl.values["is_software"]:
        without_gpu = "OpenGL draws on the CPU" if numba.error else "Numba draws, at 30 fps"
        without_gpu += "; shaders run on the CPU and are slow"
        beside = "no GPU" + (f", although there is a {nvidia}" if nvidia else "")
        mend = "install the graphics driver's OpenGL/EGL part (Debian: libnvidia-egl-*)" if nvidia else ""
        if unused := gl.values.get("unused"):
            beside, mend = f"software, although there is a card ({unused['card']}): {unused['reason']}", unused["mend"]
        gl_check = Check(
            name="OpenGL",
            state="warning" if nvidia or unused else "note",
            detail=f"{detail}: {beside}; {without_gpu}{choice}",
            mend=mend,
        )
    elif system == "win32" and nvidia and "nvidia" not in renderer.lower():
        gl_check = Check(
            name="OpenGL",
            state="warning",
            detail=f"{detail}: Windows gave Python the other graphics card, not the {nvidia}",
            mend=graphics_advice(getattr(sys, "_base_executable", sys.executable)),
        )
    else:
        gl_check = Check(name="OpenGL", state="ok", detail=f"{detail}{choice}")
    return [gl_check, numba_check]


def check_audio(audio: Answer) -> Iterator[Check]:
    if audio.error or not audio.values["inputs"]:
        reason = audio.error or "no input device"
        yield Check(
            name="audio input",
            state="warning",
            detail=f"{reason}; the demo loop plays instead",
            mend="" if audio.error else input_advice(sys.platform),
        )
        return
    inputs, default = audio.values["inputs"], audio.values["default"]
    yield Check(name="audio input", state="ok", detail=f"{len(inputs)} inputs, default: {default}")
    yield from check_default_input(
        default,
        audio.values.get("default_rate_hz", 0),
        is_loopback=audio.values.get("default_is_loopback", False),
    )
    yield Check(
        name="computer's own sound",
        state="ok" if audio.values["has_loopback"] else "note",
        detail=audio.values["loopback_advice"],
    )


def check_permissions(permissions: Answer) -> list[Check]:
    """Check the permissions for microphone and camera on a Mac; "unknown" if macOS did not answer."""
    return [
        check_mac_permission(device, permissions.values.get(device, "unknown"), os.environ)
        for device in ("microphone", "camera")
    ]


def check_cameras(cameras: Answer) -> Check:
    if cameras.error:
        mend = library_advice(cameras.error)
        return Check(name="cameras", state="warning", detail=cameras.error, mend=mend)
    found = cameras.values["cameras"]
    return Check(
        name="cameras",
        state="ok" if found else "note",
        detail="; ".join(found) or "none found; --camera also takes a video, a picture or test",
    )


def check_encoders(encoders: Answer) -> Check:
    h264, has_aac = encoders.values.get("h264", []), encoders.values.get("has_aac", False)
    if encoders.error or not h264 or not has_aac:
        return Check(
            name="recording",
            state="warning",
            detail=encoders.error or "PyAV was built without H.264 or AAC: no recordings",
            mend=f"{pip_command()} install --force-reinstall --only-binary :all: av",
        )
    ten_bits = ", ".join(encoders.values.get("ten_bits", ())) or "none"
    return Check(name="recording", state="ok", detail=f"H.264 ({', '.join(h264)}) and AAC; 10 bits: {ten_bits}")


def check_torch(torch: Answer | None, nvidia: str, *, has_wheel: bool = True) -> Check:
    """Check torch. `torch` is None if it is not installed; `nvidia` is the card's name or empty."""
    install, models = f"{pip_command()} install torch", f'{pip_command()} install "multiverse-engine[models]"'
    if torch is None and not has_wheel:
        reason = "PyTorch has no build for Intel Macs: no Stable Diffusion, SAM3 or voice; everything else works"
        return Check(name="torch", state="note", detail=reason)
    if torch is None:
        return Check(
            name="torch", state="note", detail="not installed: no Stable Diffusion, SAM3 or voice", mend=models
        )
    if torch.error:
        mend = library_advice(torch.error) or f"{install} --force-reinstall"
        return Check(name="torch", state="warning", detail=torch.error, mend=mend)
    version, devices = torch.values["version"], torch.values["devices"]
    release = version.partition("+")[0]
    too_old, too_new = _cards_without_kernels(torch)
    if too_old:
        return Check(
            name="torch",
            state="warning",
            detail=f"{version} does not support the {', '.join(too_old)}: too old for CUDA {torch.values['cuda']}",
            mend=f"{install}=={release} --force-reinstall --index-url {OLD_CARDS_INDEX}",
        )
    if too_new:
        return Check(
            name="torch",
            state="warning",
            detail=f"{version} does not support the {', '.join(too_new)}: newer than this build of torch",
            mend=f"{install} --upgrade --force-reinstall --index-url {CUDA_INDEX}",
        )
    if torch.values.get("problem"):
        return Check(name="torch", state="warning", detail=torch.values["problem"])
    if devices:
        return Check(name="torch", state="ok", detail=f"{version} on {', '.join(devices)}")
    if torch.values["has_mps"]:
        return Check(name="torch", state="ok", detail=f"{version} on Metal (MPS)")
    if nvidia and not torch.values["cuda"]:
        return Check(
            name="torch",
            state="warning",
            detail=f"NVIDIA GPU ({nvidia}) but CPU torch ({version})",
            mend=f"{install}=={release} --force-reinstall --index-url {CUDA_INDEX}",
        )
    if nvidia:
        return Check(
            name="torch",
            state="warning",
            detail=f"{version} cannot use the {nvidia} (CUDA {torch.values['cuda']})",
            mend="install the newest driver from nvidia.com/drivers (CUDA 13 needs 580; nvidia-smi shows yours)",
        )
    return Check(name="torch", state="note", detail=f"{version} on the CPU: few pictures a second")


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
        return Check(name="Blender", state="warning", detail=blender.error, mend=install_command())
    if not blender.values:
        detail = "not installed: `multiverse dataset` can only use --engine raster"
        return Check(name="Blender", state="note", detail=detail, mend=install_command())
    found = blender.values
    drawn_by = ", ".join(found["gpus"]) or "the CPU"
    detail = f"{found['version']} with Python {found['python']}, Cycles on {drawn_by} ({found['path']})"
    return Check(name="Blender", state="ok", detail=detail)


def check_syphon_name(syphon: Answer) -> Check:
    """Show the application name under which other programs list the pictures: often Python's, not ours."""
    if syphon.error:
        return Check(name="Syphon name", state="warning", detail=syphon.error)
    application = syphon.values["application"] or "no application"
    return Check(
        name="Syphon name",
        state="ok" if application == PROCESS_NAME else "note",
        detail=f"other programs list the picture under {application}: look for {application}, then {TITLES['main']}",
    )


def _find_nvidia() -> str:
    """The NVIDIA card's name from its driver, without torch; empty if there is none."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return ""
    try:
        asked = subprocess.run(
            [command, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip().splitlines()[0] if asked.returncode == 0 and asked.stdout.strip() else ""
