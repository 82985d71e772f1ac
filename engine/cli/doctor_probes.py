"""Rows of the doctor that child processes answer: drawing, sound, cameras, MIDI, recording,
models."""

import re
import sys
from collections.abc import Mapping
from typing import Final

from engine.cli.doctor_checks import (
    Check,
    environment,
    failed,
    has_torch_wheel,
    library_advice,
    note,
    ok,
    row,
    system,
    warning,
)
from engine.cli.probe import Answer
from engine.sinks.sink import TITLES
from engine.sinks.syphon import PROCESS_NAME
from engine.system.installing import CUDA, TORCH_INDEX, install_line, nvidia_card, pip_install

# From the GTX 900 on; CUDA 13 needs GTX 16, RTX 20.
OLD_CARDS_INDEX: Final = f"{TORCH_INDEX}cu126"
KERNELS: Final = re.compile(r"(?P<kind>sm|compute)_(?P<major>\d+)(?P<minor>\d)(?P<only>[af]?)")
MAX_TELEPHONE_RATE_HZ: Final = (
    24_000  # Bluetooth headsets use 8, 16 or 24 kHz while their microphone is open
)
HEADSETS: Final = ("airpods", "hands-free", "headset", "beats")


@row("OpenGL", "gl", "numba", nvidia_card, system)
def judge_opengl(gl: Answer, numba: Answer, nvidia: str, system: str) -> Check:
    if gl.error:
        return (
            failed(gl.error)
            if numba.error
            else warning(f"{gl.error}; Numba draws instead, at 30 fps")
        )
    renderer = gl.values["renderer"]
    depth = "16 bits" if gl.values["is_deep"] else "only 8 bits, so slow gradients may show bands,"
    detail = f"{renderer}, {gl.values['version']}, {depth} per channel"
    gpus = gl.values.get("gpus", ())
    choice = f"; --gpu takes {', '.join(gpus)}" if len(gpus) > 1 else ""
    if gl.values["is_software"]:
        software = "OpenGL draws on the CPU" if numba.error else "Numba draws, at 30 fps"
        slow = f"{software}; shaders run on the CPU and are slow{choice}"
        if unused := gl.values.get("unused"):
            reason = f"software, although there is a card ({unused['card']}): {unused['reason']}"
            return warning(f"{detail}: {reason}; {slow}", unused["fix"])
        if nvidia:
            fix = "install the graphics driver's OpenGL/EGL part (Debian: libnvidia-egl-*)"
            return warning(f"{detail}: no GPU, although there is a {nvidia}; {slow}", fix)
        return note(f"{detail}: no GPU; {slow}")
    if system == "win32" and nvidia and "nvidia" not in renderer.lower():
        # The base Python: an environment's python.exe only starts that one (CPython,
        # PC/venvlauncher.c).
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
        fix = library_advice(numba.error) or install_line("--force-reinstall numba")
        return (failed if gl.error else warning)(numba.error, fix)
    layer = numba.values.get("layer")
    # always so on a Mac
    turns = "; threads that draw at the same time take turns" if layer == "workqueue" else ""
    return ok(f"{numba.values.get('threads')} threads ({layer}){turns}")


@row("audio input", "audio", system)
def judge_audio_input(audio: Answer, system: str) -> Check:
    if not audio.error and audio.values["inputs"]:
        return ok(f"{len(audio.values['inputs'])} inputs, default: {audio.values['default']}")
    fix = {
        "darwin": "a Mac mini, Studio or Pro has no microphone: plug one in; or multiverse run "
        "--audio song.wav",
        "win32": "start ms-settings:sound, then choose an input; or multiverse run --audio "
        "song.wav",
    }.get(system, "")
    return warning(
        f"{audio.error or 'no input device'}; the demo loop plays instead",
        "" if audio.error else fix,
    )


@row("default sound input", "audio")
def judge_default_input(audio: Answer) -> Check | None:
    """Warn if it seems to be the microphone of a Bluetooth headset or of a camera."""
    default = audio.values.get("default")
    rate_hz = audio.values.get("default_rate_hz", 0)
    if default is None or audio.values.get("default_is_loopback"):
        return None
    if (
        not any(part in default.lower() for part in HEADSETS)
        and not 0 < rate_hz <= MAX_TELEPHONE_RATE_HZ
    ):
        return None
    return warning(
        f"{default} ({rate_hz} Hz) seems to be a headset's or a camera's microphone: no treble, "
        "and a Bluetooth "
        "headset then sounds like a telephone",
        "choose another input in the system's sound settings; or multiverse run --audio "
        "device:NAME",
    )


@row("computer's own sound", "audio")
def judge_own_sound(audio: Answer) -> Check | None:
    if not audio.values.get("inputs"):
        return None
    return (ok if audio.values["has_loopback"] else note)(audio.values["loopback_advice"])


@row("camera permission", "permissions", environment, lambda: "camera", on="darwin")
@row("microphone permission", "permissions", environment, lambda: "microphone", on="darwin")
def judge_mac_permission(permissions: Answer, environment: Mapping[str, str], device: str) -> Check:
    """Report what macOS has stored for the terminal that started this program; "unknown" if it does
    not answer."""
    permission = permissions.values.get(device, "unknown")
    pane = device.capitalize()
    if permission == "unknown":
        return note(f"macOS does not say (docs/tutorials/mac.md, {pane})")
    if permission == "not asked":
        return note(f"macOS asks once the {device} is opened, for the terminal: answer Allow")
    if permission == "allowed":
        return ok("allowed")
    # LaunchServices puts the identifier of the program, such as com.apple.Terminal, into its
    # environment. Without it, tccutil would reset the permission of every program.
    terminal = environment.get("__CFBundleIdentifier", "")
    reset = f"tccutil reset {pane} {terminal}"
    allow = f"System Settings, Privacy & Security, {pane}: switch the terminal on"
    return warning(
        f"macOS refuses this terminal the {device}{': silence' if device == 'microphone' else ''}",
        f"{reset if terminal else allow}, then quit the terminal (Cmd-Q), open it again, start "
        "the engine and answer "
        "Allow",
    )


