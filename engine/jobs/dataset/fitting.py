"""Finds scenes that do not fit before a run draws anything."""

import time
from collections.abc import Callable
from itertools import islice

from engine.errors import UsageError
from engine.jobs.dataset.job import DatasetJob
from engine.jobs.dataset.layout.settling import settle
from engine.jobs.dataset.picture import scene_of

MAX_SETTLED = 2000  # takes 0.2 s
MAX_BUILD_S = 0.5  # a window takes 0.03 s, a whole picture 0.2


def check_scenes(job: DatasetJob, now_s: Callable[[], float] = time.perf_counter) -> None:
    """Raise UsageError for the first scene that does not fit, among those that can be checked at once.

    The layout's numbers of up to MAX_SETTLED pictures are checked, and the first scene is built. Recipe 2 also counts
    what fits between the piles: if an option asks for a number, the next scenes are built for MAX_BUILD_S.
    """
    begin = job.indices[0]
    if job.varied.given.scene:
        scene_of(job.task(begin))
        return
    for index in islice(job.indices, MAX_SETTLED):
        settle(job.options, job.task(index).seed)
    scene_of(job.task(begin))
    if job.recipe == 1 or not _asks_for_numbers(job):
        return
    end_s = now_s() + MAX_BUILD_S
    for index in islice(job.indices, job.varied.camera.views, None, job.varied.camera.views):
        if now_s() >= end_s:
            return
        try:
            scene_of(job.task(index))
        except UsageError as error:
            raise UsageError(f"{error} (picture {index})") from error


def _asks_for_numbers(job: DatasetJob) -> bool:
    """True if an option names a number or size that fits into some scenes and not into others."""
    options, varied = job.options, job.varied
    given = (options.num_bags, options.num_machinery, varied.layout.piles, varied.piles.pile_diameter)
    return any(each is not None for each in given) or bool(varied.assets.asset)
