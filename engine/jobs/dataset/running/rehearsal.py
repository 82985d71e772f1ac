"""A small picture made for nothing, in the process that forks: what a first picture loads, its forks need not load.

That is imports, Numba's kernels, meshes of the kinds of things, and the machine code that Mesa makes of shaders.
"""

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path

from engine.jobs.dataset import sensor
from engine.jobs.dataset.geometry import set_stage
from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.picture import make_picture, scene_of
from engine.jobs.dataset.sensor.options import SensorOptions
from engine.jobs.dataset.task import PictureTask, RenderSettings
from engine.jobs.dataset.varied.cameras import CameraOptions
from engine.jobs.dataset.varied.options import VariedOptions

SIDE_PX = 100  # no power of two, for which Mesa would compile code of its own


def rehearse(task: PictureTask, *, may_draw: bool) -> None:
    """Make a small picture of the task's recipe, with its label formats; only its stage unless `may_draw`."""
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(0)  # a fork would lack them
    try:
        _make(rehearsed(task), may_draw=may_draw)
    finally:
        cv2.setNumThreads(threads)


def rehearsed(task: PictureTask) -> PictureTask:
    """The small picture: with every effect of the camera, and its sizes and counts at their defaults."""
    varied = task.varied and VariedOptions(
        camera=CameraOptions(view=(SIDE_PX, SIDE_PX)), sensor=SensorOptions(camera_effects="mild")
    )
    options = SceneOptions() if varied else SceneOptions(width=SIDE_PX, height=SIDE_PX)
    return replace(
        task, options=options, varied=varied, drawing=RenderSettings(engine="raster"), index=0, split="", subset=""
    )


def _make(small: PictureTask, *, may_draw: bool) -> None:
    if small.varied is not None:
        sensor.warm_up()
    if not may_draw:
        set_stage(scene_of(small))
        return
    # The picture itself reports a full disk.
    with (
        contextlib.suppress(OSError),
        tempfile.TemporaryDirectory(prefix="multiverse-rehearsal-", ignore_cleanup_errors=True) as folder,
    ):
        make_picture(small, Path(folder))
