"""A small picture made for nothing, in the process that forks: what a first picture loads, its forks need not load.

That is imports, Numba's kernels, meshes, and the user's models. Nothing is drawn: OpenGL must be opened after the fork.
"""

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

import engine.jobs.dataset.cycles
import engine.jobs.dataset.raster  # noqa: F401
from engine.errors import UsageError
from engine.jobs.dataset import sensor
from engine.jobs.dataset.assets.reading import read_asset
from engine.jobs.dataset.geometry.batches import SceneStage
from engine.jobs.dataset.layout.cameras import CameraOptions
from engine.jobs.dataset.layout.options import Recipe2Options
from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.picture import make_picture
from engine.jobs.dataset.rendered import Rendered
from engine.jobs.dataset.sensor.effects import SensorOptions
from engine.jobs.dataset.task import PictureTask

SIDE_PX = 96
DEPTH_M = 100.0


def rehearse(task: PictureTask) -> None:
    """Make a small picture of the task's recipe, with its label formats. Starts no thread, which a fork would lack."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        if task.varied is not None:
            sensor.warm_up()
            for chosen in task.varied.assets.asset:
                with contextlib.suppress(UsageError):  # the picture itself reports it
                    read_asset(chosen.asset)
        # The picture itself reports a full disk.
        with (
            contextlib.suppress(OSError),
            tempfile.TemporaryDirectory(prefix="multiverse-rehearsal-", ignore_cleanup_errors=True) as folder,
        ):
            make_picture(_small(task), Path(folder), draw=_stripes)
    finally:
        cv2.setNumThreads(threads)


def _small(task: PictureTask) -> PictureTask:
    """The task of the small picture; its sizes and counts are the defaults."""
    varied = task.varied and Recipe2Options(
        camera=CameraOptions(view=(SIDE_PX, SIDE_PX)), sensor=SensorOptions(camera_effects="mild")
    )
    options = SceneOptions() if varied else SceneOptions(width=SIDE_PX, height=SIDE_PX)
    return replace(task, options=options, varied=varied, index=0)


def _stripes(stage: SceneStage, task: PictureTask, folder: Path) -> Rendered:
    """A picture in which every pile has some pixels."""
    camera = stage.scene.camera
    shape = (camera.height_px, camera.width_px)
    numbers = [pile.number for pile in stage.scene.piles] or [0]
    return Rendered(
        colors=np.full((*shape, 3), 128, np.uint8),
        instances=np.resize(np.array(numbers, np.uint16), shape),
        depth_m=np.full(shape, DEPTH_M, np.float32),
        renderer="",
    )
