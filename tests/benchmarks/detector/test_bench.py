"""The detector: its sets are real options, its pictures are read as labelled, its table says what came out."""

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer

from engine.cli.main import app
from engine.errors import RenderError, SourceError
from tests.benchmarks.detector.bench import goals, markdown
from tests.benchmarks.detector.discs import picture_of_discs
from tests.benchmarks.detector.pictures import cut_views, draw_pictures, folder_name, read_pictures
from tests.benchmarks.detector.sets import OTHER_RANGES, PLAIN, SETS, TRAINING
from tests.benchmarks.detector.training import (
    LabelledPicture,
    TrainedNetwork,
    load_network,
    network_path,
    save_network,
    train,
)
from tests.cli.conftest import Said
from tests.support.long_form import only_soak


@only_soak
def test_both_recipes_are_trained_and_tried(bench_here: Callable[..., Said], tmp_path: Path) -> None:
    short = ("--steps", "3", "--views", "2", "--pictures", "2", "--sets", "negatives", "--threads", "1", "--json")
    said = bench_here("detector", "--work", str(tmp_path / "work"), *short)
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert set(result["sets"]) == {"plain", "negatives"}
    assert 100_000 < result["weights"] < 600_000
    for name in TRAINING:
        assert result["training"][name]["pictures"] == 2 and len(result["training"][name]["loss"]) == 1
        assert result["training"][name]["megapixels"] == 0.8
        assert {"ap50", "ap_middle", "f1", "false_positives"} <= set(result["sets"]["plain"][name])
    assert result["sets"]["negatives"]["piles"] == 0
    assert result["sets"]["negatives"]["recipe 2"]["ap50"] is None
    assert markdown(result).count("\n") == 8
    again = json.loads(bench_here("detector", "--work", str(tmp_path / "work"), *short).out)
    assert again == result, "with the kept pictures and networks, also their seconds"


@pytest.mark.parametrize("options", [*TRAINING.values(), *SETS.values()], ids=[*TRAINING, *SETS])
def test_every_set_is_a_command_that_the_dataset_accepts(options: str, tmp_path: Path) -> None:
    group = typer.main.get_command(app)
    command = group.commands["dataset"]  # type: ignore[attr-defined]
    with command.make_context("dataset", [str(tmp_path / "out"), *shlex.split(options)]) as context:
        assert context.params["recipe"] in (1, 2)
        assert context.params["save_coco"] is True


def test_no_set_shows_a_scene_that_was_trained_on() -> None:
    def seed(options: str) -> str:
        return options.partition("--seed ")[2].split()[0]

    assert {seed(options) for options in TRAINING.values()} == {"1000"}
    assert {seed(options) for options in SETS.values()} == {"9000"}
    assert SETS[OTHER_RANGES].startswith(SETS[PLAIN])


def test_an_unknown_set_is_rejected_before_anything_is_drawn(bench_here: Callable[..., Said], tmp_path: Path) -> None:
    said = bench_here("detector", "--work", str(tmp_path / "work"), "--sets", "gravel,mars")
    assert said.code == 2
    assert said.err.startswith("multiverse: --sets: mars is not one of plain, no pads, gravel")
    assert not (tmp_path / "work").exists()


def test_a_command_that_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RenderError) as refused:
        draw_pictures("--recipe 2 --altitude 160..40", tmp_path / "out", 1)
    assert str(refused.value).startswith(f"multiverse dataset {tmp_path / 'out'} --recipe 2 --altitude 160..40: ")
    assert str(refused.value).endswith("the range is upside down; write 40..160")
    assert "\n" not in str(refused.value)


def test_a_kept_network_answers_as_it_did_and_only_for_the_same_settings(tmp_path: Path) -> None:
    pictures = [picture_of_discs(seed, side_px=96) for seed in range(2)]
    network = train(pictures, steps=2, seed=0, crop_px=64)
    path = network_path(tmp_path, pictures, 2, 0, True)
    assert load_network(path) is None
    save_network(path, TrainedNetwork(network=network, seconds=12.5, loss=1.25))
    kept = load_network(path)
    assert kept is not None and (kept.seconds, kept.loss) == (12.5, 1.25)
    weights, wanted = kept.network.state_dict(), network.state_dict()
    assert all(np.array_equal(weights[name].numpy(), wanted[name].numpy()) for name in wanted)
    assert not kept.network.training
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert network_path(tmp_path, pictures, 2, 1, True) != path, "another seed"
    assert network_path(tmp_path, pictures[:1], 2, 0, True) != path, "other pictures"


