"""Pictures with the user's own models, and frozen scenes that are drawn again: as they are, and
edited by hand."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from engine.dataset.assets.naming import parse_asset
from engine.dataset.checking.check import check_folders
from engine.dataset.checking.pictures import scene_key
from engine.dataset.frozen import freeze, parse_frozen
from engine.dataset.ground_texture import parse_ground_texture
from engine.dataset.job import DatasetJob
from engine.dataset.labels.options import LabelOptions
from engine.dataset.layout.assets import AssetOptions
from engine.dataset.layout.cameras import CameraOptions
from engine.dataset.layout.field import FieldOptions
from engine.dataset.layout.ground_cover import GroundOptions
from engine.dataset.layout.options import Recipe2Options, SceneFileOptions
from engine.dataset.layout.sky import SkyOptions
from engine.dataset.options import SceneOptions
from engine.dataset.picture import make_picture, scene_of
from engine.dataset.running.finishing import figures_of
from engine.dataset.running.manifest import entry_line
from engine.dataset.running.run import check_job, ground_sample_line, make_dataset
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.sensor.effects import SensorOptions
from engine.dataset.split import parse_split
from engine.dataset.task import PictureResult, RenderSettings, task_of
from engine.errors import UsageError
from tests.dataset.assets.models import write_glb
from tests.support.needed import needs

LABELS = LabelOptions(classes=("pile", "crate", "bag"), write=("yolo", "coco", "piles"))
EFFECTS = SensorOptions(camera_effects="strong")
pytestmark = [pytest.mark.usefixtures("warm_processes"), needs("OpenGL")]


def job_of(recipe_2: Recipe2Options, **values: Any) -> DatasetJob:
    known: dict[str, Any] = {
        "drawing": RenderSettings(engine="raster"),
        "labels": LABELS,
        "recipe": 2,
        "count": 1,
    }
    return DatasetJob(recipe_2=recipe_2, **{"output": Path("out")} | known | values)


def drawing(*assets: str, **values: Any) -> DatasetJob:
    recipe_2 = Recipe2Options(
        camera=CameraOptions(altitude=(22.0, 22.0)),
        layout=FieldOptions(empty_share=0.0, piles=(60, 80)),
        assets=AssetOptions(asset=tuple(map(parse_asset, assets))),
        sensor=EFFECTS,
    )
    return job_of(recipe_2, options=SceneOptions(width=192, height=144), **values)


def again(*texts: Path | str, **values: Any) -> DatasetJob:
    options = SceneFileOptions(scene=tuple(parse_frozen(str(text)) for text in texts))
    return job_of(Recipe2Options(scene_files=options, sensor=EFFECTS), **values)


def draw_job(job: DatasetJob, folder: Path) -> PictureResult:
    check_job(job)
    return make_picture(job.with_scene_size().task(0), folder)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("model")
    return write_glb(folder / "box.glb", color=(0.9, 0.0, 0.8, 1.0))


@pytest.fixture(scope="module")
def first(box: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PictureResult]:
    folder: Path = tmp_path_factory.mktemp("first")
    post = write_glb(box.with_name("post.glb"), color=(0.4, 0.4, 0.4, 1.0))
    assets = (
        f"box={box},scale=0.5,count=12,class=crate",
        f"post={post},scale=0.3,count=8,class=pile",
    )
    return folder, draw_job(drawing(*assets, seed=6), folder)


def annotations(folder: Path) -> list[dict[str, Any]]:
    (path,) = folder.glob("annotations/*.json")
    found: list[dict[str, Any]] = json.loads(path.read_bytes())["annotations"]
    return found


def edited(
    first: tuple[Path, PictureResult], target: Path, edit: Callable[[dict[str, Any]], None]
) -> Path:
    values = json.loads((first[0] / "scenes/000000.json").read_bytes())
    edit(values)
    target.write_text(json.dumps(values, indent=1), encoding="ascii")
    return target


def test_a_model_is_seen_in_its_colours_and_labelled_under_its_class(
    first: tuple[Path, PictureResult],
) -> None:
    folder, picture = first
    crates = [each for each in annotations(folder) if each["category_id"] == 2]
    assert len(crates) > 3 and {each["kind"] for each in crates} == {"box"}
    assert picture.scene_facts["counts"]["labelled_by_class"]["crate"] == sum(
        not each["iscrowd"] for each in crates
    )
    (path,) = (folder / "images").iterdir()
    hue = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2HSV)
    is_pink = (abs(hue[..., 0].astype(int) - 150) < 15) & (hue[..., 1] > 60)
    inside = np.zeros_like(is_pink)
    for each in crates:
        x, y, wide, high = map(int, each["bbox"])
        inside[max(y - 2, 0) : y + high + 2, max(x - 2, 0) : x + wide + 2] = True
    # JPEG smears colours
    assert is_pink.sum() > 50 and (is_pink & inside).sum() > 0.8 * is_pink.sum()
    lines = [
        line.split() for line in (folder / "labels/000000.txt").read_text("ascii").splitlines()
    ]
    assert (
        sum(line[0] == "1" for line in lines)
        == picture.scene_facts["counts"]["labelled_by_class"]["crate"]
    )


def test_a_scene_without_its_seed_gets_other_effects_and_is_like_no_other(
    first: tuple[Path, PictureResult], tmp_path: Path
) -> None:
    job = again(
        edited(first, tmp_path / "a.json", lambda values: values.update(effects_seed=[])), seed=77
    )
    result = draw_job(job, tmp_path)
    assert result.scene_facts["effects"] != first[1].scene_facts["effects"]
    assert result.scene_facts["camera"]["place"] == first[1].scene_facts["camera"]["place"]
    entry = json.loads(entry_line(job.task(0), status="done"))
    assert scene_key(entry) is None and scene_key(entry | {"seed": 0}) is not None


def test_what_is_edited_is_seen_and_labelled(
    first: tuple[Path, PictureResult], tmp_path: Path
) -> None:
    def edit(values: dict[str, Any]) -> None:
        values["distractors"] = []
        values["placed_assets"] = []
        values["piles"] = values["piles"][:1]
        values["piles"][0].update(x_m=1.0, y_m=-2.0, ground_m=None, tilt_x=0.0, tilt_y=0.0)
        values["camera"].update(x_m=0.0, y_m=0.0, pitch_deg=0.0, roll_deg=0.0, yaw_deg=0.0)
        values["sun"].update(overcast=0.0, azimuth_deg=180.0, elevation_deg=35.0, clouds=None)

    path = edited(first, tmp_path / "a.json", edit)
    job = again(path, labels=replace(LABELS, classes=("pile", "crate")))
    job = replace(job, recipe_2=replace(job.recipe_2, sensor=SensorOptions(camera_effects="none")))
    result = draw_job(job, tmp_path)
    (pile,) = annotations(tmp_path)
    assert (pile["category_id"], pile["place_m"][:2]) == (1, [1.0, -2.0])
    x, y, wide, high = pile["bbox"]
    pixels_per_m = 1 / (result.scene_facts["camera"]["gsd_cm"] / 100)
    assert x + wide / 2 == pytest.approx(96 + 1.0 * pixels_per_m, abs=4)
    assert y + high / 2 == pytest.approx(72 + 2.0 * pixels_per_m, abs=4)
    assert result.scene_facts["sun"]["azimuth_deg"] == 180.0


def test_pictures_follow_the_order_of_the_files(
    first: tuple[Path, PictureResult], tmp_path: Path
) -> None:
    original = first[0] / "scenes/000000.json"
    other = edited(
        first,
        tmp_path / "a, b.json",
        lambda values: values.update(placed_assets=[], distractors=[]),
    )
    job = again(f"{original},{original}", other, count=3)
    assert [file.path for file in job.recipe_2.scene_files.files] == [
        str(original),
        str(original),
        str(other),
    ]
    check_job(job)
    assert [bool(scene_of(job.task(index)).distractors) for index in range(3)] == [
        True,
        True,
        False,
    ]
    with pytest.raises(UsageError, match=r"^--count 4: --scene names 3 scenes$"):
        check_job(replace(job, count=4))
    with pytest.raises(UsageError, match=r"^--image-index 3: --scene names 3 scenes$"):
        check_job(replace(job, image_index=3))


def test_figures_are_those_of_the_cameras_in_the_scenes(tmp_path: Path) -> None:
    """A window of 192 px of sensors of 5280 and 2640 px: in the second a box of 4 px counts as 8 at
    5280."""
    for name, width, height_m in (("a", 5280, 52.8), ("b", 2640, 52.8)):
        camera = SiteCamera(
            width_px=192,
            height_px=144,
            height_m=height_m,
            field_of_view_deg=90,
            sensor_px=(width, width // 2),
        )
        scene = replace(
            scene_of(job_of(Recipe2Options(), options=SceneOptions(width=192, height=144)).task(0)),
            camera=camera,
        )
        (tmp_path / f"{name}.json").write_bytes(freeze(scene))
    job = again(tmp_path, count=2).with_scene_size()
    assert (
        ground_sample_line(job)
        == "1 px is 2.0 to 4.0 cm on the ground; a pile of 40 cm is 10 to 20 px wide"
    )
    box = np.array([[0.0, 0.0, 4.0, 6.0]])
    figures = figures_of(job, iter([(0, box), (1, box)]))
    assert (figures.box_width_mean_px, figures.box_height_mean_px) == (6.0, 9.0)


def test_a_whole_run_draws_a_scene_as_it_was_and_an_edited_one_and_the_check_knows_both(
    first: tuple[Path, PictureResult], tmp_path: Path
) -> None:
    def darken(values: dict[str, Any]) -> None:
        values["sun"].update(energy=0.8)
        values["placed_assets"] = []
        values["camera"].update(x_m=values["camera"]["x_m"] + 3)

    shutil.copytree(first[0] / "scenes", tmp_path / "two")
    edited(first, tmp_path / "two/000001.json", darken)
    job = again(tmp_path / "two", output=tmp_path / "out", count=2, jobs=1)
    report = make_dataset(job)
    assert (report.made, report.missing) == (2, 0) and "README.md" in report.outputs
    command = "--count 2 --seed 0 --engine raster --scene 000000.json,000001.json"
    assert command in (tmp_path / "out/README.md").read_text(encoding="utf-8")
    manifest = tmp_path / "out/manifest.jsonl"
    before = manifest.read_bytes()
    entry, darker = map(json.loads, before.splitlines())
    assert entry["sha256"] == first[1].sha256 != darker["sha256"] and len(entry["sha256"]) == 5
    assert entry["drawn"] | {"look": 0} == json.loads(
        json.dumps(first[1].scene_facts | {"look": 0})
    )
    shutil.copytree(first[0], tmp_path / "first")
    entry = {
        "index": 0,
        "seed": [6, 0],
        "status": "done",
        "options": {"recipe": 2},
        "sha256": first[1].sha256,
    }
    (tmp_path / "first/manifest.jsonl").write_text(json.dumps(entry), encoding="ascii")
    double, shared = check_folders([tmp_path / "first", tmp_path / "out"]).shared
    assert double.kind == "duplicate" and shared.kind == "shared" and "[[6, 0], 2]" in shared.text
    assert (make_dataset(job).kept, manifest.read_bytes()) == (2, before)
    earlier = before.replace(b'"seed": [6, 0], "options"', b'"seed": [77, 0], "options"')
    assert earlier != before
    manifest.write_bytes(earlier)  # as versions wrote it that named the seed of the run
    assert make_dataset(job).kept == 2


def test_options_of_scenes_have_no_effect_and_are_refused(
    first: tuple[Path, PictureResult], box: Path
) -> None:
    job = again(first[0] / "scenes")
    for changed, name in (
        (replace(job, seed=77), "--seed 77"),
        (replace(job, options=SceneOptions(num_rows=3)), "--num-rows"),
        (replace(job, recipe_2=replace(job.recipe_2, camera=CameraOptions(views=2))), "--views"),
        (replace(job, recipe_2=replace(job.recipe_2, sky=SkyOptions(overcast=1.0))), "--overcast"),
        (
            replace(
                job,
                recipe_2=replace(
                    job.recipe_2, assets=AssetOptions(asset=(parse_asset(f"b={box}"),))
                ),
            ),
            "--asset",
        ),
        (
            replace(
                job,
                recipe=1,
                recipe_2=Recipe2Options(scene_files=job.recipe_2.scene_files),
                labels=LabelOptions(),
            ),
            "--scene",
        ),
    ):
        with pytest.raises(UsageError, match=rf"^{name}: has no effect"):
            check_job(changed)


def test_what_cannot_be_drawn_is_refused_in_one_line(
    first: tuple[Path, PictureResult], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for text, message in (
        (tmp_path / "no.json", r"no\.json: cannot be read \("),
        (tmp_path / "empty", "empty: has no .json files"),
        (
            edited(first, tmp_path / "a.json", lambda values: values["sun"].update(energy=-1)),
            r"a\.json: \$\.sun\.energy",
        ),
    ):
        with pytest.raises(UsageError, match=rf"^--scene [^\n]*{message}[^\n]*$"):
            parse_frozen(str(text))
    moved = edited(
        first, tmp_path / "b.json", lambda values: values["assets"][0].update(path="/gone/box.glb")
    )
    with pytest.raises(UsageError, match=r"^--asset box: /gone/box\.glb: cannot be read"):
        parse_frozen(str(moved))
    other = edited(
        first, tmp_path / "c.json", lambda values: values["assets"][0].update(sha256="0" * 64)
    )
    with pytest.raises(UsageError, match=r"^--asset box: .*box\.glb: has changed"):
        parse_frozen(str(other))
    wide = edited(first, tmp_path / "d.json", lambda values: values["camera"].update(width_px=200))
    with pytest.raises(
        UsageError,
        match=r"d\.json: its picture is 200x144 px, that of .*000000\.json 192x144; draw",
    ):
        check_job(again(first[0] / "scenes/000000.json", wide))


def test_views_of_one_scene_are_not_split(
    first: tuple[Path, PictureResult], tmp_path: Path
) -> None:
    other = edited(
        first, tmp_path / "a.json", lambda values: values["effects_seed"].__setitem__(2, 1)
    )
    job = again(first[0] / "scenes", other, count=2)
    check_job(job)
    with pytest.raises(
        UsageError, match=r"^--split: 000000\.json and a\.json of --scene are views of one scene"
    ):
        check_job(replace(job, split=parse_split("50/50")))


def test_the_fingerprint_holds_the_content_of_a_scene_which_may_not_change_during_a_run(
    first: tuple[Path, PictureResult], tmp_path: Path
) -> None:
    same, path = (edited(first, tmp_path / f"{name}.json", lambda values: None) for name in "ab")
    other = edited(first, tmp_path / "c.json", lambda values: values.update(seed=1))
    keys = [json.dumps(again(each).task(0).key) for each in (same, path, other)]
    assert keys[0] == keys[1] != keys[2]
    job = again(path)
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(UsageError, match=r"b\.json: has changed since the run began"):
        make_picture(job.task(0), tmp_path)


def test_a_model_or_texture_that_was_moved_is_still_the_same(box: Path, tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "slabs.png"), np.full((16, 16, 3), 90, np.uint8))

    def key(folder: Path) -> dict[str, Any]:
        job = drawing(f"box={folder / 'box.glb'},scale=0.3")
        options = GroundOptions(ground_texture=(parse_ground_texture(f"{folder / 'slabs.png'},4"),))
        return replace(job, recipe_2=replace(job.recipe_2, ground=options)).task(0).key

    moved = tmp_path / "moved"
    moved.mkdir()
    for path in (box, tmp_path / "slabs.png"):
        shutil.copy(path, moved)
    (tmp_path / "box.glb").write_bytes(box.read_bytes())
    before = key(tmp_path)
    assert key(moved) == before
    assert (
        before["asset"][0]["asset"]["path"] == "box.glb"
        and before["ground_texture"][0]["path"] == "slabs.png"
    )
    write_glb(moved / "box.glb", color=(0.3, 0, 0, 1))
    assert key(moved) != before


def test_a_cluster_is_not_sent_files_that_it_could_not_read(
    first: tuple[Path, PictureResult], box: Path, tmp_path: Path
) -> None:
    assert cv2.imwrite(str(tmp_path / "slabs.png"), np.full((16, 16, 3), 90, np.uint8))
    options = GroundOptions(ground_texture=(parse_ground_texture(str(tmp_path / "slabs.png")),))
    for job, name in (
        (drawing(f"box={box},scale=0.3,class=crate"), "--asset"),
        (job_of(Recipe2Options(ground=options), labels=LabelOptions()), "--ground-texture"),
        (again(first[0] / "scenes"), "--scene"),
    ):
        job.check()
        with pytest.raises(UsageError, match=rf"^{name}: --cluster does not send its files"):
            replace(job, cluster="auto").check()


@pytest.mark.only_on("linux", reason="only Linux has file names of any bytes")
def test_a_model_whose_file_name_is_no_utf8_goes_into_task_manifest_and_scene(
    tmp_path: Path,
) -> None:
    path = write_glb(tmp_path / os.fsdecode(b"caf\xe9.glb"))
    job = drawing(f"box={path},scale=0.3,class=crate")
    task = job.task(0)
    assert task_of(task.as_json()) == task
    assert msgspec.json.decode(entry_line(task, status="done"))["options"] == task.key
    (tmp_path / "scene.json").write_bytes(freeze(scene_of(task)))
    job = again(tmp_path / "scene.json")
    check_job(job)
    assert scene_of(job.task(0)).assets[0].path == str(path)
