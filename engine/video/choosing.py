"""Which stages paint: as the job says, or, for `auto`, the faster of the two on this machine."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from engine.errors import ModelError
from engine.sources.pictures import InputPicture, Pictures
from engine.video.batches import VideoBatch, video_batches
from engine.video.inputs import expected_pictures
from engine.video.job import VideoJob
from engine.video.stages import PaintStages

TRIED_BATCHES = 4
TRIED_S = 3.0  # so many batches, or so long
WORTH_TRYING_S = 60.0  # of painting left: to start the other stages takes a quarter of it
SPLIT_MUST_GAIN = 1.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    stages: PaintStages
    name: str
    """fused, split or cluster."""
    why: str
    """Why these, where auto chose."""
    load_s: float


def choose_stages(job: VideoJob, pictures: Pictures, size: tuple[int, int], *, done: int) -> Chosen:
    """Warm. `done`: pictures that need no painting any more."""
    began_s = time.perf_counter()
    name, why, stages = _chosen(job, pictures, size, done)
    return Chosen(stages=stages, name=name, why=why, load_s=time.perf_counter() - began_s)


def _chosen(job: VideoJob, pictures: Pictures, size: tuple[int, int], done: int) -> tuple[str, str, PaintStages]:
    from engine.video.fused import FusedStages

    if job.cluster is not None:
        from engine.video.cluster.cluster_stages import ClusterStages

        return "cluster", "", ClusterStages(job, size)
    if job.stages == "fused":
        return "fused", "", FusedStages(job, size)
    from engine.video.split.split_stages import SplitStages

    if job.stages == "split":
        return "split", "", SplitStages(job, size)
    if job.pipe > 1:
        return "split", f"split: --pipe {job.pipe} asks for processes", SplitStages(job, size)
    fused = FusedStages(job, size)
    try:
        fused_fps = tried_fps(fused, job, pictures.first, size)
        expected = expected_pictures(job, pictures)
        left_s = float("inf") if expected is None else max(expected - done, 0) / fused_fps
        if left_s < WORTH_TRYING_S:
            return "fused", f"fused: {left_s:.0f} s of painting were too few to try split", fused
        split: SplitStages | None = None
        try:
            split = SplitStages(job, size)
            split_fps = tried_fps(split, job, pictures.first, size)
        except BaseException as error:
            if split is not None:
                split.close()
            if not isinstance(error, ModelError):
                raise
            return "fused", f"fused: split cannot be had ({error})", fused  # the memory does not hold both, say
        figures = f"{fused_fps:.2f} fps fused, {split_fps:.2f} split"
        if split_fps > fused_fps * SPLIT_MUST_GAIN:
            fused.close()
            return "split", f"split: {figures}", split
        split.close()
        return "fused", f"fused: {figures}", fused
    except BaseException:
        fused.close()
        raise


def tried_fps(stages: PaintStages, job: VideoJob, first: InputPicture, size: tuple[int, int]) -> float:
    """Pictures a second that come out, the first batch left out: it fills the stages. The median: a machine stands
    still now and then."""
    ends_s = [time.perf_counter() for _ in stages.paint(_copies(job, first, size))]
    return job.batch / max(statistics.median(after - before for before, after in pairwise(ends_s)), 1e-6)


def _copies(job: VideoJob, first: InputPicture, size: tuple[int, int]) -> Iterator[VideoBatch]:
    """Batches of the first picture alone, for a few seconds."""
    (batch,) = video_batches(iter([first]), job.batch, size)
    began_s = time.perf_counter()
    for number in range(TRIED_BATCHES + 1):
        if number > 1 and time.perf_counter() - began_s > TRIED_S:
            return
        yield batch
