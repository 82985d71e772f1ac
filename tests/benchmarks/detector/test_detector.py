"""The detector: it learns what it is shown, its scores are those of COCO, its sets are real options, its pictures are
read as labelled, its table says what came out."""

import contextlib
import io
import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import typer
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from engine.cli.main import commands_of
from engine.errors import RenderError, SourceError
from tests.benchmarks.detector.bench import goals, markdown
from tests.benchmarks.detector.network import STRIDE, FoundBoxes, find
from tests.benchmarks.detector.pictures import cut_views, draw_pictures, read_pictures
from tests.benchmarks.detector.scoring import nearness, overlap, rank
from tests.benchmarks.detector.sets import SETS, TRAINING
from tests.benchmarks.detector.threshold import SpotRule, best_rule, find_spots
from tests.benchmarks.detector.training import (
    LabelledPicture,
    make_target,
    random_crop,
    train,
)
from tests.cli.conftest import Said
from tests.support.long_form import only_soak


def picture_of_discs(seed: int, *, side_px: int, pitch_px: int = 52) -> LabelledPicture:
    """Discs of 10 to 40 px, at most one in each square of `pitch_px`; values over 150 on ground below 110."""
    draw = np.random.default_rng(seed)
    colors = draw.integers(50, 110, (side_px, side_px, 3)).astype(np.uint8)
    rows, columns = np.mgrid[:side_px, :side_px] + 0.5
    boxes = []
    for left in range(0, side_px - pitch_px + 1, pitch_px):
        for top in range(0, side_px - pitch_px + 1, pitch_px):
            if draw.random() < 0.3:
                continue
            radius = float(draw.uniform(5, 20))
            x, y = (start + pitch_px / 2 + draw.uniform(-1, 1) * (pitch_px / 2 - radius - 2) for start in (left, top))
            is_disc = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
            colors[is_disc] = draw.integers(160, 220, (int(is_disc.sum()), 3))
            boxes.append([x - radius, y - radius, x + radius, y + radius])
    return LabelledPicture(colors=colors, boxes=np.array(boxes).reshape(-1, 4), is_ignored=np.zeros(len(boxes), bool))


# -- learning


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    """Trained for seconds on discs of 10 to 40 px."""
    torch.set_num_threads(1)
    pictures = [picture_of_discs(seed, side_px=160) for seed in range(8)]
    return train(pictures, steps=60, seed=0, crop_px=128)


@only_soak
def test_bright_discs_are_learned_in_seconds(network: torch.nn.Module) -> None:
    unseen = [picture_of_discs(seed, side_px=192) for seed in range(100, 106)]
    found = [find(network, picture.colors) for picture in unseen]
    assert rank(found, unseen, nearness).average_precision > 0.9
    assert rank(found, unseen, overlap).average_precision > 0.8


@only_soak
def test_a_picture_in_tiles_gives_the_boxes_of_the_whole(network: torch.nn.Module) -> None:
    picture = picture_of_discs(200, side_px=320)
    whole, tiled = find(network, picture.colors), find(network, picture.colors, tile_px=192)
    is_sure = whole.scores > 0.5
    wanted = replace(picture, boxes=whole.boxes[is_sure], is_ignored=~is_sure[is_sure])
    assert is_sure.sum() > 5
    assert rank([tiled], [wanted], overlap).average_precision > 0.9


