"""`--devices`: which graphics card a job's processes draw with. Untested with more than one card.

A process learns it from its environment, because the picture's bytes do not depend on it more than on the renderer.
"""

from engine.errors import NoGLError, UsageError
from engine.jobs.dataset.cycles import DEVICE_VARIABLE, ask_blender, find_blender
from engine.jobs.dataset.job import DatasetJob
from engine.render.context import open_context
from engine.render.egl_devices import GPU_VARIABLE
from engine.system.worker_process import WorkerProcess, claim_output

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
    process = WorkerProcess("engine.jobs.dataset.running.devices", "main()", environment=device_environment(device))
    try:
        said = process.receive(ANSWER_S)
    except EOFError:
        said = b"its driver crashed"
    finally:
        process.kill()
    if said is None:
        raise UsageError(f"--devices {device}: its driver does not answer within {ANSWER_S:g} s")
    if reason := said.decode("utf-8", "replace").strip():
        raise UsageError(f"--devices {device}: {reason.removeprefix(f'gpu {str(device)!r}: ')}")


def main() -> None:
    """Answer with the reason why the card cannot be used, or an empty line."""
    answers, reason = claim_output(), ""
    try:
        open_context().release()
    except NoGLError as error:
        reason = str(error)
    answers.write(f"{reason}\n".encode())
    answers.flush()
