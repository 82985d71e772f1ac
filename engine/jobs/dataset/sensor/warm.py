"""Loads what photographs need once, in a process whose forks take them."""

import numpy as np

from engine.jobs.dataset.rendered import Rendered
from engine.jobs.dataset.scene.camera import SiteCamera
from engine.jobs.dataset.sensor.developing import develop
from engine.jobs.dataset.sensor.effects import draw_effects
from engine.jobs.dataset.sensor.jpeg import code
from engine.jobs.dataset.sensor.lens import lens_of
from engine.jobs.dataset.sensor.moving import move

SIDE_PX = 16


def warm_up() -> None:
    """Import Numba, OpenCV and the codecs, and load or compile the kernels: 0.6 s, the first time on a machine 5 s.

    Starts no thread, because a fork would lack it.
    """
    import cv2
    import PIL.Image  # noqa: F401  for the metadata

    threads = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        _take()
    finally:
        cv2.setNumThreads(threads)


def _take() -> None:
    camera = SiteCamera(width_px=SIDE_PX, height_px=SIDE_PX)
    shape = (SIDE_PX, SIDE_PX)
    blank = Rendered(
        colors=np.zeros((*shape, 3), np.uint8),
        instances=np.zeros(shape, np.uint16),
        depth_m=np.ones(shape, np.float32),
        renderer="",
    )
    moved = move(blank, lens_of(camera, 1.0, 1.0, 0.0), 0, 0)
    code(develop(moved.colors, moved.depth_m, camera, draw_effects("mild", 0), 0), 90)
