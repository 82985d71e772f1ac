"""Queries one part of the system in a child process, because the query may crash, hang or load
large libraries.

A query is named as `module:function`, one of those below as `gl` for `ask_gl`. `main` answers with
one line of JSON: the answer, or `{"error": ..., "traceback": ...}`. `Probe` is the parent's side.
"""

import json
import logging
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pkgutil import resolve_name
from typing import Any

from engine.errors import ModelError, MultiverseError, NoGLError, SourceError
from engine.system.worker_process import WorkerProcess, claim_output, end_with_parent

TIMEOUT_S = 120.0  # importing torch from a cold disk takes long
# Syphon announces a server within a second; a busy machine takes longer
RECEIVE_S = 20.0
RECEIVE_POLL_S = 0.02

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    values: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    """Why the query failed; empty if `values` is the answer."""


class Probe:
    """A query that runs in a child process. Several can run in parallel; `read` waits for one."""

    def __init__(self, name: str, *arguments: str) -> None:
        # Its stderr goes nowhere: drivers and ALSA print to it.
        self._process = WorkerProcess("engine.cli.probe", f"main{(name, *arguments)!r}")
        self._end_s = time.perf_counter() + TIMEOUT_S

    @property
    def is_done(self) -> bool:
        return self._process.has_ended

    def read(self) -> Answer:
        """The answer. A traceback of the query is logged (--debug)."""
        try:
            line = self._process.receive(max(0.1, self._end_s - time.perf_counter()))
        except EOFError:
            self.close()
            return Answer(error=f"crashed ({self._process.reason.removeprefix('killed by ')})")
        self.close()
        if line is None:
            return Answer(error=f"no answer within {TIMEOUT_S:.0f} s")
        values = json.loads(line)
        if "error" not in values:
            return Answer(values=values)
        log.debug("probe: %s", values.get("traceback", values["error"]))
        return Answer(error=values["error"])

    def close(self) -> None:
        """Kill the child process if it is still running."""
        self._process.kill()


def ask_gl() -> dict[str, Any]:
    from engine.render.context import is_software, open_context
    from engine.render.egl_devices import list_egl_devices
    from engine.render.gl_targets import DEEP_DTYPE, deepest_dtype
    from engine.render.unused_card import find_unused_card

    try:
        context = open_context()
    except NoGLError as error:
        unused = find_unused_card()
        if unused is None:
            raise
        raise NoGLError(
            f"{error}; there is a card ({unused.card}): {unused.reason}; {unused.fix}"
        ) from error
    renderer = context.info["GL_RENDERER"]
    answer = {
        "renderer": renderer,
        "version": context.info["GL_VERSION"],
        "is_software": is_software(renderer),
        "is_deep": deepest_dtype(context) == DEEP_DTYPE,
        "gpus": [device.label for device in list_egl_devices()] if sys.platform == "linux" else [],
    }
    context.release()
    unused = find_unused_card() if answer["is_software"] else None
    return answer | {"unused": None if unused is None else asdict(unused)}


def ask_gpus() -> dict[str, Any]:
    from engine.render.context import name_devices

    named = name_devices() if sys.platform == "linux" else ()
    return {
        "gpus": [
            {
                "index": each.device.index,
                "name": each.name,
                "file": each.device.file,
                "error": each.error,
            }
            for each in named
        ]
    }


def ask_numba() -> dict[str, Any]:
    import numba
    import numpy as np

    @numba.njit(parallel=True)
    def double(values):  # type: ignore[no-untyped-def]
        for index in numba.prange(len(values)):
            values[index] *= 2.0
        return values

    if not np.array_equal(double(np.ones(100)), np.full(100, 2.0)):
        raise RuntimeError("a compiled loop gives wrong results")
    return {"threads": numba.get_num_threads(), "layer": numba.threading_layer()}  # type: ignore[attr-defined]  # missing in the stubs


def ask_audio() -> dict[str, Any]:
    from engine.audio.devices import list_devices, loopback_advice

    devices = list_devices()
    default = next((device for device in devices if device.is_default), None)
    return {
        "inputs": [device.name for device in devices],
        "default": default and default.name,
        "default_rate_hz": default.rate_hz if default else 0,
        "default_is_loopback": bool(default and default.is_loopback),
        "has_loopback": any(device.is_loopback for device in devices),
        "loopback_advice": loopback_advice(devices),
    }


def ask_permissions() -> dict[str, Any]:
    """The stored permissions of macOS for microphone and camera: "allowed", "refused", "not asked"
    or "unknown".

    Through pyobjc, which comes with Syphon. Does not make macOS ask the user."""
    import objc

    objc.loadBundle(
        "AVFoundation", {}, bundle_path="/System/Library/Frameworks/AVFoundation.framework"
    )
    device = objc.lookUpClass("AVCaptureDevice")
    # AVAuthorizationStatus: notDetermined, restricted, denied, authorized. AVMediaTypeAudio,
    # AVMediaTypeVideo.
    states = {0: "not asked", 1: "refused", 2: "refused", 3: "allowed"}
    return {
        name: states.get(int(device.authorizationStatusForMediaType_(kind)), "unknown")
        for name, kind in (("microphone", "soun"), ("camera", "vide"))
    }


