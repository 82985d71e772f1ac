"""Checks before a run that a model is complete."""

from engine.errors import ModelError
from engine.jobs.video.job import VideoJob


def check_model(job: VideoJob) -> None:
    """Raise ModelError for missing files of a model. Takes milliseconds. Skipped on a cluster: the files are on other
    machines."""
    from engine.models.sd.check import check

    spec = job.painting.spec
    if spec.random_shape or job.cluster is not None:
        return
    report = check(spec)
    if report.missing:
        raise ModelError(report.missing[0])
