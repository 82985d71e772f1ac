"""Pictures of a small yard drawn by Blender."""

import logging
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.dataset.cycles.drawing import query_blender, render
from engine.dataset.geometry.scene_geometry import build_geometry
from engine.dataset.labels.reading import read_labels
from engine.dataset.labels.recording import find_instances
from engine.dataset.options import SceneOptions
from engine.dataset.picture import make_picture
from engine.dataset.task import PictureTask, RenderSettings
from engine.errors import UsageError
from tests.dataset.cycles.yard import SETTINGS, YardRenderer, quarters, yard


def test_a_pixel_has_the_number_and_depth_at_its_centre(
    blender: Path, yard_renderer: YardRenderer
) -> None:
    scene, rendered = yard(), yard_renderer(blender)
    assert set(np.unique(rendered.instances)) == set(range(37))
    camera, depth = scene.camera, rendered.depth_m.astype(np.float64)
    columns, rows = np.arange(240) + 0.5, np.arange(180)[:, None] + 0.5
    x_m, y_m = (columns - 120) / camera.focal_px * depth, (90 - rows) / camera.focal_px * depth
    off_m = np.abs(camera.height_m - depth - scene.terrain.height_at(x_m, y_m))
    assert off_m[rendered.instances == 0].max() < 0.001  # half a pixel off, it would be centimetres
    for number, pile in enumerate(scene.piles, start=1):
        column, row = camera.pixel_of(np.array([[pile.x_m, pile.y_m, pile.top_m]]))[0].astype(int)
        assert (rendered.instances[row - 1 : row + 2, column - 1 : column + 2] == number).any()


def test_both_engines_agree_through_a_turned_camera_and_a_window_of_its_sensor(
    blender: Path,
) -> None:
    from engine.dataset.raster.drawing import render as render_by_raster

    scene = yard()
    turned = replace(scene.camera, x_m=1.0, y_m=-3.0, yaw_deg=50, pitch_deg=15, roll_deg=-8)
    geometry = build_geometry(replace(scene, camera=turned.window(52, 38, 120, 112)))
    one, other = render_by_raster(geometry), render(geometry, quarters(), SETTINGS, blender)
    found, found_too = find_instances(one.instances), find_instances(other.instances)
    assert len(found.numbers) > 15 and np.array_equal(found.numbers, found_too.numbers)
    assert np.abs(np.subtract(found.boxes, found_too.boxes, dtype=int)).max() <= 1
    agrees = one.instances == other.instances
    assert (~agrees).sum() < 0.01 * (one.instances > 0).sum()
    assert (
        np.isfinite(one.depth_m).all()
        and np.median(np.abs(one.depth_m - other.depth_m)[agrees]) < 0.001
    )


def test_the_same_scene_gives_the_same_bytes(blender: Path, yard_renderer: YardRenderer) -> None:
    one, other = (
        yard_renderer(blender, is_small=True),
        yard_renderer(blender, turn=1, is_small=True),
    )
    for name in ("colors", "instances", "depth_m"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


def test_a_missing_gpu_is_refused_in_one_line(blender: Path, yard_renderer: YardRenderer) -> None:
    found = query_blender(blender)
    assert yard_renderer(blender).renderer == f"Cycles, Blender {found['version']}, CPU"
    settings = RenderSettings(engine="cycles", max_samples=1, noise_threshold=0.5, use_gpu=True)
    if found["gpus"]:
        assert (
            found["gpus"][0]
            in render(yard_renderer.geometry(), quarters(), settings, blender).renderer
        )
        return
    with pytest.raises(UsageError, match=r"^--use-gpu: Cycles has no GPU here"):
        render(yard_renderer.geometry(), quarters(), settings, blender)


def test_settings_out_of_range_are_refused_by_name(yard_renderer: YardRenderer) -> None:
    assert SETTINGS.check() is None
    for changes in (
        {"max_samples": 0},
        {"noise_threshold": 0.0},
        {"noise_threshold": float("nan")},
    ):
        with pytest.raises(UsageError, match=f"^--{next(iter(changes)).replace('_', '-')}: "):
            RenderSettings(engine="cycles", **changes).check()


def test_a_site_has_the_same_labels_and_brightness_in_both_engines(
    blender: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    options = SceneOptions(
        width=240,
        height=180,
        use_clusters=True,
        num_clusters=1,
        min_piles_per_cluster=20,
        max_piles_per_cluster=20,
    )
    boxes, means = [], []
    for drawing in (
        RenderSettings(engine="raster"),
        RenderSettings(engine="cycles", max_samples=4, noise_threshold=0.1),
    ):
        folder = tmp_path / drawing.engine
        folder.mkdir()
        task = PictureTask(
            options=options, drawing=drawing, base_seed=2**63, index=1, blender=str(blender)
        )
        assert make_picture(task, folder).labelled == 20
        boxes.append(read_labels(folder / task.path("labels", ".txt"), 240, 180, 1)[0])
        means.append(cv2.imread(str(folder / task.path("images", ".png"))).mean())
    assert np.abs(boxes[0] - boxes[1]).max() < 1.01 and abs(means[1] / means[0] - 1) < 0.1
    assert any(
        line.startswith("4 samples at most, 4 at least, noise 0.1, ") for line in caplog.messages
    )
