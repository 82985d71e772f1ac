"""Makes one picture from task to files in this process: scene, stage, drawing, labels.

A run uses a new process for each picture: OpenGL drivers and Blender keep state, and no picture may depend on the one
before it.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from engine.jobs.dataset.frozen import freeze
from engine.jobs.dataset.frozen_file import read_frozen
from engine.jobs.dataset.geometry import set_stage
from engine.jobs.dataset.geometry.batches import SceneStage
from engine.jobs.dataset.geometry.ground import plan_of
from engine.jobs.dataset.labels import coco_part, encode_png, find_instances, label_text, write_hdf5
from engine.jobs.dataset.labels.facts import facts_of
from engine.jobs.dataset.labels.options import LabelOptions
from engine.jobs.dataset.labels.recording import make_record
from engine.jobs.dataset.labels.source import LabelSource
from engine.jobs.dataset.labels.writers import writers_of
from engine.jobs.dataset.layout import Recipe2Options, describe_recipe_2
from engine.jobs.dataset.layout.recipe_1 import describe_recipe_1
from engine.jobs.dataset.layout.settling import settle
from engine.jobs.dataset.made import MadePicture
from engine.jobs.dataset.rendered import Rendered
from engine.jobs.dataset.scene.description import SiteScene
from engine.jobs.dataset.sensor import photograph
from engine.jobs.dataset.step_times import StepTimes
from engine.jobs.dataset.task import PictureTask

Draw = Callable[[SceneStage, PictureTask, Path], Rendered]

log = logging.getLogger(__name__)


def make_picture(task: PictureTask, folder: Path, draw: Draw | None = None) -> MadePicture:
    """Draw the picture and write its files into `folder`, under their paths in the dataset.

    `draw`: in place of the task's engine.
    UsageError for a scene that does not fit, RenderError if the engine fails, OSError if the disk does.
    """
    log.info("picture %s, seed %s, engine %s", task.name, task.seed, task.drawing.engine)
    if task.varied is None or task.labels is None:
        made = _make_plain(task, folder, draw or draw_stage)
    else:
        made = _make_varied(task, task.varied, task.labels, folder, draw or draw_stage)
    steps = ", ".join(f"{step} {time:.2f} s" for step, time in made.seconds.items())
    log.info("%d piles on the site, %d things labelled; %s", made.piles, made.labelled, steps)
    return made


def scene_of(task: PictureTask) -> SiteScene:
    """Build the scene as the task's recipe does. UsageError for a scene that does not fit."""
    if task.varied is None:
        return describe_recipe_1(task.options, task.base_seed + task.index)
    if task.varied.given.scene:
        return read_frozen(task.varied.given.files[task.index])
    return describe_recipe_2(task.options, task.varied, task.seed, task.view)


def draw_stage(stage: SceneStage, task: PictureTask, folder: Path) -> Rendered:
    """Draw with the task's engine; Blender's temporary files are in `folder`."""
    from engine.jobs.dataset.raster import bake_ground, render

    if task.drawing.engine == "raster":
        return render(stage)
    from engine.jobs.dataset import cycles

    max_samples, noise_threshold = task.drawing.max_samples, task.drawing.noise_threshold
    assert max_samples is not None and noise_threshold is not None  # choose_drawing sets them for Cycles
    plan = plan_of(stage.scene)
    settings = cycles.CyclesSettings(
        max_samples=max_samples,
        noise_threshold=noise_threshold,
        use_gpu=task.drawing.use_gpu,
    )
    ground_rgb = bake_ground(stage, plan.side_px, plan.side_m, plan.middle_m)
    return cycles.render(stage, ground_rgb, settings, cycles.find_blender(task.blender), folder=folder)


def _make_plain(task: PictureTask, folder: Path, draw: Draw) -> MadePicture:
    """Recipe 1: only piles have numbers, and every one that can be seen is labelled."""
    steps = StepTimes()
    with steps.timed("scene"):
        drawn = asdict(settle(task.options, task.base_seed + task.index))
        scene = scene_of(task)
        stage = set_stage(scene)
    log.info("%s", ", ".join(f"{name} {value}" for name, value in drawn.items()))
    with steps.timed("draw"):
        rendered = draw(stage, task, folder)
    with steps.timed("labels"):
        found = find_instances(rendered.instances)
        height, width = rendered.instances.shape
        files = {}
        if task.with_coco:
            part = coco_part(rendered.instances, task.index, f"{task.name}.png")
            files[task.path("annotations", ".json")] = json.dumps(part).encode("ascii")
        files[task.path("labels", ".txt")] = label_text(found, width, height).encode("ascii")
        files[task.path("images", ".png")] = encode_png(rendered.colors)
    made = MadePicture(
        piles=len(scene.piles),
        labelled=len(found.numbers),
        renderer=rendered.renderer,
        drawn=drawn,
        seconds=steps.seconds,
        cpu_seconds=steps.cpu_seconds,
    )
    with steps.timed("save"):
        if task.with_hdf5:
            path = task.path("hdf5", ".hdf5")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_hdf5(folder / path, rendered)
            with (folder / path).open("rb") as file:
                made.sha256[path] = hashlib.file_digest(file, "sha256").hexdigest()
            made.bytes[path] = (folder / path).stat().st_size
        _save(files, folder, made)
    return made


def _make_varied(
    task: PictureTask, varied: Recipe2Options, labels: LabelOptions, folder: Path, draw: Draw
) -> MadePicture:
    """Recipe 2: everything has a number; the options decide what is labelled, and in which formats."""
    steps = StepTimes()
    with steps.timed("scene"):
        scene = scene_of(task)
        stage = set_stage(scene)

    def draw_seen(seen: SiteScene) -> Rendered:
        with steps.timed("draw"):
            return draw(replace(stage, scene=seen), task, folder)

    with steps.timed("sensor"):
        seed = scene.effects_seed or (task.base_seed, task.scene_number, task.view)
        photo = photograph(scene, varied.sensor, seed, draw_seen)
    with steps.timed("labels"):
        picture = task.path("images", photo.suffix)
        record = make_record(stage, photo, labels, index=task.index, file_name=picture)
        source = LabelSource(task=task, scene=scene, photograph=photo, record=record)
        files = {task.path("scenes", ".json"): freeze(scene)}
        for writer in writers_of(task.formats):
            files |= writer.files(source)
        files[picture] = encode_png(photo.rendered.colors) if photo.content is None else photo.content
        drawn: dict[str, Any] = facts_of(source)
    made = MadePicture(
        piles=len(scene.piles),
        labelled=len(record.labelled),
        renderer=photo.rendered.renderer,
        drawn=drawn,
        seconds=steps.seconds,
        cpu_seconds=steps.cpu_seconds,
    )
    with steps.timed("save"):
        _save(files, folder, made)
    return made


def _save(files: dict[str, bytes], folder: Path, made: MadePicture) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        made.sha256[path] = hashlib.sha256(content).hexdigest()
        made.bytes[path] = len(content)
