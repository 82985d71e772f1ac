"""Makes one picture from task to files in this process: scene, stage, drawing, labels.

A run uses a new process for each picture: OpenGL drivers and Blender keep state, and no picture may depend on the one
before it.
"""

import hashlib
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from engine.jobs.dataset.geometry import set_stage
from engine.jobs.dataset.geometry.batches import SceneStage
from engine.jobs.dataset.labels import coco_part, encode_png, find_instances, label_text, write_hdf5
from engine.jobs.dataset.made import MadePicture
from engine.jobs.dataset.rendered import Rendered
from engine.jobs.dataset.scene import describe_scene, settle
from engine.jobs.dataset.scene.description import SiteScene
from engine.jobs.dataset.task import PictureTask
from engine.jobs.dataset.varied import describe_varied

log = logging.getLogger(__name__)

MAX_BAKED_PX = 8192  # side of the ground's texture for Cycles, which every GPU supports


def make_picture(task: PictureTask, folder: Path) -> MadePicture:
    """Draw the picture and write its files into `folder`, under their paths in the dataset.

    UsageError for a scene that does not fit, RenderError if the engine fails, OSError if the disk does.
    """
    seconds: dict[str, float] = {}
    log.info("picture %s, seed %s, engine %s", task.name, task.seed, task.drawing.engine)
    with _timed(seconds, "scene"):
        drawn = asdict(settle(task.options, task.seed))
        scene = scene_of(task)
        stage = set_stage(scene)
    log.info("%s", ", ".join(f"{name} {value}" for name, value in drawn.items()))
    log.info("%d piles, %d other things", len(scene.piles), len(scene.distractors))
    with _timed(seconds, "draw"):
        rendered = draw(stage, task, folder)
    log.info("drawn by %s", rendered.renderer)
    with _timed(seconds, "labels"):
        found = find_instances(rendered.instances)
        height, width = rendered.instances.shape
        files = {}
        if task.with_coco:
            part = coco_part(rendered.instances, task.index, f"{task.name}.png")
            files[task.path("annotations", ".json")] = json.dumps(part).encode("ascii")
        files[task.path("labels", ".txt")] = label_text(found, width, height).encode("ascii")
        files[task.path("images", ".png")] = encode_png(rendered.colors)
    with _timed(seconds, "save"):
        made = MadePicture(
            piles=len(scene.piles),
            labelled=len(found.numbers),
            renderer=rendered.renderer,
            drawn=drawn,
            seconds=seconds,
        )
        if task.with_hdf5:
            path = task.path("hdf5", ".hdf5")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_hdf5(folder / path, rendered)
            with (folder / path).open("rb") as file:
                made.sha256[path] = hashlib.file_digest(file, "sha256").hexdigest()
            made.bytes[path] = (folder / path).stat().st_size
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
            made.sha256[path] = hashlib.sha256(content).hexdigest()
            made.bytes[path] = len(content)
    log.info("%d piles visible; %s", made.labelled, ", ".join(f"{step} {time:.2f} s" for step, time in seconds.items()))
    return made


def scene_of(task: PictureTask) -> SiteScene:
    """Build the scene as the task's recipe does. UsageError for a scene that does not fit."""
    if task.varied is None:
        return describe_scene(task.options, task.base_seed + task.index)
    return describe_varied(task.options, task.varied, task.seed, task.view)


def draw(stage: SceneStage, task: PictureTask, folder: Path) -> Rendered:
    """Draw with the task's engine; Blender's temporary files are in `folder`."""
    from engine.jobs.dataset.raster import bake_ground, render

    if task.drawing.engine == "raster":
        return render(stage)
    from engine.jobs.dataset import cycles

    max_samples, noise_threshold = task.drawing.max_samples, task.drawing.noise_threshold
    assert max_samples is not None and noise_threshold is not None  # choose_drawing sets them for Cycles
    side_px = min(MAX_BAKED_PX, 1 << (stage.scene.camera.width_px - 1).bit_length())
    settings = cycles.CyclesSettings(
        max_samples=max_samples,
        noise_threshold=noise_threshold,
        use_gpu=task.drawing.use_gpu,
    )
    return cycles.render(stage, bake_ground(stage, side_px), settings, cycles.find_blender(task.blender), folder=folder)


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    began_s = time.perf_counter()
    yield
    seconds[step] = round(time.perf_counter() - began_s, 3)
