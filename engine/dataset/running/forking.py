"""Forks a process for each picture from one that has loaded everything. Linux only.

Requests and answers are those of attempt.py, with a line `ended` and the exit code after each.
Drawing a picture of 640 px takes less time than starting Python, importing NumPy and OpenCV,
loading kernels and building models. But several pictures in one process would share state of
drivers and memory. So this process does all that is the same for every picture, draws none, and
forks: each child begins with the same state, and a crash affects no other picture. The forkserver
of `multiprocessing` would take 2.8 times as long, as it builds no models while it waits. It is one
for all jobs with their cards, and its children outlive a killed parent.

A GL context cannot be inherited: Mesa stores compiled shaders by threads that a child lacks. glibc
(2.36) counts them there as waiting, so pthread_cond_signal soon blocks forever. Threads do not
survive a fork, so this process has none: it waits with `select`.
"""

import contextlib
import gc
import json
import logging
import os
import select
import signal
import sys
import tempfile
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import BinaryIO, NoReturn

import cv2
import numpy as np

import engine.dataset.cycles.drawing
import engine.dataset.raster.drawing
import engine.dataset.raster.plan  # noqa: F401
from engine.dataset.assets.reading import read_asset
from engine.dataset.geometry.batches import Rendered, SceneGeometry
from engine.dataset.geometry.scene_geometry import build_all_models
from engine.dataset.layout.cameras import CameraOptions
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.options import SceneOptions
from engine.dataset.picture import make_picture
from engine.dataset.running.attempt import answer, make_requested
from engine.dataset.sensor.effects import SensorOptions
from engine.dataset.sensor.photograph import warm_up
from engine.dataset.task import PictureTask, task_of
from engine.errors import UsageError
from engine.system.python_process import wake_with_parent
from engine.system.worker_process import claim_output, end_with_parent

# pictures after which the models of all things are built: 0.7 s, which speeds up later pictures
LONG_RUN = 3
SMALL_PX = 96
DEPTH_M = 100.0


def main() -> None:
    """Make pictures until the input closes."""
    answers = claim_output()
    for number in count(1):
        line = sys.stdin.buffer.readline()
        if not line:
            return
        request = json.loads(line)
        task = task_of(request["task"])
        if number == 1:
            rehearse(task)
            # A collection would write to every object, and a child would copy all pages.
            gc.collect()
            gc.freeze()
        alive, closing = os.pipe()  # closed by the end of the child
        pid = os.fork()
        if pid == 0:
            _make(request, answers)
        os.close(closing)
        if number == LONG_RUN and task.recipe_2 is not None:
            build_all_models()
            gc.freeze()
        ready, _, _ = select.select([sys.stdin, alive], [], [])
        if alive not in ready:  # the run has ended: no request comes before the answer
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(alive)
        answer(answers, {"ended": os.waitstatus_to_exitcode(status)})


def rehearse(task: PictureTask) -> None:
    """Make a throw-away picture of the task's recipe and formats, so that forks inherit imports,
    Numba's kernels, meshes and the user's models. It is not drawn: OpenGL must be opened after the
    fork. Starts no thread."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        if task.recipe_2 is not None:
            warm_up()
            for chosen in task.recipe_2.assets.asset:
                with contextlib.suppress(UsageError):  # the picture itself reports it
                    read_asset(chosen.asset)
        # The picture itself reports a full disk.
        with (
            contextlib.suppress(OSError),
            tempfile.TemporaryDirectory(
                prefix="multiverse-rehearsal-", ignore_cleanup_errors=True
            ) as folder,
        ):
            make_picture(_small(task), Path(folder), draw=_grey)
    finally:
        cv2.setNumThreads(threads)


def _small(task: PictureTask) -> PictureTask:
    """The task of the small picture; its sizes and counts are the defaults."""
    recipe_2 = task.recipe_2 and Recipe2Options(
        camera=CameraOptions(view=(SMALL_PX, SMALL_PX)), sensor=SensorOptions(camera_effects="mild")
    )
    options = SceneOptions() if recipe_2 else SceneOptions(width=SMALL_PX, height=SMALL_PX)
    return replace(task, options=options, recipe_2=recipe_2, index=0)


def _grey(geometry: SceneGeometry, task: PictureTask, folder: Path) -> Rendered:
    """A grey picture in which every pile has some pixels."""
    camera = geometry.scene.camera
    shape = (camera.height_px, camera.width_px)
    numbers = [pile.number for pile in geometry.scene.piles] or [0]
    return Rendered(
        colors=np.full((*shape, 3), 128, np.uint8),
        instances=np.resize(np.array(numbers, np.uint16), shape),
        depth_m=np.full(shape, DEPTH_M, np.float32),
        renderer="",
    )


def _make(request: dict[str, str], answers: BinaryIO) -> NoReturn:
    """Make one picture in the forked child. An error here ends the child with a traceback in its
    log."""
    wake_with_parent()
    output = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(output, 1)
    os.dup2(output, 2)
    end_with_parent()
    make_requested(request, answers)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # nothing of the parent is cleaned up here