@only_soak
def test_pictures_are_read_with_the_boxes_of_their_labels(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    draw_pictures("--recipe 2 --view 320x320 --engine raster --save-coco --empty-share 0 --seed 3", folder, 2)
    pictures = list(read_pictures(folder, 2))
    kept = sum(int((~picture.is_ignored).sum()) for picture in pictures)
    lines = [path.read_text(encoding="utf-8").count("\n") for path in (folder / "labels").glob("*.txt")]
    assert 0 < kept <= sum(lines)
    assert all(picture.colors.shape == (320, 320, 3) for picture in pictures)


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A dataset of one picture, red at the left, with a pile, a sliver and a crowd."""
    for name in ("images", "annotations"):
        (tmp_path / name).mkdir()
    colors = np.zeros((60, 80, 3), np.uint8)
    colors[:, :40, 2] = 200  # OpenCV writes blue first
    cv2.imwrite(str(tmp_path / "images" / "000000.png"), colors)
    boxes = {(10, 20, 30, 12): 0, (50, 5, 3, 20): 0, (60, 40, 20, 20): 1}
    part = {
        "image": {"id": 0, "width": 80, "height": 60, "file_name": "000000.png"},
        "annotations": [{"bbox": list(box), "iscrowd": crowd} for box, crowd in boxes.items()],
    }
    (tmp_path / "annotations" / "000000.json").write_text(json.dumps(part), encoding="utf-8")
    return tmp_path


def test_crowds_and_labels_of_three_pixels_may_be_found_or_not(labelled: Path) -> None:
    (picture,) = read_pictures(labelled, 1)
    assert picture.colors[5, 5].tolist() == [200, 0, 0]
    assert picture.boxes.tolist() == [[10, 20, 40, 32], [50, 5, 53, 25], [60, 40, 80, 60]]
    assert picture.is_ignored.tolist() == [False, True, True]


def test_missing_and_damaged_labels_are_named_with_the_file(labelled: Path) -> None:
    with pytest.raises(SourceError, match="1 of 2 pictures have labels"):
        list(read_pictures(labelled, 2))
    (labelled / "annotations" / "000000.json").write_text('{"image":', encoding="utf-8")
    with pytest.raises(SourceError, match=r"000000\.json: not the COCO part"):
        list(read_pictures(labelled, 1))


def test_views_keep_the_piles_that_they_show() -> None:
    colors = np.zeros((100, 300, 3), np.uint8)
    boxes = np.array([[x, 40.0, x + 20.0, 60.0] for x in range(0, 300, 50)])
    for x0, y0, x1, y1 in boxes.astype(int):
        colors[y0:y1, x0:x1] = 255
    whole = LabelledPicture(colors=colors, boxes=boxes, is_ignored=np.zeros(6, bool))
    views = cut_views(whole, 64, 30, np.random.default_rng(0))
    assert len(views) == 30
    for view in views:
        is_pile = np.zeros((64, 64), bool)
        for x0, y0, x1, y1 in view.boxes.astype(int):
            is_pile[y0:y1, x0:x1] = True
            assert x0 < x1 and y0 < y1
        assert np.array_equal(is_pile, view.colors[:, :, 0] == 255)
    slivers = [view for view in views if view.is_ignored.any()]
    assert slivers and all(
        (view.boxes[view.is_ignored][:, 2:] - view.boxes[view.is_ignored][:, :2]).min() < 4.1 for view in slivers
    )
    hidden = replace(whole, is_ignored=np.ones(6, bool))
    assert all(view.is_ignored.all() for view in cut_views(hidden, 64, 3, np.random.default_rng(0)))


def test_names_of_sets_are_names_of_folders() -> None:
    names = [folder_name(name) for name in SETS]
    assert len(set(names)) == len(SETS) and folder_name("blur 2 px") == "blur-2-px"
    assert all(name.replace("-", "").isalnum() for name in names)


def figures(ap50: float | None, f1: float, false_positives: float = 0.5) -> dict[str, Any]:
    return {"ap50": ap50, "ap_middle": ap50, "f1": f1, "false_positives": false_positives, "ap50_runs": [ap50]}


def made(piles: int, ap50: float | None, **rest: float) -> dict[str, Any]:
    told = figures(ap50, 0.9, **rest)
    return {
        "piles": piles,
        "recipe 1": figures(None if ap50 is None else 0.2, 0.3),
        "recipe 2": told,
        "rule, recipe 1": figures(None, 0.1),
        "rule, recipe 2": figures(None, 0.18),
    }


def test_the_goals_name_the_worst_set() -> None:
    sets = {
        "plain": made(50, 0.8),
        "snow": made(50, 0.6),
        "gravel": made(50, 0.82),
        "negatives": made(0, None, false_positives=1.5),
    }
    assert goals(sets) == {
        "lowest AP50 as a share of plain, at least 0.9": 0.75,
        "lowest set": "snow",
        "false positives a picture without piles, below 1": 1.5,
        "F1 of the rule as a share of the detector's, below 0.3": 0.2,
    }


def test_the_table_shows_every_set_and_why_one_is_missing() -> None:
    sets = {"plain": made(50, 0.8), "negatives": made(0, None)}
    lines = markdown({"sets": sets, "missing": {"cycles": "needs Blender: get it"}, "goals": goals(sets)}).splitlines()
    columns = {line.count("|") for line in lines[:5]}
    assert columns == {10}
    assert lines[2] == "| plain | 50 | 0.20 | 0.80 | 1.00 | 0.80 | 0.90 | 0.50 | 0.18 |"
    assert lines[3] == "| negatives | 0 | – | – | – | – | – | 0.50 | – |"
    assert lines[4].startswith("| cycles | needs Blender: get it |")
    assert "- lowest set: –" in lines
