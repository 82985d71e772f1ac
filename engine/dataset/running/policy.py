"""Policy of a run: timeout of a picture, outcomes, which failures are retried and which end the
run. Pure."""

import errno
from dataclasses import dataclass
from pathlib import Path

from engine.dataset.options import SceneOptions
from engine.dataset.task import PictureResult, PictureTask, RenderSettings
from engine.errors import NoGLError, SinkError, UsageError, in_one_line

# The next picture would fail with the same error.
FATAL_ERRNOS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG}
)
SHORT_BYTES = 300 * 10**6  # a picture of 128x96 needs as much
LESS_MEMORY = "give fewer --jobs or a smaller --width and --height"
MIN_TIMEOUT_S = 600.0
# On two cores a picture of 21 megapixels at 50 samples took 544 s, 0.5 s per million samples. This
# is 12 times that.
CYCLES_TIMEOUT_S = 6e-6


def default_timeout_s(drawing: RenderSettings, options: SceneOptions) -> float:
    """The timeout for a picture; for Cycles it grows with pixels and samples."""
    samples = options.width * options.height * (drawing.max_samples or 0)
    return max(MIN_TIMEOUT_S, CYCLES_TIMEOUT_S * samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The reason why an attempt at a picture failed."""

    reason: str  # one line
    is_final: bool = False  # True if another attempt would fail the same way
    ends_run: bool = False  # True if every other picture would fail, too


def is_retried(failure: Failure, attempts: int, retries: int) -> bool:
    return not failure.is_final and not failure.ends_run and attempts <= retries


def failure_of(
    error: BaseException, path: object = "", *, left_bytes: int | None = None
) -> Failure:
    """Classify an exception raised while making a picture. `path`: for disk errors without one.
    `left_bytes`: memory that the process could still allocate; without memory drivers report
    misleading errors."""
    disk_error = error.__cause__ if isinstance(error, SinkError) else error
    if isinstance(disk_error, OSError) and disk_error.errno in FATAL_ERRNOS:
        where = disk_error.filename or path
        return Failure(
            reason=f"{where}: {disk_error.strerror}" if where else str(disk_error.strerror),
            ends_run=True,
        )
    if isinstance(error, MemoryError):
        return Failure(reason=f"out of main memory; {LESS_MEMORY}")
    if left_bytes is not None and left_bytes < SHORT_BYTES and not isinstance(error, UsageError):
        left = f"{left_bytes // 10**6} MB of main memory were left; {LESS_MEMORY}"
        return Failure(reason=f"{in_one_line(error)} ({left})")
    return Failure(
        reason=in_one_line(error),
        is_final=isinstance(error, UsageError),
        ends_run=isinstance(error, NoGLError),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedAttempt:
    """A successful attempt at a picture. Its files are in `folder` until they are committed."""

    folder: Path
    seconds: float  # includes starting the process
    picture: PictureResult


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOutcome:
    task: PictureTask
    result: FinishedAttempt | Failure
    earlier: tuple[str, ...] = ()  # reasons for the failure of earlier attempts
