"""Assigns graphics cards to the jobs, by environment variables: those of `--devices`, else all of
NVIDIA's if there are several. Untested with more than one card."""

import os
import sys
from pathlib import Path
from typing import Final

from engine.dataset.cycles.drawing import query_blender
from engine.dataset.cycles.finding import DEVICE_VARIABLE, find_blender
from engine.dataset.job import DatasetJob
from engine.errors import NoGLError, UsageError
from engine.render.context import open_context
from engine.render.egl_devices import GPU_VARIABLE, list_egl_devices
from engine.system.worker_process import WorkerProcess, claim_output

ANSWER_S = 60.0
CARDS: Final = Path("/proc/driver/nvidia/gpus")  # a folder for each card that NVIDIA's driver has
CHOSEN: Final = (GPU_VARIABLE, "CUDA_VISIBLE_DEVICES")  # set by a user who has chosen already


def device_environment(device: int | None) -> dict[str, str]:
    """Environment variables for a job that draws with this device; none for the default device."""
    return {} if device is None else {GPU_VARIABLE: str(device), DEVICE_VARIABLE: str(device)}


def devices_of(job: DatasetJob, jobs: int) -> tuple[int, ...]:
    """Devices for the jobs in turn; () for the default: GL's best, or all of Cycles' (also if more
    than jobs)."""
    if job.devices:
        return job.devices
    if jobs < 2 or job.drawing.use_gpu is False or any(os.environ.get(name) for name in CHOSEN):
        return ()
    try:
        if sys.platform != "linux" or len(os.listdir(CARDS)) < 2:
            return ()
    except OSError:
        return ()
    if job.drawing.engine == "raster":
        answer = _call_in_process("list_cards()", {})
        found = tuple(map(int, answer.split())) if answer.replace(" ", "").isdecimal() else ()
        return found[:jobs] if len(found) > 1 else ()
    found = tuple(range(len(query_blender(find_blender(job.blender))["gpus"])))
    return found if 1 < len(found) <= jobs else ()


def location_line(devices: tuple[int, ...], jobs: int) -> str:
    """Which job uses which device: `pictures are drawn on device 0 (jobs 1, 3), device 1 (job 2)`;
    "" by default."""
    jobs_of = {
        device: range(index + 1, jobs + 1, len(devices))
        for index, device in enumerate(devices[:jobs])
    }
    parts = (
        f"device {device} (job{'s' if len(own) > 1 else ''} {', '.join(map(str, own))})"
        for device, own in jobs_of.items()
    )
    return f"pictures are drawn on {', '.join(parts)}" if devices else ""


def check_devices(job: DatasetJob) -> None:
    """Raise UsageError for a device that the job's engine does not find. Takes a second for each,
    none without any."""
    if not job.devices:
        return
    if job.drawing.engine == "raster":
        for device in job.devices:
            if reason := _call_in_process("main()", device_environment(device)):
                raise UsageError(
                    f"--devices {device}: {reason.removeprefix(f'gpu {str(device)!r}: ')}"
                )
        return
    names = query_blender(find_blender(job.blender))["gpus"]
    for device in job.devices:
        if device >= len(names):
            found = ", ".join(f"{number} {name}" for number, name in enumerate(names)) or "none"
            raise UsageError(f"--devices {device}: Cycles finds no such GPU here; it finds {found}")


def _call_in_process(call: str, environment: dict[str, str]) -> str:
    """Call in a new process, because a driver must not be opened in one that forks."""
    process = WorkerProcess("engine.dataset.running.devices", call, environment=environment)
    try:
        line = process.receive(ANSWER_S)
    except EOFError:
        line = b"its driver crashed"
    finally:
        process.kill()
    return (
        f"its driver does not answer within {ANSWER_S:g} s"
        if line is None
        else line.decode("utf-8", "replace").strip()
    )


def list_cards() -> None:
    """Answer with the numbers of the cards that NVIDIA's driver draws with."""
    answers = claim_output()
    answers.write(
        (
            " ".join(str(device.index) for device in list_egl_devices() if device.is_cuda) + "\n"
        ).encode()
    )
    answers.flush()


def main() -> None:
    """Answer with the reason why the card cannot be used, or an empty line."""
    answers = claim_output()
    reason = ""
    try:
        open_context().release()
    except NoGLError as error:
        reason = str(error)
    answers.write(f"{reason}\n".encode())
    answers.flush()
