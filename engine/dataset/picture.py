"""Makes one picture from task to files, in a process of its own: drivers and Blender keep state, and no picture may
depend on another."""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.dataset.frozen import freeze, read_frozen
from engine.dataset.geometry.batches import Rendered, SceneStage
from engine.dataset.geometry.ground import plan_of
from engine.dataset.geometry.staging import set_stage
from engine.dataset.labels.record import LabelSource
from engine.dataset.labels.recording import facts_of, make_record, record_of_piles
from engine.dataset.labels.writers import writers_of
from engine.dataset.labels.writers.pixels import encode_png
from engine.dataset.layout.build import describe_recipe_2
from engine.dataset.layout.recipe_1 import describe_recipe_1
from engine.dataset.layout.settling import settle
from engine.dataset.scene.description import SiteScene
from engine.dataset.sensor.photograph import Photograph, photograph
from engine.dataset.task import MadePicture, PictureTask

Draw = Callable[[SceneStage, PictureTask, Path], Rendered]

log = logging.getLogger(__name__)


def make_picture(task: PictureTask, folder: Path, draw: Draw | None = None) -> MadePicture:
    """Draw the picture (with `draw` in place of the task's engine) and write its files into `folder`, under their paths
    in the dataset. UsageError for a scene that does not fit, RenderError, OSError."""
    log.info("picture %s, seed %s, engine %s", task.name, task.seed, task.drawing.engine)
    steps = StepTimes()
    scene = scene_of(task)
    stage = set_stage(scene)
    steps.end("scene")

    def draw_seen(seen: SiteScene) -> Rendered:
        rendered = (draw or draw_stage)(replace(stage, scene=seen), task, folder)
        steps.end("draw")
        return rendered

    drawn: dict[str, Any]
    if task.recipe_2 is None:
        # Recipe 1: only piles have numbers, and every one that can be seen is labelled.
        drawn = asdict(settle(task.options, task.base_seed + task.index))
        log.info("%s", ", ".join(f"{name} {value}" for name, value in drawn.items()))
        photo = Photograph(rendered=draw_seen(scene))
    else:
        seed = scene.effects_seed or (task.base_seed, task.scene_number, task.view)
        photo = photograph(scene, task.recipe_2.sensor, seed, draw_seen)
        steps.end("sensor")
    picture = task.path("images", photo.suffix)
    files = {}
    if task.recipe_2 is None:
        record = record_of_piles(photo.rendered.instances, file_name=picture)
    else:
        record = make_record(stage, photo, task.labels, file_name=picture)
        files[task.path("scenes", ".json")] = freeze(scene)
        drawn = facts_of(task, scene, photo, record)
    source = LabelSource(
        task=task,
        camera=scene.camera,
        record=record,
        colors=photo.rendered.colors,
        depth_m=photo.rendered.depth_m,
        content=photo.content,
    )
    writers = writers_of(task.labels.written)
    for writer in reversed(writers) if task.recipe_2 is None else writers:  # the order in recipe 1's manifests
        files |= writer.files(source)
    files[picture] = encode_png(photo.rendered.colors) if photo.content is None else photo.content
    steps.end("labels")
    made = MadePicture(
        piles=len(scene.piles),
        labelled=len(record.labelled),
        renderer=photo.rendered.renderer,
        drawn=drawn,
        seconds=steps.seconds,
        cpu_seconds=steps.cpu_seconds,
    )
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        made.sha256[path] = hashlib.sha256(content).hexdigest()
        made.bytes[path] = len(content)
    steps.end("save")
    times = ", ".join(f"{step} {seconds:.2f} s" for step, seconds in made.seconds.items())
    log.info("%d piles on the site, %d things labelled; %s", made.piles, made.labelled, times)
    return made


def scene_of(task: PictureTask) -> SiteScene:
    """Build the scene as the task's recipe does. UsageError for a scene that does not fit."""
    if task.recipe_2 is None:
        return describe_recipe_1(task.options, task.base_seed + task.index)
    if task.recipe_2.given.scene:
        return read_frozen(task.recipe_2.given.files[task.index])
    return describe_recipe_2(task.options, task.recipe_2, task.seed, task.view)


def draw_stage(stage: SceneStage, task: PictureTask, folder: Path) -> Rendered:
    """Draw with the task's engine; Blender's temporary files are in `folder`."""
    from engine.dataset.raster.drawing import render

    if task.drawing.engine == "raster":
        return render(stage)
    from engine.dataset.cycles import drawing as cycles
    from engine.dataset.cycles.finding import find_blender
    from engine.dataset.raster.plan import bake_ground

    plan = plan_of(stage.scene)
    ground_rgb = bake_ground(stage, plan.side_px, plan.side_m, plan.middle_m)
    return cycles.render(stage, ground_rgb, task.drawing, find_blender(task.blender), folder=folder)


class StepTimes:
    """Time and processor time of all threads, by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}
        self._began_s = time.perf_counter(), time.process_time()

    def end(self, step: str) -> None:
        """End the step that began with the end of the one before it."""
        now_s = time.perf_counter(), time.process_time()
        self.seconds[step], self.cpu_seconds[step] = np.subtract(now_s, self._began_s).round(3).tolist()
        self._began_s = now_s
