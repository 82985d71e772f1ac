"""Prepares a process whose forks each draw one picture: opening OpenGL and compiling shaders costs more than a tile.

Only for Mesa's software renderer on Linux, and without its threads: after a fork they are gone, and the child would
wait for them for ever. That holds for the thread of the shader cache on the disk, too, even if it sleeps: it is entered
as a waiter in a condition variable, and a child that compiles one more variant of a shader signals that variable twice,
waits for the first waiter to wake, and hangs. So this process has no such cache, which costs two seconds once. Drivers
of GPUs do not survive a fork at all. The pictures have the same bytes.
"""

import os
import sys

import numpy as np

from engine.errors import NoGLError
from engine.jobs.dataset.geometry.batches import InstanceBatch, SceneStage, Surface
from engine.jobs.dataset.geometry.ground import build_ground
from engine.jobs.dataset.geometry.primitives import box
from engine.jobs.dataset.raster.device import keep_context
from engine.jobs.dataset.raster.picture import render
from engine.jobs.dataset.scene.camera import SiteCamera
from engine.jobs.dataset.scene.description import GroundLook, LimeLine, SiteScene, Sun, Terrain, Track
from engine.render.context import open_context

FORKABLE = "llvmpipe"
WITHOUT_THREADS = {
    "LP_NUM_THREADS": "0",
    "MESA_SHADER_CACHE_DISABLE": "true",
    "MESA_GLSL_CACHE_DISABLE": "true",  # its name before Mesa 21.3
}


def warm_up() -> bool:
    """Open the context, compile all shaders and draw a small picture; True if forks of this process may draw with it.

    False, with nothing kept, where the renderer is another one or there is none: then each picture opens its own
    context, as without this call. Call it before anything else opens OpenGL in this process, and without threads.
    """
    if sys.platform != "linux":
        return False
    before = dict(os.environ)
    os.environ.update(WITHOUT_THREADS)
    if not _is_forkable():
        for name in WITHOUT_THREADS:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]
        return False
    keep_context()
    for yaw_deg in (0.0, 30.0):
        render(_small_stage(yaw_deg))
    return True


def _is_forkable() -> bool:
    """Ask a forked child for the renderer, because a GPU's driver must not be opened in a process that forks."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if FORKABLE in open_context().info["GL_RENDERER"] else 1)
        except NoGLError:
            os._exit(1)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _small_stage(yaw_deg: float) -> SceneStage:
    """Ground, one box, one track and one line: everything that is drawn by a program of its own.

    No side is a power of two, for which Mesa would compile code of its own.
    """
    terrain = Terrain(size_m=20.0, cell_m=1.0, heights_m=np.zeros((31, 31), np.float32))
    transform = np.diag([1.0, 1.0, 1.0, 1.0])[None].astype(np.float32)
    scene = SiteScene(
        seed=0,
        camera=SiteCamera(width_px=100, height_px=75, height_m=12.0, yaw_deg=yaw_deg),
        sun=Sun(elevation_deg=40, azimuth_deg=100, energy=2),
        terrain=terrain,
        ground=GroundLook(
            soil=(0.3, 0.2, 0.1), subsoil=(0.4, 0.3, 0.2), grass=(0.1, 0.2, 0.1), grass_share=0.3, noise_seed=1
        ),
        piles=(),
        distractors=(),
        tracks=(Track(points=((-9.0, 1.0), (9.0, 2.0))),),
        lime_lines=(LimeLine(points=((-9.0, -1.0), (9.0, -2.0))),),
    )
    batch = InstanceBatch(
        name="box",
        mesh=box(),
        surface=Surface.CONCRETE,
        transforms=transform,
        instances=np.ones(1, np.uint16),
        tints=np.ones((1, 3), np.float32),
    )
    return SceneStage(scene=scene, ground=build_ground(terrain), batches=(batch,))
