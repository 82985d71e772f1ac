"""`--devices`: which graphics card a job's processes draw with. Untested with more than one card.

A process learns it from its environment, because the picture's bytes do not depend on it more than on the renderer.
"""

import subprocess
import sys

from engine.errors import NoGLError, UsageError
from engine.jobs.dataset.cycles import DEVICE_VARIABLE, ask_blender, find_blender
from engine.jobs.dataset.job import DatasetJob
from engine.render.context import open_context
from engine.render.egl_devices import GPU_VARIABLE
from engine.system.python_process import start_python, utf8_environment

ANSWER_S = 60.0


def device_environment(device: int | None) -> dict[str, str]:
    """Variables for the processes of a job that draws with this device; none for the default device."""
    return {} if device is None else {GPU_VARIABLE: str(device), DEVICE_VARIABLE: str(device)}


def check_devices(job: DatasetJob) -> None:
    """Raise UsageError for a device that the job's engine does not find. Takes a second for each, none without any."""
    if not job.devices:
        return
    if job.drawing.engine == "raster":
        for device in job.devices:
            _check_egl(device)
        return
    names = ask_blender(find_blender(job.blender))["gpus"]
    for device in job.devices:
        if device >= len(names):
            found = ", ".join(f"{number} {name}" for number, name in enumerate(names)) or "none"
            raise UsageError(f"--devices {device}: Cycles finds no such GPU here; it finds {found}")


def _check_egl(device: int) -> None:
    """Ask a new process, because a driver must not be opened in one that forks."""
    process = start_python(
        "engine.jobs.dataset.running.devices",
        "main()",
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        environment=utf8_environment() | device_environment(device),
    )
    try:
        said, _ = process.communicate(timeout=ANSWER_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise UsageError(f"--devices {device}: its driver does not answer within {ANSWER_S:g} s") from None
    if process.returncode != 0:
        reason = said.decode("utf-8", "replace").strip() or "its driver crashed"
        raise UsageError(f"--devices {device}: {reason.removeprefix(f'gpu {str(device)!r}: ')}")


def main() -> None:
    try:
        open_context().release()
    except NoGLError as error:
        sys.exit(sys.stdout.write(f"{error}\n"))
