"""Chooses the stages: those the job names, or, for `auto`, the faster ones on this machine."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from engine.errors import ModelError
from engine.jobs.video.batches import VideoBatch, video_batches
from engine.jobs.video.inputs import expected_pictures
from engine.jobs.video.job import VideoJob
from engine.jobs.video.stages import PaintStages
from engine.sources.pictures import InputPicture, Pictures

if TYPE_CHECKING:
    from engine.jobs.video.fused import FusedStages

MAX_TRIED_BATCHES = 4
MAX_TRIED_S = 3.0  # a trial ends at either limit
MIN_LEFT_S = 60.0  # remaining time of painting below which split is not tried
MAX_TRIAL_SHARE = 0.05  # of the remaining time of painting
SPLIT_LOAD_TIMES = 2.0  # its processes each load a model, in parallel on the same cores
MIN_SPLIT_GAIN = 1.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenStages:
    stages: PaintStages
    name: str
    """`fused`, `split` or `cluster`."""
    why: str
    """Reason for the choice of `auto`; "" if the job named the stages."""
    load_s: float


def choose_stages(job: VideoJob, pictures: Pictures, size: tuple[int, int], *, done: int) -> ChosenStages:
    """The stages, loaded and warm. `done`: number of pictures that are painted already."""
    began_s = time.perf_counter()
    name, why, stages = _chosen(job, pictures, size, done)
    return ChosenStages(stages=stages, name=name, why=why, load_s=time.perf_counter() - began_s)


def _chosen(job: VideoJob, pictures: Pictures, size: tuple[int, int], done: int) -> tuple[str, str, PaintStages]:
    from engine.jobs.video.fused import FusedStages

    if job.cluster is not None:
        from engine.jobs.video.cluster.cluster_stages import ClusterStages

        return "cluster", "", ClusterStages(job, size)
    if job.stages == "fused":
        return "fused", "", FusedStages(job, size)
    from engine.jobs.video.split.split_stages import SplitStages

    if job.stages == "split":
        return "split", "", SplitStages(job, size)
    if job.pipe > 1:
        return "split", f"split: --pipe {job.pipe} needs processes", SplitStages(job, size)
    began_s = time.perf_counter()
    fused = FusedStages(job, size)
    load_s = time.perf_counter() - began_s
    try:
        return _faster(fused, load_s, job, pictures, size, done)
    except BaseException:
        fused.close()
        raise


def _faster(
    fused: "FusedStages", load_s: float, job: VideoJob, pictures: Pictures, size: tuple[int, int], done: int
) -> tuple[str, str, PaintStages]:
    """Fused, or split if a short trial is faster; closes the other."""
    from engine.jobs.video.split.split_stages import SplitStages

    expected = expected_pictures(job, pictures)
    batches_left = float("inf") if expected is None else max(expected - done, 0) / job.batch
    began_s = time.perf_counter()
    reason = reason_not_to_try(fused.batch_s, batches_left, load_s)
    if reason:
        return "fused", f"fused: {reason}", fused
    budget_s = MAX_TRIAL_SHARE * batches_left * fused.batch_s
    fused_fps = tried_fps(fused, job, pictures.first, size)
    # fused.batch_s may include warm-up, so limit the budget by the measured rate as well
    budget_s = min(budget_s, MAX_TRIAL_SHARE * batches_left * job.batch / fused_fps)
    split: SplitStages | None = None
    try:
        split = SplitStages(job, size, ready_within_s=budget_s - (time.perf_counter() - began_s))
        split_fps = tried_fps(split, job, pictures.first, size)
    except BaseException as error:
        if split is not None:
            split.close()
        if not isinstance(error, ModelError):
            raise
        return "fused", f"fused: split cannot start ({error})", fused  # the memory does not hold both, say
    figures = f"{fused_fps:.2f} fps fused, {split_fps:.2f} split"
    if split_fps > fused_fps * MIN_SPLIT_GAIN:
        fused.close()
        return "split", f"split: {figures}", split
    split.close()
    return "fused", f"fused: {figures}", fused


def reason_not_to_try(batch_s: float, batches_left: float, load_s: float) -> str:
    """Reason why a trial of split would cost too much, or "". Pure.

    `batch_s`: seconds of fused's warm-up batch. `load_s`: seconds to load fused. A trial loads split and paints a few
    batches with each.
    """
    left_s = batches_left * batch_s
    if left_s < MIN_LEFT_S:
        return f"{left_s:.0f} s of painting are too little to try split"
    trial_s = SPLIT_LOAD_TIMES * load_s + 2 * max(MAX_TRIED_S, 2 * batch_s)
    if trial_s > MAX_TRIAL_SHARE * left_s:
        return f"trying split would take {trial_s:.0f} s of {left_s:.0f} s of painting, more than {MAX_TRIAL_SHARE:.0%}"
    return ""


def tried_fps(stages: PaintStages, job: VideoJob, first: InputPicture, size: tuple[int, int]) -> float:
    """Pictures per second, without the first batch, which fills the stages. The median ignores occasional stalls."""
    ends_s = [time.perf_counter() for _ in stages.paint(_copies(job, first, size))]
    return job.batch / max(statistics.median(after - before for before, after in pairwise(ends_s)), 1e-6)


def _copies(job: VideoJob, first: InputPicture, size: tuple[int, int]) -> Iterator[VideoBatch]:
    """Batches of copies of the first picture, for a few seconds."""
    (batch,) = video_batches(iter([first]), job.batch, size)
    began_s = time.perf_counter()
    for number in range(MAX_TRIED_BATCHES + 1):
        if number > 1 and time.perf_counter() - began_s > MAX_TRIED_S:
            return
        yield batch
