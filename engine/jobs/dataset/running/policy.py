"""What a run decides, without doing it: how many pictures at once, what is tried again, what ends everything."""

import errno
from dataclasses import dataclass

from engine.errors import NoGLError, SinkError, UsageError, in_one_line
from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.task import Drawing

GB = 10**9
# The spec's table: what a picture of 5280 x 3956 takes in Blender, with room for the system.
JOBS_BY_MEMORY = ((32 * GB, 4), (16 * GB, 2))
# Whatever the picture, the next one would meet the same.
FATAL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG})
MIN_TIMEOUT_S = 600.0
# On two cores a picture of 21 megapixels at 50 samples took 544 s, half a second a million: this is twelve times that.
CYCLES_TIMEOUT_S = 6e-6


def default_timeout_s(drawing: Drawing, options: SceneOptions) -> float:
    """After which a picture is taken for hung; of Cycles by its pixels and samples."""
    samples = options.width * options.height * (drawing.max_samples or 0)
    return max(MIN_TIMEOUT_S, CYCLES_TIMEOUT_S * samples)


def default_jobs(memory_bytes: int, cores: int) -> int:
    """Pictures at once: 1 below 16 GB, 2 from there, 4 from 32 GB on, never more than there are cores."""
    jobs = next((jobs for least, jobs in JOBS_BY_MEMORY if memory_bytes >= least), 1)
    return max(1, min(jobs, cores))


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt at a picture came to nothing."""

    reason: str
    """One line."""
    is_final: bool = False
    """Another attempt would fail the same."""
    ends_run: bool = False
    """So would every other picture."""


def is_tried_again(failure: Failure, attempts: int, retries: int) -> bool:
    return not failure.is_final and not failure.ends_run and attempts <= retries


def failure_of(error: BaseException, place: object = "") -> Failure:
    """What an exception in the process of a picture means for the run. `place`: where it wrote, for errors of the disk
    that do not tell."""
    of_disk = error.__cause__ if isinstance(error, SinkError) else error
    if isinstance(of_disk, OSError) and of_disk.errno in FATAL_ERRNOS:
        where = of_disk.filename or place
        return Failure(reason=f"{where}: {of_disk.strerror}" if where else str(of_disk.strerror), ends_run=True)
    if isinstance(error, MemoryError):
        return Failure(reason="out of main memory; give fewer --jobs or a smaller --width and --height")
    return Failure(
        reason=in_one_line(error), is_final=isinstance(error, UsageError), ends_run=isinstance(error, NoGLError)
    )