def test_the_same_seed_trains_the_same_weights() -> None:
    torch.set_num_threads(1)
    pictures = [picture_of_discs(seed, side_px=96) for seed in range(2)]
    first, again, other = (train(pictures, steps=2, seed=seed, crop_px=64).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


@pytest.mark.parametrize("seed", range(4))
def test_boxes_stay_on_their_discs_however_a_crop_is_turned(seed: int) -> None:
    picture = picture_of_discs(seed, side_px=120)
    crop, boxes, is_ignored = random_crop([picture], 80, np.random.default_rng(seed))
    light = crop.max(axis=2)
    bright = np.zeros(light.shape, bool)
    for x0, y0, x1, y1 in boxes.round().astype(int):
        bright[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1] = True
    assert crop.shape == (80, 80, 3) and len(boxes) == len(is_ignored)
    assert light[~bright].max(initial=0) < 0.55 < light[bright].max(initial=1)


def test_every_cell_around_a_centre_answers_with_the_same_box() -> None:
    boxes = np.array([[8.0, 20.0, 28.0, 32.0], [0.0, 0.0, 6.0, 6.0]])
    target = make_target(boxes, np.zeros(2, bool), 64)
    x, y = (target.cells[:, ::-1] + target.sizes[:, :2]).T * STRIDE
    half_x, half_y = np.exp(target.sizes[:, 2:]).T * STRIDE / 2
    answered = np.stack([x - half_x, y - half_y, x + half_x, y + half_y], axis=1)
    assert len(answered) == 9 + 4  # the second is in the corner
    assert np.unique(answered.round(3), axis=0).tolist() == [[0, 0, 6, 6], [8, 20, 28, 32]]
    assert target.centres[6, 4] == target.centres[0, 0] == 1
    assert (target.shares == 1).sum() == 2


# -- rules that learn nothing


def f1(rule: SpotRule, pictures: list[LabelledPicture]) -> float:
    found = [find_spots(each.colors, rule) for each in pictures]
    return rank(found, pictures, nearness).at(0.0).f1


def test_discs_that_are_brighter_than_their_ground_are_found_by_a_rule() -> None:
    pictures = [picture_of_discs(seed, side_px=160) for seed in range(3)]
    rule = best_rule(pictures)
    unseen = [picture_of_discs(seed, side_px=160) for seed in range(50, 53)]
    assert f1(rule, unseen) > 0.95


def test_dark_discs_are_found_by_another_rule() -> None:
    pictures = [replace(each, colors=255 - each.colors) for each in (picture_of_discs(9, side_px=160),)]
    rule = best_rule(pictures)
    assert rule.channel == "dark"
    assert f1(rule, pictures) > 0.95


def test_things_of_the_same_light_as_piles_fool_every_rule() -> None:
    """A rule sees a spot's size and fill, not its form: what a detector has to learn."""

    def with_others(seed: int) -> LabelledPicture:
        picture = picture_of_discs(seed, side_px=320)
        is_pile = np.arange(len(picture.boxes)) % 3 == 0  # the other discs are only like piles
        return replace(picture, boxes=picture.boxes[is_pile], is_ignored=picture.is_ignored[is_pile])

    pictures = [with_others(seed) for seed in range(2)]
    rule = best_rule(pictures)
    assert f1(rule, pictures) < 0.6


# -- scores

BLACK = np.zeros((2, 2, 3), np.uint8)


def labels(boxes: list[list[float]]) -> LabelledPicture:
    is_ignored = np.zeros(len(boxes), bool)
    return LabelledPicture(colors=BLACK, boxes=np.array(boxes, np.float64).reshape(-1, 4), is_ignored=is_ignored)


def boxes_found(boxes: list[list[float]], scores: list[float]) -> FoundBoxes:
    return FoundBoxes(boxes=np.array(boxes, np.float64).reshape(-1, 4), scores=np.array(scores, np.float64))


def random_case(seed: int) -> tuple[list[FoundBoxes], list[LabelledPicture]]:
    """Two pictures with up to 150 piles, some found a little beside, some twice, some not, and boxes on nothing."""
    draw = np.random.default_rng(seed)
    found, pictures = [], []
    for _ in range(2):
        count = int(draw.integers(100, 150))
        corner, side = draw.uniform(0, 900, (count, 2)), draw.uniform(6, 60, (count, 2))
        picture = labels(np.concatenate([corner, corner + side], axis=1).tolist())
        is_ignored = draw.random(count) < 0.1
        picture = LabelledPicture(colors=BLACK, boxes=picture.boxes, is_ignored=is_ignored)
        beside = np.concatenate([picture.boxes, picture.boxes[::3]])[draw.permutation(count)]
        beside = beside + draw.normal(0, 3, beside.shape)
        noise = draw.uniform(0, 900, (40, 2))
        beside = np.concatenate([beside, np.concatenate([noise, noise + 20], axis=1)])
        beside[:, 2:] = np.maximum(beside[:, 2:], beside[:, :2] + 1)
        scores = draw.permutation(len(beside)) / len(beside) + draw.random() * 1e-3
        order = np.argsort(-scores)
        found.append(FoundBoxes(boxes=beside[order], scores=scores[order]))
        pictures.append(picture)
    return found, pictures


def ap50_of_pycocotools(found: list[FoundBoxes], pictures: list[LabelledPicture]) -> float:
    def as_coco(box: np.ndarray) -> list[float]:
        return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]

    annotations = [
        {"image_id": image, "category_id": 1, "bbox": as_coco(box), "iscrowd": int(ignored)}
        for image, picture in enumerate(pictures, start=1)
        for box, ignored in zip(picture.boxes, picture.is_ignored, strict=True)
    ]
    for number, annotation in enumerate(annotations, start=1):
        annotation |= {"id": number, "area": annotation["bbox"][2] * annotation["bbox"][3]}
    results = [
        {"image_id": image, "category_id": 1, "bbox": as_coco(box), "score": float(score)}
        for image, boxes in enumerate(found, start=1)
        for box, score in zip(boxes.boxes, boxes.scores, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": image} for image in range(1, len(pictures) + 1)],
            "annotations": annotations,
            "categories": [{"id": 1, "name": "pile"}],
            "info": {},
        }
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(results), "bbox")
        judge.params.iouThrs = np.array([0.5])
        judge.params.maxDets = [1, 10, 1000]
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][0, :, 0, 0, -1]
    return float(precision[precision > -1].mean())


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_that_of_pycocotools(seed: int) -> None:
    found, pictures = random_case(seed)
    ours = rank(found, pictures, overlap).average_precision
    assert ours is not None and 0.2 < ours < 0.98
    assert ours == pytest.approx(ap50_of_pycocotools(found, pictures), abs=1e-9)


