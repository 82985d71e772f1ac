"""One picture of recipe 2, from task to files, with every format."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.dataset.frozen import freeze, thaw
from engine.dataset.job import DatasetJob
from engine.dataset.labels.options import FORMATS, LabelOptions
from engine.dataset.labels.reading import read_labels
from engine.dataset.labels.writers import writers_of
from engine.dataset.layout.cameras import CameraOptions
from engine.dataset.layout.field import FieldOptions
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.options import SceneOptions
from engine.dataset.picture import make_picture, scene_of
from engine.dataset.sensor.effects import SensorOptions
from engine.dataset.task import PictureResult, PictureTask, RenderSettings

CLASSES = ("pile", "bag", "machine")


def task_of(subset: str = "", **labels: object) -> PictureTask:
    job = DatasetJob(
        output=Path("out"),
        drawing=RenderSettings(engine="raster"),
        recipe=2,
        options=SceneOptions(width=256, height=192),
        recipe_2=Recipe2Options(
            camera=CameraOptions(altitude=(40.0, 40.0), tilt=(20.0, 20.0)),
            layout=FieldOptions(empty_share=0.0, piles=(60, 80)),
            sensor=SensorOptions(camera_effects="strong"),
        ),
        labels=LabelOptions(**labels),  # type: ignore[arg-type]
    )
    job.check()
    return replace(job.task(9), subset=subset)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PictureTask, PictureResult]:
    folder: Path = tmp_path_factory.mktemp("picture")
    task = task_of("train", classes=CLASSES, write=FORMATS)
    return folder, task, make_picture(task, folder)


def test_the_files_are_those_that_were_announced_labels_first_and_the_picture_last(
    results: tuple[Path, PictureTask, PictureResult],
) -> None:
    folder, task, picture = results
    paths = list(picture.sha256)
    announced = [path for writer in writers_of(task.labels.written) for path in writer.paths(task)]
    assert paths == ["scenes/train/000009.json", *announced, "images/train/000009.jpg"]
    assert sorted(paths) == sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    for path, digest in picture.sha256.items():
        content = (folder / path).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (digest, picture.bytes[path])
    assert cv2.imread(str(folder / paths[-1])).shape == (192, 256, 3)


def test_all_formats_agree_on_every_thing(results: tuple[Path, PictureTask, PictureResult]) -> None:
    folder, task, picture = results
    part = json.loads((folder / "annotations/train/000009.json").read_bytes())
    clear = [each for each in part["annotations"] if not each["iscrowd"]]
    assert picture.labelled == len(clear) > 20
    assert {1} < {each["category_id"] for each in clear} <= {1, 2, 3}
    boxes = np.array([each["bbox"] for each in clear])
    for name in ("yolo", "yolo-seg", "yolo-pose"):
        path = folder / task.path(task.labels.folder_of(name), ".txt")
        read, classes = read_labels(path, 256, 192, len(CLASSES))
        # from the middle of the first pixel to that of the last
        atol = 1.01 if name == "yolo-seg" else 0.01
        assert np.allclose(
            np.column_stack([read[:, :2], read[:, 2:] - read[:, :2]]), boxes, atol=atol
        )
        assert (classes + 1).tolist() == [each["category_id"] for each in clear]
    lines = [
        json.loads(line)
        for line in (folder / "piles/train/000009.jsonl").read_text("ascii").splitlines()
    ]
    piles = {each["number"]: each for each in part["annotations"] if each["category_id"] == 1}
    assert [line["number"] for line in lines] == list(piles)
    for line in lines:
        own = piles[line["number"]]
        assert (line["area_px"], line["visible_share"], line["place_m"], line["head_px"] or [0,
            0]) == (
            own["area"], own["visible_share"], own["place_m"], own["keypoints"][:2],
        )  # fmt: skip


def test_the_scene_can_be_read_from_its_file(
    results: tuple[Path, PictureTask, PictureResult],
) -> None:
    folder, task, picture = results
    content = (folder / "scenes/train/000009.json").read_bytes()
    scene = scene_of(task)
    assert content == freeze(scene) and thaw(content).piles == scene.piles
    assert picture.piles == len(scene.piles)


def test_the_manifest_has_camera_ground_sun_and_counts(
    results: tuple[Path, PictureTask, PictureResult],
) -> None:
    folder, task, picture = results
    scene, facts = scene_of(task), json.loads(json.dumps(picture.scene_facts))
    assert (folder / facts["scene"]).read_bytes() == freeze(scene)
    assert (facts["subset"], facts["scene_number"], facts["view"]) == ("train", 9, 0)
    assert facts["camera"]["place"] == scene.camera.position_m.tolist()
    assert facts["camera"]["lens"] == facts["effects"]["lens"] and facts["effects"]["jpeg"] > 0
    assert facts["sun"]["azimuth_deg"] == scene.sun.azimuth_deg
    assert facts["ground"]["soil"] == list(scene.ground.soil)
    counts = facts["counts"]
    assert counts["crowd"] > 0
    assert (counts["piles"], counts["others"]) == (len(scene.piles), len(scene.distractors))
    assert counts["labelled"] == picture.labelled == sum(counts["labelled_by_class"].values())
    assert counts["labelled_by_class"]["bag"] <= sum(
        thing.kind == "bag" for thing in scene.distractors
    )
