"""The dataset card has the figures of the pictures, and warns of common pitfalls."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from engine.dataset.card.card import CardPicture, remove_card, write_card
from engine.dataset.frozen import FrozenFile
from engine.dataset.job import DatasetJob
from engine.dataset.labels.options import LabelOptions
from engine.dataset.layout.cameras import CameraOptions
from engine.dataset.layout.clutter import ClutterOptions
from engine.dataset.layout.options import Recipe2Options, SceneFileOptions
from engine.dataset.layout.piles import PileOptions
from engine.dataset.layout.sky import SkyOptions
from engine.dataset.options import SceneOptions
from engine.dataset.running.finishing import command_options
from engine.dataset.sensor.effects import SensorOptions
from engine.dataset.task import RenderSettings


def card(
    folder: Path, dataset_job: list[CardPicture], size_px: tuple[int, int] = (640, 480)
) -> tuple[str, ...]:
    job = DatasetJob(
        output=folder,
        drawing=RenderSettings(engine="raster"),
        seed=7,
        options=SceneOptions(width=size_px[0], height=size_px[1]),
        labels=LabelOptions(classes=("pile", "bag"), write=("yolo", "coco")),
    )
    return write_card(dataset_job, job, "raster", {"--altitude": "40..60", "--strip": ""})


def pictures(counts: list[int], subset: str = "") -> list[CardPicture]:
    """Pictures with boxes of 8 x 10 px in the upper left corner."""
    box = np.array([[4, 4, 12, 14]], np.float64)
    return [(subset, np.repeat(box, count, 0), 0.4) for count in counts]


def test_the_command_has_every_option_that_changes_a_picture(tmp_path: Path) -> None:
    job = DatasetJob(
        output=tmp_path,
        drawing=RenderSettings(
            engine="cycles", max_samples=30, noise_threshold=0.02, use_gpu=False
        ),
        options=SceneOptions(use_clusters=False, width=640, row_spacing=2.5),
        recipe_2=Recipe2Options(
            camera=CameraOptions(altitude=(40.1234567, 160.0), strip=True, views=3),
            sky=SkyOptions(time=(9.0, 9.0)),
            piles=PileOptions(feet=(("none", 0.7), ("pad", 0.3))),
            clutter=ClutterOptions(confusers=("hole", "cable_drum")),
            sensor=SensorOptions(camera_effects="mild,blur=2"),
        ),
        save_coco=True,
    )
    options = command_options(job)
    assert options == {
        "--engine": "cycles",
        "--max-samples": "30",
        "--noise-threshold": "0.02",
        "--no-use-gpu": "",
        "--save-coco": "",
        "--width": "640",
        "--no-use-clusters": "",
        "--row-spacing": "2.5",
        "--altitude": "40.1234567..160",
        "--views": "3",
        "--strip": "",
        "--time": "9..9",
        "--feet": "none=0.7,pad=0.3",
        "--confusers": "hole,cable_drum",
        "--camera-effects": "mild,blur=2",
    }


def test_a_command_names_few_scenes_and_quotes_what_a_shell_would_split(tmp_path: Path) -> None:
    files = tuple(
        FrozenFile(
            path=f"/home/me/{name}.json",
            sha256="",
            size_px=(64, 64),
            sensor_width_px=64,
            gsd_cm=2.0,
            classes=(),
        )
        for name in ("a b", *map(str, range(20)))
    )
    options = SceneFileOptions(scene=(files[:1], files[1:3], files))
    job = DatasetJob(
        output=tmp_path,
        drawing=RenderSettings(engine="raster"),
        recipe_2=Recipe2Options(scene_files=options),
    )
    assert command_options(job) == {
        "--engine": "raster",
        "--scene": "'a b.json' --scene 0.json,1.json --scene SCENES",
    }


def test_the_card_has_figures_command_and_plots(tmp_path: Path) -> None:
    job = [*pictures([0, 4], subset="train"), *pictures([8], subset="val")]
    assert card(tmp_path, job) == (
        "README.md",
        *(f"card/{name}.svg" for name in ("counts", "sizes", "places", "brightness")),
    )
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    for line in (
        "| pictures | 3 (640x480 px) |",
        "| split | 2 train, 1 val |",
        "| boxes | 12: 4.0 a picture, 0 to 8 |",
        "| longer side | 10 px in the middle, 90 % from 10 to 10 px |",
        "| pictures without a box | 33.3% |",
        "multiverse dataset OUT --recipe 2 --count 3 --seed 7 --altitude 40..60 --strip",
        "yolo detect train data=dataset.yaml imgsz=640 max_det=300",
    ):
        assert line in text.splitlines()
    assert "--split" not in text and "maxDets" not in text
    for path in (tmp_path / "card").iterdir():
        assert f"(card/{path.name})" in text
        ElementTree.parse(path)


def test_it_warns_of_many_boxes_large_pictures_and_no_split(tmp_path: Path) -> None:
    card(tmp_path, pictures([700, 3]), (5280, 480))
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert (
        "give `max_det=700`" in text
        and "maxDets=[1, 10, 1000]" in text
        and "--split 80/10/10" in text
    )
    assert "At `imgsz=640` a box of the middle size has 1 px" in text


def test_a_card_goes_with_its_plots_and_an_earlier_versions_preview_but_no_other_readme(
    tmp_path: Path,
) -> None:
    card(tmp_path, pictures([3]))
    for name in ("preview.png", "notes.txt"):
        (tmp_path / name).touch()
    remove_card(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["notes.txt"]
    assert list((tmp_path / "card").iterdir()) == []
    (tmp_path / "README.md").write_text("# Mine", encoding="utf-8")
    (tmp_path / "preview.png").touch()
    remove_card(tmp_path)
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        "notes.txt",
        "README.md",
        "preview.png",
    }


def test_a_dataset_without_boxes_has_a_card(tmp_path: Path) -> None:
    card(tmp_path, pictures([0, 0]))
    assert "| boxes | 0: 0.0 a picture, 0 to 0 |" in (tmp_path / "README.md").read_text(
        encoding="utf-8"
    )