@row("cameras", "cameras")
def judge_cameras(cameras: Answer) -> Check:
    if cameras.error:
        return warning(cameras.error, library_advice(cameras.error))
    found = "; ".join(cameras.values["cameras"])
    return (
        ok(found) if found else note("none found; --camera also takes a video, a picture or test")
    )


@row("MIDI", "midi")
def judge_midi(midi: Answer) -> Check:
    if reason := midi.error or midi.values["missing"]:
        return note(f"{reason}; a bridge works without")
    found = "; ".join(midi.values["ports"])
    return (
        ok(f"{found}; use one with --midi NAME")
        if found
        else note("no port found; plug a controller in")
    )


@row("recording", "encoders")
def judge_encoders(encoders: Answer) -> Check:
    h264 = encoders.values.get("h264", [])
    has_aac = encoders.values.get("has_aac", False)
    if encoders.error or not h264 or not has_aac:
        detail = encoders.error or "PyAV was built without H.264 or AAC: no recordings"
        return warning(detail, install_line("--force-reinstall --only-binary :all: av"))
    ten_bits = ", ".join(encoders.values.get("ten_bits", ())) or "none"
    return ok(f"H.264 ({', '.join(h264)}) and AAC; 10 bits: {ten_bits}")


@row("torch", "torch", nvidia_card, has_torch_wheel)
def judge_torch(torch: Answer, nvidia: str, has_wheel: bool) -> Check:
    """Judge the installation of PyTorch; an answer without values means that it is not
    installed."""
    install = f"{pip_install()} torch"
    if torch.error:
        return warning(
            torch.error, library_advice(torch.error) or install_line("torch --force-reinstall")
        )
    if not torch.values and not has_wheel:
        return note(
            "PyTorch has no build for Intel Macs: no Stable Diffusion, SAM3 or voice; everything "
            "else works"
        )
    if not torch.values:
        return note("not installed: no Stable Diffusion, SAM3 or voice", install_line("[models]"))
    version, cuda, devices = (torch.values[name] for name in ("version", "cuda", "devices"))
    same_release = f"{install}=={version.partition('+')[0]} --force-reinstall --index-url"
    too_old, too_new = _cards_without_kernels(torch)
    if too_old:
        reason = f"{version} does not support the {', '.join(too_old)}: too old for CUDA {cuda}"
        return warning(reason, f"{same_release} {OLD_CARDS_INDEX}")
    if too_new:
        reason = (
            f"{version} does not support the {', '.join(too_new)}: newer than this build of torch"
        )
        return warning(
            reason, f"{install} --upgrade --force-reinstall --index-url {TORCH_INDEX}{CUDA}"
        )
    if torch.values.get("problem"):
        return warning(torch.values["problem"])
    if devices or torch.values["has_mps"]:
        return ok(f"{version} on {', '.join(devices) or 'Metal (MPS)'}")
    if nvidia and not cuda:
        return warning(
            f"NVIDIA GPU ({nvidia}) but CPU torch ({version})",
            f"{same_release} {TORCH_INDEX}{CUDA}",
        )
    if nvidia:
        fix = (
            "install the newest driver from nvidia.com/drivers (CUDA 13 needs 580; nvidia-smi "
            "shows yours)"
        )
        return warning(f"{version} cannot use the {nvidia} (CUDA {cuda})", fix)
    return note(f"{version} on the CPU: few pictures per second")


def _cards_without_kernels(torch: Answer) -> tuple[list[str], list[str]]:
    """Cards that are too old for this build of torch, and cards that are too new for it.

    CUDA lists them, but every operation fails. Code for sm_86 runs on 8.6 and later 8.x, the PTX of
    compute_86 is compiled by the driver for 8.6 and every later card. An `a` at the end: for this
    capability only; `f`: for later ones of the same family (NVIDIA, CUDA C++ Programming Guide,
    "Compute Capabilities")."""
    found = [KERNELS.fullmatch(name) for name in torch.values.get("kernels_for", ())]
    built = [
        (each["kind"], (int(each["major"]), int(each["minor"])), each["only"])
        for each in found
        if each
    ]

    def runs(kind: str, built_for: tuple[int, int], only: str, card: tuple[int, int]) -> bool:
        if only == "a":
            return built_for == card
        return built_for <= card and ((kind == "compute" and not only) or built_for[0] == card[0])

    too_old: list[str] = []
    too_new: list[str] = []
    for name, capability in zip(
        torch.values["devices"], torch.values.get("capabilities", ()), strict=False
    ):
        card = (capability[0], capability[1])
        if built and not any(runs(*kernels, card) for kernels in built):
            (too_old if card < min(built_for for _, built_for, _ in built) else too_new).append(
                name
            )
    return too_old, too_new


@row("Syphon name", "syphon", on="darwin")
def judge_syphon_name(syphon: Answer) -> Check | None:
    """The application name under which other programs list the pictures, often Python's. No values:
    no Syphon here."""
    if syphon.error:
        return warning(syphon.error)
    if not syphon.values:
        return None
    name = syphon.values["application"] or "no application"
    judge = ok if name == PROCESS_NAME else note
    return judge(
        f"other programs list the picture under {name}: look for {name}, then {TITLES['main']}"
    )
