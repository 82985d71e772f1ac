"""Makes one picture, from task to files, in a separate process, since drivers and Blender keep
state."""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.dataset.frozen import freeze, read_frozen
from engine.dataset.geometry.batches import Rendered, SceneGeometry
from engine.dataset.geometry.scene_geometry import build_geometry
from engine.dataset.geometry.terrain_mesh import texture_area
from engine.dataset.labels.record import LabelSource
from engine.dataset.labels.recording import facts_of, make_record, record_of_piles
from engine.dataset.labels.writers import writers_of
from engine.dataset.labels.writers.pixels import encode_png
from engine.dataset.layout.build import describe_recipe_2
from engine.dataset.layout.recipe_1 import describe_recipe_1
from engine.dataset.layout.settling import settle
from engine.dataset.scene.description import SiteScene
from engine.dataset.sensor.photograph import Photograph, photograph
from engine.dataset.task import PictureResult, PictureTask

Draw = Callable[[SceneGeometry, PictureTask, Path], Rendered]

log = logging.getLogger(__name__)


def make_picture(task: PictureTask, folder: Path, draw: Draw | None = None) -> PictureResult:
    """Draw the picture and write its files into `folder`, under their paths in the dataset. `draw`:
    replaces the task's engine. UsageError for a scene that does not fit, RenderError, OSError."""
    log.info("picture %s, seed %s, engine %s", task.name, task.seed, task.drawing.engine)
    steps = StepTimes()
    scene = scene_of(task)
    geometry = build_geometry(scene)
    steps.end("scene")

    def draw_view(view: SiteScene) -> Rendered:
        rendered = (draw or draw_scene)(replace(geometry, scene=view), task, folder)
        steps.end("draw")
        return rendered

    scene_facts: dict[str, Any] = {}
    if task.recipe_2 is None:
        # Recipe 1: only piles have numbers, and every one that can be seen is labelled.
        scene_facts = asdict(settle(task.options, task.base_seed + task.index))
        log.info("%s", ", ".join(f"{name} {value}" for name, value in scene_facts.items()))
        photo = Photograph(rendered=draw_view(scene))
    else:
        seed = scene.effects_seed or (task.base_seed, task.scene_number, task.view)
        photo = photograph(scene, task.recipe_2.sensor, seed, draw_view)
        steps.end("sensor")
    picture = task.path("images", photo.suffix)
    files = {}
    if task.recipe_2 is None:
        record = record_of_piles(photo.rendered.instances, file_name=picture)
    else:
        record = make_record(geometry, photo, task.labels, file_name=picture)
        files[task.path("scenes", ".json")] = freeze(scene)
        scene_facts = facts_of(task, scene, photo, record)
    source = LabelSource(
        task=task,
        camera=scene.camera,
        record=record,
        colors=photo.rendered.colors,
        depth_m=photo.rendered.depth_m,
        content=photo.content,
    )
    writers = writers_of(task.labels.written)
    # the order in recipe 1's manifests
    for writer in reversed(writers) if task.recipe_2 is None else writers:
        files |= writer.files(source)
    files[picture] = encode_png(photo.rendered.colors) if photo.content is None else photo.content
    steps.end("labels")
    result = PictureResult(
        piles=len(scene.piles),
        labelled=len(record.labelled),
        renderer=photo.rendered.renderer,
        scene_facts=scene_facts,
        seconds=steps.seconds,
        cpu_seconds=steps.cpu_seconds,
    )
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        result.sha256[path] = hashlib.sha256(content).hexdigest()
        result.bytes[path] = len(content)
    steps.end("save")
    times = ", ".join(f"{step} {seconds:.2f} s" for step, seconds in result.seconds.items())
    log.info("%d piles on the site, %d things labelled; %s", result.piles, result.labelled, times)
    return result


def scene_of(task: PictureTask) -> SiteScene:
    """Build the scene as the task's recipe does. UsageError for a scene that does not fit."""
    if task.recipe_2 is None:
        return describe_recipe_1(task.options, task.base_seed + task.index)
    if task.recipe_2.scene_files.scene:
        return read_frozen(task.recipe_2.scene_files.files[task.index])
    return describe_recipe_2(task.options, task.recipe_2, task.seed, task.view)


def draw_scene(geometry: SceneGeometry, task: PictureTask, folder: Path) -> Rendered:
    """Draw with the task's engine; Blender's temporary files are in `folder`."""
    from engine.dataset.raster.drawing import render

    if task.drawing.engine == "raster":
        return render(geometry)
    from engine.dataset.cycles import drawing as cycles
    from engine.dataset.cycles.finding import find_blender
    from engine.dataset.raster.plan import bake_ground_texture

    plan = texture_area(geometry.scene)
    ground_rgb = bake_ground_texture(geometry, plan.side_px, plan.side_m, plan.middle_m)
    return cycles.render(
        geometry, ground_rgb, task.drawing, find_blender(task.blender), folder=folder
    )


class StepTimes:
    """Measures time and processor time of all threads, by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}
        self._began_s = time.perf_counter(), time.process_time()

    def end(self, step: str) -> None:
        """End the step that began with the end of the one before it."""
        now_s = time.perf_counter(), time.process_time()
        self.seconds[step], self.cpu_seconds[step] = (
            np.subtract(now_s, self._began_s).round(3).tolist()
        )
        self._began_s = now_s