def test_a_middle_counts_within_half_a_pile_but_at_least_four_pixels() -> None:
    wide, tiny = labels([[0, 0, 40, 40]]), labels([[18, 18, 22, 22]])

    def is_right(picture: LabelledPicture, x: float) -> bool:
        return bool(rank([boxes_found([[x - 5, 15, x + 5, 25]], [1.0])], [picture], nearness).is_right[0])

    assert is_right(wide, 39.9) and not is_right(wide, 40.2)
    assert is_right(tiny, 23.9) and not is_right(tiny, 24.2)


def test_false_positives_are_counted_a_picture_where_there_is_no_pile() -> None:
    empty = [labels([]), labels([])]
    found = [boxes_found([[0, 0, 9, 9]] * 3, [0.9, 0.7, 0.2]), boxes_found([], [])]
    ranked = rank(found, empty, overlap)
    assert ranked.average_precision is None
    assert ranked.at(0.5).false_positives == 1


# -- the bench


@only_soak
def test_both_recipes_are_trained_and_tried(bench_here: Callable[..., Said], tmp_path: Path) -> None:
    short = ("--steps", "3", "--views", "2", "--pictures", "2", "--sets", "negatives", "--threads", "1", "--json")
    said = bench_here("detector", "--work", str(tmp_path / "work"), *short)
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert set(result["sets"]) == {"plain", "negatives"}
    assert 1_000_000 < result["weights"] < 3_000_000, "small: it trains in minutes on a CPU"
    for name in TRAINING:
        assert result["training"][name]["pictures"] == 2 and len(result["training"][name]["loss"]) == 1
        assert result["training"][name]["megapixels"] == 0.8
        assert {"ap50", "ap_middle", "f1", "false_positives"} <= set(result["sets"]["plain"][name])
    assert result["sets"]["negatives"]["piles"] == 0
    assert result["sets"]["negatives"]["recipe 2"]["ap50"] is None
    assert markdown(result).count("\n") == 8


def test_every_set_is_a_command_that_the_dataset_accepts_and_shows_no_scene_that_was_trained_on(tmp_path: Path) -> None:
    group = typer.main.get_command(commands_of())
    command = group.commands["dataset"]  # type: ignore[attr-defined]
    for seed, options in (*((1000, each) for each in TRAINING.values()), *((9000, each) for each in SETS.values())):
        with command.make_context("dataset", [str(tmp_path / "out"), *shlex.split(options)]) as context:
            told = context.params
            assert (told["recipe"] in (1, 2), told["save_coco"], told["seed"]) == (True, True, seed), options


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
