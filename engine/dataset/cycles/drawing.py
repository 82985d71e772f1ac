"""Renders a picture with Cycles: starts Blender, passes the scene through a folder, and logs its
output."""

import errno
import json
import logging
import os
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from engine.dataset.cycles.files import read_passes, write_scene_files
from engine.dataset.cycles.finding import blender_command, blender_environment, install_command
from engine.dataset.geometry.batches import Rendered, SceneGeometry
from engine.dataset.task import RenderSettings
from engine.errors import RenderError, UsageError
from engine.system.python_process import exit_reason

SCRIPT = Path(__file__).with_name("blender_main.py")
MAX_INSTANCES = 32767  # Blender's largest object index
SKY_DEPTH = 1e9  # Cycles writes 1e10 where it hits nothing
LAST_LINES = 3
NO_ROOM_BYTES = 2**20
DISK_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

log = logging.getLogger(__name__)


def render(
    geometry: SceneGeometry,
    ground_rgb: np.ndarray,
    settings: RenderSettings,
    blender: Path,
    *,
    folder: Path | None = None,
) -> Rendered:
    """Render a scene with Blender. `ground_rgb`: (side, side, 3) uint8, sRGB albedo of the
    `texture_area`, row 0 north. Its files, in a new folder within `folder` (None: the system's),
    are deleted even after a kill. UsageError for a feature that this Blender lacks; RenderError, in
    one line; OSError for disk errors, also inside Blender."""
    settings.check()
    largest = max((int(batch.instances.max(initial=0)) for batch in geometry.batches), default=0)
    if largest > MAX_INSTANCES:
        raise UsageError(
            f"--engine cycles: {largest} piles are too many; Blender numbers {MAX_INSTANCES} at "
            "most"
        )
    work = Path(tempfile.mkdtemp(prefix="multiverse-cycles-", dir=folder)).absolute()
    output_lines: deque[str] = deque(maxlen=LAST_LINES)
    try:
        write_scene_files(work, geometry, ground_rgb, settings)
        answer = _run(blender, work, output_lines)
        passes = read_passes(work / "passes.exr")
        camera = geometry.scene.camera
        depths = _channel(passes, "Depth")
        return Rendered(
            colors=_read_png(work / "colors.png", camera.height_px, camera.width_px),
            instances=np.rint(_channel(passes, "Index")).astype(np.uint16),
            depth_m=np.where(depths < SKY_DEPTH, depths, np.inf).astype(np.float32),
            renderer=f"Cycles, Blender {answer['version']}, {answer['device']}",
        )
    except RenderError as error:
        if number := _disk_errno(work, output_lines):
            raise OSError(number, os.strerror(number), str(work.parent)) from error
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def query_blender(blender: Path, timeout_s: float = 60.0) -> dict[str, Any]:
    """Query `version`, `python` and `gpus` (names). UsageError if it is too old; RenderError if it
    does not start."""
    with (
        tempfile.TemporaryDirectory(
            prefix="multiverse-blender-", ignore_cleanup_errors=True
        ) as folder,
        _start_blender(blender, "--ask", Path(folder)) as process,
    ):
        try:
            lines = process.communicate(timeout=timeout_s)[0].splitlines()
        except subprocess.TimeoutExpired:
            raise RenderError(f"{blender}: no answer within {timeout_s:g} s") from None
        finally:
            process.kill()
    for line in reversed(lines):
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if isinstance(answer, dict):
            if "failure" in answer:
                raise UsageError(f"{blender}: {answer['failure']}")
            return answer
    raise _exit_error(blender, process.returncode, lines)


def _start_blender(blender: Path, argument: str, folder: Path) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            blender_command(blender, SCRIPT, argument),
            env=blender_environment(folder, os.environ),
            stdin=subprocess.PIPE,  # kept open: Blender exits when it is closed
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise RenderError(f"{blender}: cannot be run ({error.strerror or error})") from error


def _run(blender: Path, work: Path, output_lines: deque[str]) -> dict[str, Any]:
    """Run Blender to its end and return its answer; `output_lines` receives its output."""
    with _start_blender(blender, str(work), work) as process:
        try:
            for line in process.stdout or ():
                if line := line.strip():
                    output_lines.append(line)
                    log.info("%s", line)
        except BaseException:
            process.kill()
            raise
    try:
        answer: dict[str, Any] = json.loads((work / "answer.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # it was killed, or the disk is full
        raise _exit_error(blender, process.returncode, output_lines) from None
    if "failure" in answer:
        if answer["trace"]:
            log.error("%s", answer["trace"].rstrip())
        if number := answer["errno"]:
            raise OSError(number, os.strerror(number), str(work.parent))
        raise (UsageError if answer["is_usage"] else RenderError)(
            " ".join(answer["failure"].split())
        )
    log.info(
        "%(max_samples)d samples at most, %(least_samples)d at least, noise %(noise_threshold)g, "
        "%(bounces)d bounces,"
        " %(denoiser)s, threads: %(threads)d, %(device)s",
        answer["used"] | {"device": answer["device"]},
    )
    return answer


def _disk_errno(work: Path, output_lines: Iterable[str]) -> int:
    """The errno if Blender failed because of the disk, else 0. Blender only prints such errors and
    continues."""
    if shutil.disk_usage(work).free < NO_ROOM_BYTES:
        return errno.ENOSPC
    output = " ".join(output_lines)
    return next((number for number in DISK_ERRNOS if os.strerror(number) in output), 0)


def _exit_error(blender: Path, code: int, output_lines: Iterable[str]) -> RenderError:
    """The error for a process that ended without an answer: exit code and last output."""
    output = "; ".join(list(output_lines)[-LAST_LINES:])
    if "no bpy" in output:
        return RenderError(
            f"{blender}: has {output}; install a Python with bpy: {install_command()}"
        )
    hint = " (out of memory?)" if code == -getattr(signal, "SIGKILL", 9) else ""
    return RenderError(f"Blender ({blender}) ended too early: {exit_reason(code)}{hint}; {output}")


def _channel(passes: dict[str, np.ndarray], channel: str) -> np.ndarray:
    """The channel whose name contains `channel`; names differ by version: `IndexOB` or `Object
    Index`, `.X` or `.V`."""
    found = [values for name, values in passes.items() if channel in name]
    if len(found) != 1:
        raise RenderError(f"passes.exr: no single channel for {channel} among {', '.join(passes)}")
    return found[0]


def _read_png(path: Path, height: int, width: int) -> np.ndarray:
    import cv2

    encoded = np.fromfile(path, np.uint8)
    picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
    if picture is None or picture.shape != (height, width, 3):
        raise RenderError(f"{path.name}: is not a picture of {width}x{height} as requested")
    return np.ascontiguousarray(picture[..., ::-1])
