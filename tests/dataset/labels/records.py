"""Records with known things, and pictures of small sites."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.dataset.geometry.scene_geometry import build_geometry
from engine.dataset.job import DatasetJob
from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.record import FinishedPicture, LabelledThing, LabelSource, PictureRecord
from engine.dataset.labels.recording import make_record, record_of_piles
from engine.dataset.labels.writers import LabelWriter
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import SiteScene
from engine.dataset.sensor.photograph import Photograph
from engine.dataset.task import PictureTask, RenderSettings
from tests.dataset.geometry.sites import render_numbers, site
from tests.dataset.labels import small_records
from tests.dataset.labels.small_records import disc as disc


def thing(mask: np.ndarray, x0: int = 0, y0: int = 0, **changes: Any) -> LabelledThing:
    """A visible pile with this mask, (h, w) bool, at (x0, y0)."""
    attributes = {"kind": "phc", "diameter_m": 0.4, "exposed_m": 0.7, "tilt_deg": 0.3}
    known = {"number": 1, "position_m": (1.0, 2.0, 0.5), "attributes": attributes}
    return small_records.thing(x0=x0, y0=y0, mask=mask, **known | changes)


def source_of(
    *things: LabelledThing,
    options: LabelOptions | None = None,
    index: int = 0,
    subset: str = "",
    size: int = 100,
) -> LabelSource:
    """A source with a record of these things, in a black picture `size` px square."""
    labels = options or LabelOptions()
    drawing = RenderSettings(engine="raster")
    task: PictureTask = replace(
        DatasetJob(output=None, drawing=drawing, recipe=2, labels=labels).task(index),  # type: ignore[arg-type]
        subset=subset,
    )
    record = PictureRecord(
        file_name=task.path("images", ".png"),
        width_px=size,
        height_px=size,
        camera={"model": "pinhole"},
        classes=labels.class_names,
        things=things,
    )
    colors, depth_m = np.zeros((size, size, 3), np.uint8), np.full((size, size), 50.0, np.float32)
    return LabelSource(
        task=task, camera=site().camera, record=record, colors=colors, depth_m=depth_m
    )


def source_of_piles(numbers: np.ndarray, index: int = 0, **values: Any) -> LabelSource:
    """A picture of recipe 1 with these instances, (h, w) uint16. `values`: of LabelSource."""
    drawing = RenderSettings(engine="raster")
    task = DatasetJob(output=None, drawing=drawing, recipe=1, save_coco=True).task(index)  # type: ignore[arg-type]
    colors, depth_m = np.zeros((*numbers.shape, 3), np.uint8), np.zeros(numbers.shape, np.float32)
    record = record_of_piles(numbers, file_name=task.path("images", ".png"))
    known = {"camera": site().camera, "colors": colors, "depth_m": depth_m}
    return LabelSource(task=task, record=record, **known | values)


def boxes_as_numbers(boxes: list[tuple[int, int, int, int]], width: int, height: int) -> np.ndarray:
    """(height, width) instances, each of which fills one of these boxes, x0 y0 x1 y1, that do not
    overlap."""
    numbers = np.zeros((height, width), np.uint16)
    for number, (x0, y0, x1, y1) in enumerate(boxes, 1):
        numbers[y0:y1, x0:x1] = number
    return numbers


def recorded(scene: SiteScene, options: LabelOptions | None = None) -> PictureRecord:
    """The record of the scene as the raster engine draws it."""
    geometry = build_geometry(scene)
    photo = Photograph(rendered=render_numbers(geometry))
    return make_record(geometry, photo, options or LabelOptions(), file_name="images/000000.png")


def seen_from(
    height_m: float, width_px: int = 160, height_px: int = 120, **changes: Any
) -> SiteCamera:
    return SiteCamera(width_px=width_px, height_px=height_px, height_m=height_m, **changes)


def finished(folder: Path, writer: LabelWriter, source: LabelSource) -> FinishedPicture:
    """Write the files of this picture into the folder of its dataset."""
    files = writer.files(source)
    assert tuple(files) == writer.paths(source.task)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return FinishedPicture(index=source.task.index, paths=(*files, source.record.file_name))