def ask_cameras() -> dict[str, Any]:
    from engine.sources.devices import list_cameras

    return {"cameras": [camera.label for camera in list_cameras() if not camera.is_screen]}


def ask_midi() -> dict[str, Any]:
    """Query whether MIDI ports are possible: `missing` says why there are none at all; "" if there
    may be some."""
    from engine.control.midi.system import LibremidiSystem

    try:
        system = LibremidiSystem()
    except MultiverseError as error:
        return {"missing": str(error), "ports": []}
    ports = [port.name for port in system.ports()]
    system.close()
    return {"missing": "", "ports": list(dict.fromkeys(ports))}


def ask_encoders() -> dict[str, Any]:
    import av

    def can_encode(name: str) -> bool:
        try:
            av.Codec(name, "w")
        except ValueError:
            return False
        return True

    h264 = (
        "libx264",
        "h264_videotoolbox",
        "h264_nvenc",
        "h264_qsv",
        "h264_amf",
        "h264_mf",
        "libopenh264",
    )
    ten_bits = {".mov (ProRes)": "prores", ".mkv (HEVC)": "libx265"}
    return {
        "h264": [name for name in h264 if can_encode(name)],
        "has_aac": can_encode("aac"),
        "ten_bits": [kind for kind, name in ten_bits.items() if can_encode(name)],
    }


def ask_torch() -> dict[str, Any]:
    """Query PyTorch and the devices it can use; {} if it is not installed. `problem`: why the card
    cannot be used, in one line; `devices` is empty then, unless the cards answer."""
    if find_spec("torch") is None:
        return {}
    import torch

    from engine.models.device_work import resolve_device

    cuda: Any = torch.cuda  # partly annotated
    problem = ""
    try:
        resolve_device("auto")
    except ModelError as error:
        problem = str(error)
    cards = range(cuda.device_count() if cuda.is_initialized() else 0)
    return {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "devices": [cuda.get_device_name(n) for n in cards],
        "has_mps": torch.backends.mps.is_available(),
        "capabilities": [cuda.get_device_capability(n) for n in cards],
        "kernels_for": cuda.get_arch_list(),
        "problem": problem,
    }


def ask_receive(kind: str, name: str, target: str) -> dict[str, Any]:
    """Receive one picture of a texture sink as another program would, through the source of
    `--camera KIND:NAME`. Saves it as (height, width, 3) uint8 RGB, row 0 at the top as programs on
    that system show it."""
    import numpy as np

    from engine.render.context import open_context
    from engine.sources.names import best_match
    from engine.sources.opening import open_source
    from engine.sources.texture import TextureSource
    from engine.system.clock import SystemClock

    context = open_context() if kind == "spout" else None  # which needs a current one
    source = open_source(
        f"{kind}:{name}", offline=False, clock=SystemClock(), report=lambda key, line: None
    )
    assert source is not None
    source.start()
    end_s = time.perf_counter() + RECEIVE_S
    while (frame := source.latest_frame()) is None:
        if time.perf_counter() > end_s:
            raise SourceError(f"no picture of {name!r} arrived within {RECEIVE_S:.0f} s")
        if isinstance(source, TextureSource):
            source.poll()
        time.sleep(RECEIVE_POLL_S)
    listed_as = best_match(name, source.names()) if isinstance(source, TextureSource) else None
    source.close()
    if context is not None:
        context.release()
    np.save(target, frame.pixels)
    return {"listed_as": listed_as or name}


def ask_syphon() -> dict[str, Any]:
    """Query the application name under which Syphon lists our servers; {} if Syphon cannot run
    here."""
    from engine.sinks.registry import unavailable_reason
    from engine.sinks.syphon import application_name

    return {} if unavailable_reason("syphon") else {"application": application_name()}


def main(name: str, *arguments: str) -> None:
    answers = claim_output()
    end_with_parent()
    try:
        answer = resolve_name(name if ":" in name else f"{__name__}:ask_{name}")(*arguments)
        if not isinstance(answer, dict):
            raise TypeError(f"{name} gave a {type(answer).__name__}, not a dict")
        line = json.dumps(answer)
    except Exception as error:  # an error in a driver or library is the answer
        reason = " ".join(str(error).split()) or type(error).__name__
        line = json.dumps({"error": reason, "traceback": traceback.format_exc()})
    answers.write(line.encode() + b"\n")
    answers.flush()
